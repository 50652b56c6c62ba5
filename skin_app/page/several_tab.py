"""The tab of several photos: one lesion from several angles, or many lesions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from skin_app.context import Patient
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.joint_analysis import LEAST, MOST
from skin_app.page import batch
from skin_app.page import several_panels as panels
from skin_app.page.batch import BatchProgress, PhotoRow, Upload
from skin_app.page.finished import LEFT, Kind, watched
from skin_app.page.one_photo_tab import whole_result
from skin_app.page.patient_fields import PatientFields
from skin_app.page.queues import BATCHES, QUIET, STOPPING, UPLOADS
from skin_app.page.templates import fill, status
from skin_app.page.theme import FOLDER, Fragment
from skin_app.page.uploads_and_sessions import Desk, delete, keep, visitor_of
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.stated_patients import stated_patient
from skin_app.words import patient as patient_words
from skin_app.words import several as words
from skin_app.words.language import Say

# The table is a template: gr.Dataframe (6.31), tried with such rows in a German browser, had English
# labels, no `aria-sort`, a click on a title that did not sort, no pictures from `data:` URLs, one
# column in sight on a phone, and a filter that axe calls unlabelled.
TABLE = (FOLDER / "several.js").read_text(encoding="utf-8")
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
    `result`: HTML of all rows; `joint`: all photos are of one lesion, so of one patient, whose age and
    sex may be stated.
    """

    name: Kind
    limits: dict[str, int]
    tab: str
    intro: str
    meaning: str
    files: str
    start: str
    refusal: Callable[[Say, int], str | None]
    result: Callable[[Say, Ensemble, Sequence[PhotoRow]], str]
    joint: bool


ANGLES = Mode(
    "angles",
    {"least": LEAST, "most": MOST},
    words.ANGLES_TAB,
    words.ANGLES_INTRO,
    words.ANGLES_MEANING,
    words.ANGLES_FILES,
    words.ANGLES_START,
    panels.angles_refusal,
    panels.angles_result,
    joint=True,
)
BATCH = Mode(
    "batch",
    {"most": batch.MOST},
    words.BATCH_TAB,
    words.BATCH_INTRO,
    words.BATCH_MEANING,
    words.BATCH_FILES,
    words.BATCH_START,
    panels.batch_refusal,
    lambda say, _ensemble, rows: panels.batch_result(say, rows),
    joint=False,
)


def build_several(
    ensemble: Ensemble, uploads: Path, pictures: LesionPictures, labels: FixedTexts, desk: Desk
) -> None:
    """Everything of the tab; `uploads`: the private folder of gradio's uploads."""
    with gr.Tabs():
        for mode in (ANGLES, BATCH):
            with gr.Tab(labels(mode.tab), id=mode.name):
                SeveralPhotos(mode, ensemble, uploads, pictures, labels, desk)


