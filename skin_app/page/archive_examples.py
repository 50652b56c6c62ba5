"""Real lesions to try, from the ISIC Archive; offered where the operator lets the page ask it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from skin_app.gallery.archive_client import ArchiveError
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.example_lesions import EXAMPLE_LESIONS, ExampleLesion
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page.one_photo_handlers import Received, received_from
from skin_app.page.queues import PICTURES, QUIET
from skin_app.page.templates import as_url, fill, status
from skin_app.page.theme import Fragment
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.words.language import Say

EXAMPLE_CLICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-index]');
  if (chosen) trigger('click', { index: Number(chosen.dataset.index) });
});
"""


@dataclass(frozen=True)
class OfferedExample:
    """`url`: a `data:` URL of the thumbnail; None while it is being fetched."""

    lesion: ExampleLesion
    url: str | None = None
    attribution: str = ""
    licence: str = ""


class ArchiveExamples:
    """The examples, made inside the current block and drawn once the page is open.

    `html`: its component, whose `click` carries the `index` of the chosen one; `is_offered`: False
    where the archive is not to be asked without a click.
    """

    def __init__(self, labels: FixedTexts, pictures: LesionPictures) -> None:
        self._archive = pictures.archive if pictures.asks_archive else None
        self.is_offered = self._archive is not None
        waiting = [OfferedExample(lesion) for lesion in EXAMPLE_LESIONS]
        drawn = labels.html(lambda say: archive_examples(say, waiting)) if self.is_offered else ""
        self.html = Fragment(
            drawn, visible=self.is_offered, js_on_load=EXAMPLE_CLICK, elem_id="real-examples"
        )
        if self._archive is not None:
            gr.on(None, self._on_load, None, self.html, **PICTURES, **QUIET)

    def receive(self, say: Say, index: int) -> Received:
        """Fetch and read the whole picture of the example at `index`."""
        assert self._archive is not None
        try:
            found = self._archive.full(EXAMPLE_LESIONS[index].image_id)
        except ArchiveError as error:
            return Received(status(error.said(say), level="error"))
        return received_from(say, lambda: found.image)

    def _on_load(self, request: gr.Request) -> Any:
        assert self._archive is not None
        return drawn_examples(spoken(request), self._archive)


def drawn_examples(say: Say, archive: ArchivePictures) -> str:
    """The examples with their thumbnails, or one line that says why there are none."""
    found = archive.fetch(lesion.image_id for lesion in EXAMPLE_LESIONS)
    if found.error:
        return archive_examples(say, [], found.error.said(say))
    pictures = [(lesion, found.pictures[lesion.image_id]) for lesion in EXAMPLE_LESIONS]
    return archive_examples(
        say,
        [
            OfferedExample(lesion, as_url(own.image, "image/jpeg"), own.attribution, own.licence)
            for lesion, own in pictures
        ],
    )


def archive_examples(say: Say, offered: list[OfferedExample], error: str = "") -> str:
    """HTML of the examples; `error`: why there are none."""
    return fill("archive_examples.html", say, offered=offered, error=error)
