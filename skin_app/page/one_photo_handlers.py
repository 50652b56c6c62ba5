"""What the events of the one-photo tab do, as plain functions without gradio.

A photo takes two steps: `receive` reads and decodes the upload; `answer` runs the networks, for the
quick answer first. The page keeps the result as `Shown`, in memory only. `compare_corrected` shows
the photo beside a corrected copy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skin_app.analysis import Analysis
from skin_app.context import Patient
from skin_app.corrections import CORRECTIONS, view_square
from skin_app.ensemble import Ensemble
from skin_app.overlay import DisplayPhoto, data_url, for_display, shrunk
from skin_app.page.answer_panels import answer_status
from skin_app.page.finished import LEFT, watched
from skin_app.page.templates import fill, status
from skin_app.page.uploads_and_sessions import Desk, Waiting, delete, read
from skin_app.photo.memory import MemoryFullError
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.views import VIEWS
from skin_app.words import page as words
from skin_app.words.language import Say

# drawings that show no patient, in the order of `words.EXAMPLE_NAMES`
EXAMPLES = ("pigment-network.jpg", "globules.jpg", "irregular-patchy.jpg", "red-lacunae.jpg")
EXAMPLES_FOLDER = Path(__file__).resolve().parent / "examples"
HELD_PIXELS = 1_500_000  # of each photo whose result is shown, 4.5 MB at most
COMPARED_SIDE = 480


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page remembers of the photo whose result it shows.

    `held`: the photo itself for corrections, a smaller copy (`is_copy`) when it has more than
    `HELD_PIXELS`; None where corrections are not offered. `token`: names the photo within the page.
    """

    photo: DisplayPhoto
    analysis: Analysis
    held: Photo | None = None
    is_copy: bool = False
    token: str = ""

    def of(self, patient: Patient) -> "Shown":
        """The same photo with the answer for a patient; runs no network."""
        return replace(self, analysis=self.analysis.with_patient(patient))


@dataclass(frozen=True, eq=False)
class Received:
    """A photo was read, or not.

    `status`: HTML; `waiting`: the encoded photo for `answer`, and `display`: the same at screen size;
    both None when there is nothing to analyse.
    """

    status: str
    waiting: Waiting | None = None
    display: DisplayPhoto | None = None


NO_PHOTO = Received("")


@dataclass(frozen=True, eq=False)
class AnswerUpdate:
    """The state of the result: `shown` is None where there is none; `status`: HTML."""

    status: str
    shown: Shown | None = None


def receive(say: Say, path: str, uploads: Path) -> Received:
    """Read and decode an upload inside the folder `uploads`; its file is deleted first."""

    def taken() -> bytes:
        try:
            return read(path, uploads)
        finally:
            delete(path, uploads)

    return received_from(say, taken)


def receive_example(say: Say, index: int) -> Received:
    """Read one of the synthetic drawings that ship with the page; its file stays."""
    name = EXAMPLES[index]
    return received_from(say, lambda: (EXAMPLES_FOLDER / name).read_bytes())


def received_from(say: Say, source: Callable[[], bytes]) -> Received:
    try:
        data = source()
        photo = read_photo(data)
    except PhotoError as error:
        with watched("photo") as request:
            request.refused(error)
        return Received(status(error.said(say), level="error"))
    return Received(status(say(words.ANALYSING)), Waiting(data), for_display(photo))


def answer(say: Say, ensemble: Ensemble, desk: Desk, visitor: str) -> Iterator[AnswerUpdate]:
    """The quick, then the full answer to the photo that waits for `visitor`; nothing if none waits.

    Says nothing any more once the visitor has chosen another photo. After a fault in the program the
    result is cleared, a sentence says so, and the exception goes on to gradio's log.
    """
    waiting = desk.take(visitor)
    if waiting is None:
        return
    try:
        with watched("photo") as request:
            with request.stage("decode"):
                photo = read_photo(waiting.data)
            display, held = for_display(photo), held_copy(photo)
            for analysis in request.steps("networks", ensemble.refine(photo)):
                if not desk.wants(visitor, waiting.token):
                    request.error = LEFT
                    return
                refining = analysis.views < VIEWS
                kept = replace(analysis, photo=Photo(display.pixels))
                remembered = Shown(display, kept, held, held is not photo, waiting.token)
                yield AnswerUpdate(answer_status(say, analysis, refining), remembered)
                request.views = analysis.views
                if not refining:
                    request.answered(analysis.outcome)
    except MemoryFullError as error:
        if desk.wants(visitor, waiting.token):
            yield AnswerUpdate(status(error.said(say), level="error"))
    except Exception:
        if desk.wants(visitor, waiting.token):
            yield AnswerUpdate(status(say(words.FAULT), level="error"))
        raise


def held_copy(photo: Photo) -> Photo:
    """The photo itself, or a smaller one of at most `HELD_PIXELS`."""
    pixels = photo.width * photo.height
    if pixels <= HELD_PIXELS:
        return photo
    long_side = int(max(photo.width, photo.height) * np.sqrt(HELD_PIXELS / pixels))
    return replace(photo, pixels=shrunk(photo.pixels, long_side))


def correcting(say: Say, shown: Shown | None) -> str:
    """The photo, with boxes of the size of what `compare_corrected` will show; HTML."""
    if shown is None or shown.held is None:
        return status(say(words.CORRECTING))
    return fill(
        "correcting.html",
        say,
        original=data_url(shrunk(shown.held.pixels, COMPARED_SIDE)),
        size=(shown.held.width, shown.held.height),
    )


def compare_corrected(say: Say, ensemble: Ensemble, shown: Shown | None, name: str | None) -> str:
    """The photo and its copy by the correction `name` of `CORRECTIONS`, each with its answer.

    HTML, "" where `name` is None; changes nothing else on the page.
    """
    if name is None:
        return ""
    if shown is None or shown.held is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    corrected = CORRECTIONS[name](shown.held)
    if np.array_equal(corrected.pixels, shown.held.pixels):
        return status(say(words.UNCHANGED), level="note")
    patient = shown.analysis.patient
    try:
        before, after = (own.with_patient(patient) for own in ensemble([shown.held, corrected]))
    except MemoryFullError as error:
        return status(error.said(say), level="error")
    return fill(
        "corrected.html",
        say,
        name=name,
        original=data_url(shrunk(shown.held.pixels, COMPARED_SIDE)),
        corrected=data_url(shrunk(corrected.pixels, COMPARED_SIDE)),
        size=(shown.held.width, shown.held.height),
        frame=view_square(shown.held) if name == "field of view" else None,
        copy_megapixels=HELD_PIXELS / 1e6 if shown.is_copy else None,
        before=before,
        after=after,
    )
