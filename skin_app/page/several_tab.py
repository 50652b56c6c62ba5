"""The tab of several photos: one lesion from several angles, or many lesions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from skin_app.angles import LEAST, MOST
from skin_app.ensemble import Ensemble
from skin_app.gallery.pictures import LesionPictures
from skin_app.language import Say
from skin_app.page import batch
from skin_app.page import several_panels as panels
from skin_app.page.batch import Progress, Row, Upload
from skin_app.page.labels import Labels, spoken
from skin_app.page.one_photo_tab import whole_result
from skin_app.page.queues import BATCHES, QUIET, UPLOADS
from skin_app.page.templates import fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import keep, visitor_of
from skin_app.words import several as words

ROW_CLICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-row]');
  if (chosen) trigger('click', { row: Number(chosen.dataset.row) });
});
"""
OPENED = """
watch('value', () => {
  const heading = element.querySelector('h2');
  if (!heading) return;
  heading.scrollIntoView({ block: 'start' });
  heading.focus({ preventScroll: true });
});
"""


@dataclass(frozen=True)
class Mode:
    """One of the two ways to ask about several photos.

    `limits`: least and most photos, if limited. `refusal`: why a number of photos is refused, or None;
    `in_order`: sorts the rows; `result`: HTML of all rows; `so_far`: HTML during the run.
    """

    name: str
    limits: dict[str, int]
    tab: str
    intro: str
    files: str
    start: str
    refusal: Callable[[Say, int], str | None]
    in_order: Callable[[Sequence[Row]], Sequence[Row]]
    result: Callable[[Say, Ensemble, Sequence[Row]], str]
    so_far: Callable[[Say, Progress], str]


ANGLES = Mode(
    "angles",
    {"least": LEAST, "most": MOST},
    words.ANGLES_TAB,
    words.ANGLES_INTRO,
    words.ANGLES_FILES,
    words.ANGLES_START,
    panels.angles_refusal,
    tuple,
    panels.angles_result,
    lambda _say, _progress: "",
)
BATCH = Mode(
    "batch",
    {"most": batch.MOST},
    words.BATCH_TAB,
    words.BATCH_INTRO,
    words.BATCH_FILES,
    words.BATCH_START,
    panels.batch_refusal,
    batch.ranked,
    lambda say, _ensemble, rows: panels.batch_result(say, rows),
    panels.batch_running,
)


def build_several(ensemble: Ensemble, uploads: Path, pictures: LesionPictures, labels: Labels) -> None:
    """Everything of the tab; `uploads`: the private folder of gradio's uploads."""
    with gr.Tabs():
        for mode in (ANGLES, BATCH):
            with gr.Tab(labels(mode.tab), id=mode.name):
                _build(mode, ensemble, uploads, pictures, labels)


def _build(
    mode: Mode, ensemble: Ensemble, uploads: Path, pictures: LesionPictures, labels: Labels
) -> None:
    """Fields and events of one mode; its elements are named "several-{mode}-...".

    During a run, `stops` holds its stop signal by session, and `following` the files that were chosen
    meanwhile for the next run, which are not swept away.
    """
    name = f"several-{mode.name}"
    stops: dict[str, threading.Event] = {}
    following: dict[str, tuple[Upload, ...]] = {}
    intro = labels.html(lambda say: say(mode.intro, **mode.limits))
    Fragment(f'<p class="intro">{intro}</p>')
    files = gr.File(
        label=labels.html(lambda say: say(mode.files, **mode.limits)),
        file_count="multiple",
        height=180,
        elem_id=f"{name}-files",
    )
    with gr.Row():
        start = gr.Button(labels(mode.start), variant="primary", elem_id=f"{name}-start")
        cancel = gr.Button(labels(words.CANCEL), visible=False, elem_id=f"{name}-cancel")
    said = Fragment(labels.html(lambda say: panels.held_status(say, 0)), elem_id=f"{name}-status")
    result = Fragment(js_on_load=ROW_CLICK, elem_id=f"{name}-result")
    opened = Fragment(js_on_load=OPENED, elem_id=f"{name}-opened")
    rows = gr.State(None)

    def on_chosen(chosen: list[dict[str, Any]] | None, request: gr.Request) -> Any:
        found = batch.uploads_of(chosen)
        for upload in found:
            keep(upload.path, uploads)
        if visitor_of(request) in stops:
            following[visitor_of(request)] = found
            return gr.skip()
        return panels.held_status(spoken(request), len(found))

    def on_start(chosen: list[dict[str, Any]] | None, request: gr.Request) -> Iterator[Any]:
        say, found = spoken(request), batch.uploads_of(chosen)
        refused = mode.refusal(say, len(found))
        if refused:
            yield {said: status(refused, level="error")}
            return
        visitor, stop = visitor_of(request), threading.Event()
        if stops.setdefault(visitor, stop) is not stop:  # a double click
            yield gr.skip()
            return
        try:
            with closing(batch.run(ensemble, found, uploads, stop.is_set)) as run:
                for progress in run:
                    after = following.get(visitor, ())
                    for upload in after:
                        keep(upload.path, uploads)
                    yield ended(say, progress, len(after)) if progress.end else going(say, progress)
        finally:
            stops.pop(visitor, None)
            following.pop(visitor, None)

    def going(say: Say, progress: Progress) -> dict[Any, Any]:
        shown = {
            start: gr.Button(interactive=False),
            cancel: gr.Button(visible=True),
            said: batch.progress_status(say, progress),
            result: mode.so_far(say, progress),
            opened: "",
            rows: None,
        }
        # later the field may hold what was chosen for the next run
        return shown if progress.rows else {**shown, files: None}

    def ended(say: Say, progress: Progress, following: int) -> dict[Any, Any]:
        held = panels.held_status(say, following) if following else ""
        in_order = mode.in_order(progress.rows)
        return {
            start: gr.Button(interactive=True),
            cancel: gr.Button(visible=False),
            said: batch.progress_status(say, progress) + held,
            result: mode.result(say, ensemble, in_order),
            opened: "",
            rows: in_order,
        }

    def on_cancel(request: gr.Request) -> Any:
        stop = stops.get(visitor_of(request))
        if stop is None:  # the run has ended meanwhile and shown its end
            return gr.skip()
        stop.set()
        return status(spoken(request)(words.STOPPING))

    def on_open(rows: Sequence[Row] | None, event: gr.EventData, request: gr.Request) -> str:
        return opened_html(spoken(request), rows, int(event.row), pictures)

    for listen in (files.upload, files.clear, files.delete):
        listen(on_chosen, files, said, preprocess=False, **UPLOADS, **QUIET)
    start.click(
        on_start,
        files,
        [files, start, cancel, said, result, opened, rows],
        trigger_mode="once",
        preprocess=False,  # gradio would copy each file; we read the checked path
        **BATCHES,
        **QUIET,
    )
    cancel.click(on_cancel, None, said, queue=False, **QUIET)
    result.click(on_open, rows, opened, trigger_mode="always_last", **UPLOADS, **QUIET)


def opened_html(say: Say, rows: Sequence[Row] | None, place: int, pictures: LesionPictures) -> str:
    """The whole result of the photo at `place`, from 0, under its name."""
    row = batch.opened(rows, place)
    if row is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    whole = Markup(whole_result(say, batch.shown(row), pictures))
    return fill("opened.html", say, place=place, file=row.file, whole=whole)
