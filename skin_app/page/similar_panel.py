"""The strip of similar confirmed lesions; a click fetches their pictures from the ISIC Archive."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES
from skin_app.gallery.archive_client import ArchiveError, ArchivePicture
from skin_app.gallery.similar_lesions import LesionPictures, SimilarLesion
from skin_app.overlay import data_url
from skin_app.page.one_photo_handlers import Shown
from skin_app.page.queues import PICTURES, QUIET
from skin_app.page.templates import as_url, fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, visitor_of
from skin_app.page.visitor_language import spoken
from skin_app.words import page, similar
from skin_app.words.language import ENGLISH, Say

NAMES = {diagnosis.code: diagnosis.short for diagnosis in DIAGNOSES}
# The button goes when the strip is drawn anew: the row of cards takes over the keyboard's place.
SHOW_CLICK = """
element.addEventListener('click', (event) => {
  if (!event.target.closest('button.show-pictures')) return;
  const watching = new MutationObserver(() => {
    const row = element.querySelector('ul.lesions');
    if (row && document.activeElement === document.body) row.focus({ preventScroll: true });
    if (element.querySelector('[aria-busy=false]')) watching.disconnect();
  });
  watching.observe(element, { childList: true, subtree: true });
  trigger('click');
});
"""


@dataclass(frozen=True)
class ShownPicture:
    """`url`: a `data:` URL; `attribution`, `licence`: plain text, "" where nothing is stated."""

    url: str
    attribution: str = ""
    licence: str = ""


class SimilarStrip:
    """The strip, made inside the current block. `html`: its component, to be filled by `fill`."""

    def __init__(self, pictures: LesionPictures, desk: Desk, shown: gr.State) -> None:
        """`shown`: the state that holds what is shown (`Shown` or None)."""
        self.pictures, self.desk, self.shown = pictures, desk, shown
        self.html = Fragment(visible=False, elem_id="similar", js_on_load=SHOW_CLICK)
        if pictures.archive is not None:
            self.html.click(self._on_click, shown, self.html, **PICTURES, **QUIET)

    def fill(self, say: Say, analysis: Analysis, visitor: str) -> str:
        """The strip with what is held; where pictures are wanted, they are fetched meanwhile."""
        lesions = analysis.similar
        if self._wants(visitor) and self.pictures.archive is not None:
            self.pictures.archive.begin(self._linked(lesions))
        return similar_lesions(say, lesions, self.pictures, wanted=self._wants(visitor))

    def follow(self, answered: Any) -> None:
        """After the event `answered`, draw the strip again with the pictures that were fetched."""
        if self.pictures.archive is not None:
            then = {**PICTURES, **QUIET, "trigger_mode": "multiple"}
            answered.then(self._on_answered, self.shown, self.html, **then)

    def _on_click(self, shown: Shown | None, request: gr.Request) -> Iterator[Any]:
        if shown is None:
            yield status(spoken(request)(page.NO_LONGER_HELD), level="error")
            return
        visitor = visitor_of(request)
        self.desk.allow_archive(visitor)
        yield self.fill(spoken(request), shown.analysis, visitor)
        yield self._fetched(shown, request)

    def _on_answered(self, shown: Shown | None, request: gr.Request) -> Any:
        visitor = visitor_of(request)
        if shown is None or not self._wants(visitor) or not self._linked(shown.analysis.similar):
            return gr.skip()
        return self._fetched(shown, request)

    def _fetched(self, shown: Shown, request: gr.Request) -> Any:
        """The strip after the archive has answered; a skip if a newer photo is shown by then."""
        lesions, archive = shown.analysis.similar, self.pictures.archive
        assert archive is not None
        found = archive.fetch(self._linked(lesions))
        if not self.desk.wants(visitor_of(request), shown.token):
            return gr.skip()
        return similar_lesions(
            spoken(request), lesions, self.pictures, fetched=found.pictures, error=found.error
        )

    def _wants(self, visitor: str) -> bool:
        return self.pictures.asks_archive or self.desk.allows_archive(visitor)

    def _linked(self, lesions: Sequence[SimilarLesion]) -> list[str]:
        """Ids of the lesions that have no picture in the weights or a local HAM10000."""
        return [own.image_id for own in lesions if self.pictures.thumbnail(own.image_id) is None]


def similar_lesions(
    say: Say,
    lesions: Sequence[SimilarLesion],
    pictures: LesionPictures,
    place: str = "similar",
    wanted: bool | None = None,
    fetched: Mapping[str, ArchivePicture] | None = None,
    error: ArchiveError | None = None,
) -> str:
    """Counts by diagnosis, then one card for each lesion, with its picture where there is one.

    `place`: makes ids unique where the page shows two strips; `wanted`: whether missing pictures are
    being fetched, None where they are not offered; `fetched`, `error`: what the archive has given.
    """
    cards = [(lesion, _picture_of(lesion, pictures, fetched or {})) for lesion in lesions]
    lacks = any(picture is None for _, picture in cards)
    attributed = any(picture and picture.attribution for _, picture in cards)
    counts = Counter(lesion.dx for lesion in lesions).most_common()
    ways = Counter(lesion.confirmed for lesion in lesions).most_common()
    archive = ""
    if fetched is not None or (attributed and not lacks):
        archive = "shown"
    elif lacks and wanted is not None and pictures.archive is not None:
        archive = "fetching" if wanted else "offered"
    return fill(
        "similar_lesions.html",
        say,
        place=place,
        archive=archive,
        error=error.said(say) if error else "",
        attributed=attributed or archive == "fetching",
        lesions=cards,
        diagnoses=", ".join(
            say(similar.DIAGNOSIS_COUNTED, number=number, name=_inside(say, NAMES[code]))
            for code, number in counts
        ),
        ways=", ".join(
            say(similar.CONFIRMED_COUNTED, how=say(how), number=number) for how, number in ways
        ),
    )


def _picture_of(
    lesion: SimilarLesion, pictures: LesionPictures, fetched: Mapping[str, ArchivePicture]
) -> ShownPicture | None:
    """From the weights, a local HAM10000 or the archive, in this order."""
    thumbnail = pictures.thumbnail(lesion.image_id)
    if thumbnail is not None:
        return ShownPicture(data_url(thumbnail, 82))
    found = fetched.get(lesion.image_id)
    if found is None and pictures.archive is not None:
        found = pictures.archive.held(lesion.image_id)
    if found is None:
        return None
    return ShownPicture(as_url(found.image, "image/jpeg"), found.attribution, found.licence)


def _inside(say: Say, name: str) -> str:
    """A diagnosis inside a sentence: in English, it begins with a small letter there."""
    spoken_name = say(name)
    return spoken_name[0].lower() + spoken_name[1:] if say.code == ENGLISH.code else spoken_name