class SeveralPhotos:
    """Fields and events of one mode; its elements are named "several-{mode}-..."."""

    def __init__(
        self,
        mode: Mode,
        ensemble: Ensemble,
        uploads: Path,
        pictures: LesionPictures,
        labels: FixedTexts,
        desk: Desk,
    ) -> None:
        self.mode, self.ensemble, self.uploads, self.pictures = mode, ensemble, uploads, pictures
        self.desk = desk
        # during a visitor's run: its stop signal, and the files chosen meanwhile for the next run
        self.stops: dict[str, threading.Event] = {}
        self.following: dict[str, tuple[Upload, ...]] = {}
        name = f"several-{mode.name}"
        Fragment(labels.html(self._intro))
        self.files = gr.File(
            label=labels.html(lambda say: say(mode.files, **mode.limits)),
            file_count="multiple",
            height=180,
            elem_id=f"{name}-files",
        )
        self.patient, trust = None, ensemble.trust
        if mode.joint:
            with gr.Accordion(labels(words.PATIENT), open=False):
                self.patient = PatientFields(labels, trust and trust.context, f"{name}-patient")
        with gr.Row(elem_classes="several-buttons"):
            self.start = gr.Button(labels(mode.start), variant="primary", elem_id=f"{name}-start")
            self.cancel = gr.Button(labels(words.CANCEL), visible=False, elem_id=f"{name}-cancel")
        self.status = Fragment(elem_id=f"{name}-status", elem_classes="several-status")
        self.result = Fragment(js_on_load=TABLE, elem_id=f"{name}-result")
        self.opened = Fragment(js_on_load=OPENED, elem_id=f"{name}-opened")
        self.rows = gr.State(None)
        # whether the next lesion's photos were chosen: age and sex are then that patient's
        self.is_next = gr.State(False)
        self._listen()

    def _intro(self, say: Say) -> str:
        mode = self.mode
        intro, meaning = say(mode.intro, **mode.limits), say(mode.meaning)
        return fill("several_intro.html", say, name=mode.name, intro=intro, meaning=meaning)

    def _listen(self) -> None:
        """Connects the events with their handlers.

        Without `preprocess`, gradio does not copy each file: we read the checked path.
        """
        for listen in (self.files.upload, self.files.clear, self.files.delete):
            listen(self._on_chosen, self.files, self.status, preprocess=False, **UPLOADS, **QUIET)
        started = self.start.click(
            self._on_start,
            [self.files, *(self.patient.inputs if self.patient else ())],
            [
                *(self.files, self.start, self.cancel, self.status, self.result, self.opened),
                *(self.rows, self.is_next),
            ],
            trigger_mode="once",
            preprocess=False,
            **BATCHES,
            **QUIET,
        )
        if self.patient:
            self._listen_to_patient(self.patient, started)
        self.cancel.click(self._on_cancel, None, self.status, queue=False, **QUIET)
        self.result.click(
            self._on_open, self.rows, self.opened, trigger_mode="always_last", **UPLOADS, **QUIET
        )

    def _listen_to_patient(self, patient: PatientFields, started: Any) -> None:
        """Connects age and sex; `started`: the event of a run."""
        at_once, shown = {**UPLOADS, **QUIET}, [self.result, self.opened, self.rows]
        emptied = [*patient.outputs, self.is_next]
        self.files.upload(self._on_another_lesion, self.result, emptied, **at_once)
        given = [self.rows, self.is_next, *patient.inputs]
        started.then(self._on_ended, given, shown, **at_once)
        # not `input`: see OnePhotoTab
        for listen in (patient.age.change, patient.sex.input):
            listen(
                self._on_patient,
                [*given, self.result],
                [patient.note, *shown],
                trigger_mode="always_last",
                **at_once,
            )

    def _on_another_lesion(self, result: str, request: gr.Request) -> Any:
        # another lesion may be of another patient, also once the result is no longer held
        is_another = result or visitor_of(request) in self.stops
        return (
            {**self.patient.emptied(), self.is_next: True} if self.patient and is_another else gr.skip()
        )

    def _on_patient(
        self,
        rows: Sequence[PhotoRow] | None,
        is_next: bool,
        age: str,
        sex: str,
        result: str,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """`result`: what the browser shows, "" before the first."""
        assert self.patient
        say, patient = spoken(request), stated_patient(age, sex)
        shown = {} if rows is None or is_next else self._of_patient(say, rows, patient)
        is_over = not is_next and visitor_of(request) not in self.stops
        is_gone = rows is None and result and is_over
        gone = patient_words.PHOTOS_GONE if is_gone else ""
        return {**self.patient.noted(say, patient, gone), **shown}

    def _on_ended(
        self,
        rows: Sequence[PhotoRow] | None,
        is_next: bool,
        age: str,
        sex: str,
        request: gr.Request,
    ) -> Any:
        # age and sex may have been changed during the run
        patient = stated_patient(age, sex)
        answers = [row.analysis for row in rows or () if row.analysis]
        if not rows or is_next or all(answer.patient == patient for answer in answers):
            return gr.skip()
        return self._of_patient(spoken(request), rows, patient)

    def _of_patient(self, say: Say, rows: Sequence[PhotoRow], patient: Patient) -> dict[Any, Any]:
        """The result for a patient, and none opened."""
        rows = batch.of_patient(rows, patient)
        return {
            self.result: self.mode.result(say, self.ensemble, rows),
            self.opened: "",
            self.rows: rows,
        }

    def _on_chosen(self, chosen: list[dict[str, Any]] | None, request: gr.Request) -> Any:
        found, visitor = batch.uploads_of(chosen), visitor_of(request)
        for upload in found:
            keep(upload.path, self.uploads)
        taken_out = self.desk.chose(visitor, self.mode.name, [upload.path for upload in found])
        is_running = visitor in self.stops
        if not is_running or visitor in self.following:  # else a run reads and deletes them
            for path in taken_out:
                delete(path, self.uploads)
        if is_running:
            self.following[visitor] = found
            return gr.skip()
        return panels.held_status(spoken(request), len(found))

    def _on_start(
        self,
        chosen: list[dict[str, Any]] | None,
        request: gr.Request,
        age: str | None = None,
        sex: str | None = None,
    ) -> Iterator[Any]:
        say, found, visitor = spoken(request), batch.uploads_of(chosen), visitor_of(request)
        refused = self.mode.refusal(say, len(found))
        if refused:
            yield {self.status: status(refused, level="error")}
            return
        stop = threading.Event()
        if self.stops.setdefault(visitor, stop) is not stop:  # a double click
            yield gr.skip()
            return

        def is_stopped() -> bool:
            return stop.is_set() or STOPPING.is_set()

        try:
            with (
                watched(self.mode.name) as request_watched,
                closing(batch.run(self.ensemble, found, self.uploads, is_stopped)) as run,
            ):
                for progress in request_watched.steps("photos", run):
                    after = self.following.get(visitor, ())
                    for upload in after:
                        keep(upload.path, self.uploads)
                    if progress.end:
                        for row in progress.rows:
                            if row.analysis:
                                request_watched.views = row.analysis.views
                            request_watched.answered(row.analysis and row.analysis.outcome, row.error)
                        if progress.end == "stopped":
                            request_watched.error = LEFT
                        rows = batch.of_patient(progress.rows, stated_patient(age, sex))
                        yield self._ended(say, replace(progress, rows=rows), len(after))
                    else:
                        yield self._going(say, progress)
        finally:
            self.stops.pop(visitor, None)
            self.following.pop(visitor, None)

    def _going(self, say: Say, progress: BatchProgress) -> dict[Any, Any]:
        """The tab during a run."""
        shown = {
            self.start: gr.Button(interactive=False),
            self.cancel: gr.Button(visible=True),
            self.status: batch.progress_status(say, progress),
            self.result: panels.results_so_far(say, progress, self.mode.joint),
            self.opened: "",
            self.rows: None,
        }
        # later the field may hold what was chosen for the next run
        return shown if progress.rows else {**shown, self.files: None}

    def _ended(self, say: Say, progress: BatchProgress, following: int) -> dict[Any, Any]:
        """The tab after a run; `following`: how many photos were chosen meanwhile for the next one."""
        held = panels.held_status(say, following) if following else ""
        rows = batch.most_malignant_first(progress.rows)
        return {
            self.start: gr.Button(interactive=True),
            self.cancel: gr.Button(visible=False),
            self.status: batch.progress_status(say, progress) + held,
            self.result: self.mode.result(say, self.ensemble, rows),
            self.opened: "",
            self.rows: rows,
            self.is_next: following > 0,
        }

    def _on_cancel(self, request: gr.Request) -> Any:
        stop = self.stops.get(visitor_of(request))
        if stop is None:  # the run has ended meanwhile and shown its end
            return gr.skip()
        stop.set()
        return status(spoken(request)(words.STOPPING))

    def _on_open(
        self, rows: Sequence[PhotoRow] | None, event: gr.EventData, request: gr.Request
    ) -> str:
        return opened_html(spoken(request), rows, int(event.row), self.pictures)


def opened_html(say: Say, rows: Sequence[PhotoRow] | None, place: int, pictures: LesionPictures) -> str:
    """The whole result of the photo at `place`, from 0, under its name."""
    row = batch.row_at(rows, place)
    if row is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    whole = Markup(whole_result(say, batch.as_shown(row), pictures))
    return fill("opened.html", say, file=row.file, whole=whole)
