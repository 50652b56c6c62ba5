"""The seven diagnoses of HAM10000, in their one fixed order.

Every file that stores numbers per class stores the codes as well, and loading goes through
`assert_codes`, because a wrong class order is the commonest silent bug in this field.
Source: Tschandl et al., Scientific Data 5, 180161 (2018), table 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from skin_app.words.language import SpokenError


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis: HAM10000 code, names, whether it counts as malignant, and a display colour.

    `short`: the name where a line is short.

    akiec holds actinic keratosis and Bowen's disease (intraepithelial carcinoma). It counts as
    malignant here, as in the ISIC 2018 challenge's malignant grouping.
    """

    code: str
    name: str
    malignant: bool
    colour: str
    short: str


DIAGNOSES: tuple[Diagnosis, ...] = (
    Diagnosis("akiec", "Actinic keratosis / Bowen's disease", True, "#b45309", "Actinic keratosis"),
    Diagnosis("bcc", "Basal cell carcinoma", True, "#be185d", "Basal cell carcinoma"),
    Diagnosis("bkl", "Benign keratosis-like lesion", False, "#0f766e", "Benign keratosis"),
    Diagnosis("df", "Dermatofibroma", False, "#4d7c0f", "Dermatofibroma"),
    Diagnosis("mel", "Melanoma", True, "#b91c1c", "Melanoma"),
    Diagnosis("nv", "Melanocytic naevus", False, "#1d4ed8", "Melanocytic naevus"),
    Diagnosis("vasc", "Vascular lesion", False, "#7e22ce", "Vascular lesion"),
)
CODES: tuple[str, ...] = tuple(diagnosis.code for diagnosis in DIAGNOSES)
MALIGNANT: tuple[bool, ...] = tuple(diagnosis.malignant for diagnosis in DIAGNOSES)


class ClassOrderError(SpokenError, ValueError):
    """A file lists other classes than this program, or lists them in another order."""


def assert_codes(codes: Sequence[str], source: str) -> None:
    """Raise `ClassOrderError` unless `codes` are the seven codes in their fixed order."""
    if tuple(codes) != CODES:
        raise ClassOrderError(
            "{source} stores its numbers for the classes {codes}, but this program expects {wanted} in "
            "that order. Use weights made by this trainer.",
            source=source,
            codes=", ".join(codes) or "(-)",
            wanted=", ".join(CODES),
        )
