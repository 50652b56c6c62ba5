"""The tab of several photos: one lesion from several angles, or many lesions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from skin_app.ensemble import Ensemble
from skin_app.joint_analysis import LEAST, MOST
from skin_app.page.events import BATCHES, QUIET, UPLOADS, Fragment, spoken
from skin_app.page.html import status
from skin_app.page.labels import Labels
from skin_app.page.one_photo.handlers import Shown
from skin_app.page.sessions import keep
from skin_app.page.several import angles, batch
from skin_app.page.several import table as batch_table
from skin_app.page.several.batch import Progress, Row, Upload
from skin_app.words import several as words
from skin_app.words.language import Say

FILES: dict[str, Any] = {"preprocess": False}  # gradio would copy each file; we read the checked path
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
# gradio's button for more files holds a second button: only the outer one is left to the keyboard and
# to screen readers, and it passes its click on.
ADD_FILES = """
const files = () => document.getElementById('NAME-files');
const mend = () => files().querySelectorAll('.icon-button button.upload-container').forEach((inner) => {
  if (inner.inert) return;
  inner.inert = true;
  inner.closest('.icon-button').addEventListener('click', () => inner.click());
});
const watchFiles = () => files()
  ? new MutationObserver(mend).observe(files(), { childList: true, subtree: true })
  : requestAnimationFrame(watchFiles);
watchFiles();
"""
OpenPhoto = Callable[[Say, Shown], str]


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
    angles.refusal,
    tuple,
    angles.result,
    lambda _say, _progress: "",
)
BATCH = Mode(
    "batch",
    {"most": batch.MOST},
    words.BATCH_TAB,
    words.BATCH_INTRO,
    words.BATCH_FILES,
    words.BATCH_START,
    batch_table.refusal,
    batch.ranked,
    lambda say, _ensemble, rows: batch_table.results(say, rows),
    batch_table.running,
)


def build_tab(ensemble: Ensemble, uploads: Path, labels: Labels, open_photo: OpenPhoto) -> None:
    """Everything of the tab; to be called inside it.

    `uploads`: the private folder of gradio's uploads; `open_photo`: a photo's whole result as HTML.
    """
    with gr.Tabs():
        for mode in (ANGLES, BATCH):
            with gr.Tab(labels(mode.tab), id=mode.name):
                _build(mode, ensemble, uploads, labels, open_photo)


def _build(
    mode: Mode, ensemble: Ensemble, uploads: Path, labels: Labels, open_photo: OpenPhoto
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
    said = Fragment(
        labels.html(lambda say: batch_table.held_status(say, 0)),
        js_on_load=ADD_FILES.replace("NAME", name),
        elem_id=f"{name}-status",
    )
    result = Fragment(js_on_load=ROW_CLICK, elem_id=f"{name}-result")
    opened = Fragment(js_on_load=OPENED, elem_id=f"{name}-opened")
    rows = gr.State(None)

    def on_chosen(chosen: list[dict[str, Any]] | None, request: gr.Request) -> Any:
        found = batch.uploads_of(chosen)
        for upload in found:
            keep(upload.path, uploads)
        if str(request.session_hash) in stops:
            following[str(request.session_hash)] = found
            return gr.skip()
        return batch_table.held_status(spoken(request), len(found))

    def on_start(chosen: list[dict[str, Any]] | None, request: gr.Request) -> Iterator[list[Any]]:
        say, found = spoken(request), batch.uploads_of(chosen)
        refused = mode.refusal(say, len(found))
        if refused:
            yield [*[gr.skip()] * 3, status(refused, level="error"), *[gr.skip()] * 3]
            return
        session, stop = str(request.session_hash), threading.Event()
        if stops.setdefault(session, stop) is not stop:  # a double click
            yield [gr.skip()] * 7
            return
        try:
            with closing(batch.run(ensemble, found, uploads, stop.is_set)) as run:
                for progress in run:
                    after = following.get(session, ())
                    for upload in after:
                        keep(upload.path, uploads)
                    yield _outputs(say, mode, ensemble, progress, len(after))
        finally:
            stops.pop(session, None)
            following.pop(session, None)

    def on_cancel(request: gr.Request) -> Any:
        stop = stops.get(str(request.session_hash))
        if stop is None:  # the run has ended meanwhile and shown its end
            return gr.skip()
        stop.set()
        return status(spoken(request)(words.STOPPING))

    def on_open(rows: Sequence[Row] | None, event: gr.EventData, request: gr.Request) -> str:
        return opened_html(spoken(request), rows, int(event.row), open_photo)

    for listen in (files.upload, files.clear, files.delete):
        listen(on_chosen, files, said, **FILES, **UPLOADS, **QUIET)
    start.click(
        on_start,
        files,
        [files, start, cancel, said, result, opened, rows],
        trigger_mode="once",
        **FILES,
        **BATCHES,
        **QUIET,
    )
    cancel.click(on_cancel, None, said, queue=False, **QUIET)
    result.click(on_open, rows, opened, trigger_mode="always_last", **UPLOADS, **QUIET)


def _outputs(say: Say, mode: Mode, ensemble: Ensemble, progress: Progress, following: int) -> list[Any]:
    """Files, start and stop buttons, status, result, opened photo and held rows.

    `following`: how many photos were chosen meanwhile for the next run.
    """
    told = batch_table.progress_status(say, progress)
    if not progress.end:
        # keeps the files that were chosen for the next run while this one ran
        files = gr.skip() if progress.rows else None
        buttons = gr.Button(interactive=False), gr.Button(visible=True)
        return [files, *buttons, told, mode.so_far(say, progress), "", None]
    rows = mode.in_order(progress.rows)
    told += batch_table.held_status(say, following) if following else ""
    buttons = gr.Button(interactive=True), gr.Button(visible=False)
    return [gr.skip(), *buttons, told, mode.result(say, ensemble, rows), "", rows]


def opened_html(say: Say, rows: Sequence[Row] | None, place: int, open_photo: OpenPhoto) -> str:
    """The whole result of the photo at `place`, from 0, under its name."""
    row = batch.opened(rows, place)
    if row is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    return (
        f'<section class="several-opened">{batch_table.opened_heading(say, place, row)}'
        f"{open_photo(say, batch.shown(row))}</section>"
    )
