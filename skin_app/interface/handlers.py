"""What happens when someone does something on the page, as plain functions without gradio.

A photo goes two steps: `receive` reads and forgets the upload and decodes it; `answer` runs the
networks, quick answer first. What the page then remembers of it is `Shown`, in memory only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from skin_app.diagnoses import CODES
from skin_app.ensemble import Analysis, Ensemble
from skin_app.interface import words
from skin_app.interface.drawing import DisplayPhoto, data_url, for_display, overlay
from skin_app.interface.fragments import answer_status, map_figure, status
from skin_app.interface.uploads import delete, read
from skin_app.photo import Photo, PhotoError, read_photo
from skin_app.synthetic import EXAMPLES
from skin_app.views import VIEWS

EXAMPLES_FOLDER = Path(__file__).resolve().parent / "examples"


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page remembers of the photo whose result it shows."""

    photo: DisplayPhoto
    analysis: Analysis


@dataclass(frozen=True, eq=False)
class Received:
    """A photo was read, or not.

    `preview`: `data:` URL for the photo field, None to empty it; `status`: HTML; `waiting`: the
    photo for `answer`, None when there is nothing to analyse.
    """

    preview: str | None
    status: str
    waiting: Photo | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """The state of the result: `shown` is None where there is none; `status`: HTML."""

    status: str
    shown: Shown | None = None


def receive(path: str | None, uploads: Path) -> Iterator[Received]:
    """Read and decode an upload inside the folder `uploads`, then delete its file.

    The file goes only after the answer is out: until its own preview has arrived, the browser shows
    the file.
    """
    if path is None:
        yield Received(None, status(words.IDLE))
        return
    try:
        yield _decoded(lambda: read(path, uploads))
    finally:
        delete(path, uploads)


def receive_example(index: int) -> Received:
    """Read one of the synthetic drawings that ship with the page; its file stays."""
    name = list(EXAMPLES)[index]
    return _decoded(lambda: (EXAMPLES_FOLDER / name).read_bytes())


def _decoded(source: Callable[[], bytes]) -> Received:
    try:
        photo = read_photo(source())
    except PhotoError as error:
        return Received(None, status(str(error), kind="error"))
    preview = data_url(for_display(photo).pixels)
    return Received(preview, status("Photo read; analysing …"), photo)


def answer(ensemble: Ensemble, waiting: Photo | None, shown: Shown | None = None) -> Iterator[Answered]:
    """The quick answer, then the full one, of the photo that is waiting.

    Without one, what is shown is shown again; without that either, a sentence says what to do.
    After a fault in the program the result is cleared and said to be missing, and the exception
    goes on to gradio's log.
    """
    if waiting is None:
        if shown is None:
            yield Answered(status(words.NOTHING_CHOSEN, kind="error"))
        else:
            yield Answered(answer_status(shown.analysis, refining=False), shown)
        return
    try:
        photo = for_display(waiting)
        for analysis in ensemble.refine(waiting):
            refining = analysis.views < VIEWS
            yield Answered(answer_status(analysis, refining), Shown(photo, analysis))
    except Exception:
        yield Answered(status(words.FAULT, kind="error"))
        raise


def draw_map(shown: Shown | None, code: str, opacity: float) -> str:
    """HTML of the map of class `code` over the photo; `opacity` in [0, 1]."""
    if shown is None:
        return status(words.NO_LONGER_HELD, kind="error")
    index = CODES.index(code)
    pixels = overlay(shown.photo, shown.analysis.maps[index], opacity)
    return map_figure(
        pixels,
        code,
        float(shown.analysis.probabilities[index]),
        opacity,
        _on_lesion(shown.analysis, index),
    )


def _on_lesion(analysis: Analysis, index: int) -> float | None:
    assessment = analysis.assessment
    if assessment is None or assessment.heat_on_lesion is None:
        return None
    share = float(assessment.heat_on_lesion[index])
    return None if isnan(share) else share
