"""Three lesions of HAM10000 that the page offers as examples, where it may ask the ISIC Archive.

One of each outcome. Of the lesions that histopathology confirmed and that have a single image, those
count whose held-out member ranks the true diagnosis first and gives this outcome; of them, the one with
the median malignant probability was taken. A test repeats this choice from the weights' kept
predictions.
"""

from dataclasses import dataclass

from skin_app.outcome import Outcome


@dataclass(frozen=True)
class ExampleLesion:
    """`image_id`: in the archive; `dx`: confirmed diagnosis; `outcome`: of the held-out member."""

    image_id: str
    dx: str
    outcome: Outcome


EXAMPLE_LESIONS = (
    ExampleLesion("ISIC_0026229", "mel", "suspicious"),
    ExampleLesion("ISIC_0030721", "bkl", "uncertain"),
    ExampleLesion("ISIC_0031559", "nv", "not suspicious"),
)
