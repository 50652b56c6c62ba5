"""The tab of one photo: its layout, and the handler of each event."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from skin_app.context import Patient
from skin_app.corrections import CORRECTIONS
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.operating_points import malignant_share
from skin_app.overlay import data_url, for_display
from skin_app.page import answer_panels as panels
from skin_app.page import one_photo_handlers as handlers
from skin_app.page.archive_examples import EXAMPLE_CLICK, ArchiveExamples
from skin_app.page.heatmap_figure import map_figure
from skin_app.page.one_photo_handlers import AnswerUpdate, Received, Shown
from skin_app.page.patient_fields import PatientFields
from skin_app.page.queues import NETWORKS, PICTURES, QUIET, UNDECODED, UPLOADS
from skin_app.page.report_form import build_report
from skin_app.page.similar_panel import SimilarStrip, similar_lesions
from skin_app.page.templates import fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, delete, visitor_of
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.photo.read import read_photo
from skin_app.stated_patients import stated_patient
from skin_app.words import archive as archive_words
from skin_app.words import page as words
from skin_app.words.language import Say


class OnePhotoTab:
    """The tab; to be made inside it. `shown`: the state that holds what is shown (`Shown` or None)."""

    def __init__(
        self,
        ensemble: Ensemble,
        uploads: Path,
        pictures: LesionPictures,
        labels: FixedTexts,
        desk: Desk,
    ) -> None:
        """`uploads`: the private folder of gradio's uploads."""
        self.ensemble, self.uploads, self.pictures, self.desk = ensemble, uploads, pictures, desk
        with gr.Row(equal_height=False, elem_id="top"):
            with gr.Column(scale=5, min_width=280, elem_classes="side"):
                self.photo = gr.Image(
                    label=labels(words.PHOTO_LABEL),
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    webcam_options=gr.WebcamOptions(mirror=False),
                    buttons=[],
                    height=300,
                    alt_text=labels(words.CHOSEN_PHOTO),
                    elem_id="photo",
                )
                trust = ensemble.trust
                self.patient = PatientFields(labels, trust and trust.context, "patient")
                self.analyse = gr.Button(
                    labels(words.ANALYSE), variant="secondary", size="sm", elem_id="analyse"
                )
                self.figure = Fragment(visible=False, elem_id="map")
                self.examples = Fragment(
                    labels.html(_examples), js_on_load=EXAMPLE_CLICK, elem_id="examples"
                )
                self.real_examples = ArchiveExamples(labels, pictures)
            with gr.Column(scale=7, min_width=280, elem_classes="side"):
                self.status = Fragment(
                    labels.html(lambda say: status(say(words.IDLE))), elem_id="status"
                )
                self.intro = Fragment(
                    f'<section class="panel">{labels(words.INTRO)}</section>', elem_id="intro"
                )
                self.outcome = Fragment(visible=False, elem_id="outcome")
                self.ranking = Fragment(visible=False, elem_id="ranking")
                self.points = Fragment(visible=False, elem_id="points")
                self.prevalence = gr.Slider(
                    1,
                    99,
                    round(100 * malignant_share(ensemble.calibration.frequencies)),
                    step=1,
                    label=labels(words.PREVALENCE),
                    visible=False,
                    elem_id="prevalence",
                )
        with gr.Column(visible=False) as self.details:
            self.shown = gr.State(None)
            self.similar = SimilarStrip(pictures, desk, self.shown)
            self.members = Fragment(elem_id="members")
            with gr.Accordion(labels(words.CORRECTIONS_TITLE), open=False, elem_id="corrections"):
                Fragment(f'<p class="quiet">{labels(words.CORRECTIONS_INTRO)}</p>')
                self.correction = gr.Radio(
                    [(labels(words.CORRECTIONS[name]), name) for name in CORRECTIONS],
                    label=labels(words.CORRECTION),
                    elem_id="correction",
                )
                self.comparison = Fragment(elem_id="comparison")
            self.report = build_report(self.shown, self.patient, pictures, labels, desk)
        self._listen()

    def _listen(self) -> None:
        """Connects the events with their handlers."""
        at_once, networks = {**UPLOADS, **QUIET}, {**NETWORKS, **QUIET}
        chosen = {**at_once, **UNDECODED, "trigger_mode": "multiple"}
        result, stated = list(self._emptied("")), [self.prevalence, *self.patient.inputs]
        emptied = [self.photo, *self.patient.outputs, *result]
        received = [
            self.photo.input(self._on_photo, [self.photo], emptied, **chosen),
            self.examples.click(self._on_example, None, emptied, **chosen),
            self.real_examples.html.click(
                self._on_real_example, None, emptied, **{**chosen, **PICTURES}
            ),
        ]
        answered = [
            event.then(self._on_received, stated, result, trigger_mode="multiple", **networks)
            for event in received
        ]
        set_by_visitor = [self.shown, *stated]
        answered.append(
            self.analyse.click(
                self._on_analyse, set_by_visitor, result, trigger_mode="once", **networks
            )
        )
        judged = [self.outcome, self.ranking, self.points]
        for event in answered:
            self.similar.follow(event)
            event.then(self._on_answered, set_by_visitor, judged, **at_once)
        # not `release`: a slider that is moved by keys is never released
        self.prevalence.input(
            self._on_points, set_by_visitor, self.points, trigger_mode="always_last", **at_once
        )
        made_before = [self.patient.note, self.comparison, self.correction, self.report[-1]]
        # not `input`: gradio fires it for keys that write a character, not for pasting and deleting
        for listen in (self.patient.age.change, self.patient.sex.input):
            listen(
                self._on_patient,
                set_by_visitor,
                [*judged, *made_before],
                trigger_mode="always_last",
                **at_once,
            )
        self.correction.input(
            self._on_correction,
            [self.shown, self.correction, *self.patient.inputs],
            self.comparison,
            trigger_mode="always_last",
            **networks,
        )

    def _emptied(self, said: str) -> dict[Any, Any]:
        """The page without a result; `said`: the status line.

        By `gr.update`, because a component made here would become a part of the page (`_listen`).
        """
        hidden = (self.outcome, self.ranking, self.figure, self.points)
        return {
            self.status: said,
            self.intro: gr.update(visible=True),
            **{panel: gr.update(value="", visible=False) for panel in hidden},
            self.details: gr.update(visible=False),
            self.prevalence: gr.update(visible=False),
            **dict.fromkeys((self.members, self.similar.html, self.comparison, *self.report), ""),
            self.correction: None,
            self.shown: None,
        }

    def _filled(
        self, say: Say, said: str, shown: Shown, percent: float, visitor: str
    ) -> dict[Any, Any]:
        """The page with a result; what the visitor chose and typed meanwhile stays."""
        analysis = shown.analysis
        return {
            self.status: said,
            self.intro: gr.update(visible=False),
            **self._judged(say, shown, percent),
            self.figure: gr.update(
                value=map_figure(say, shown.photo, analysis, shown.token), visible=True
            ),
            self.prevalence: gr.update(visible=bool(analysis.operating_points)),
            self.details: gr.update(visible=True),
            self.members: panels.members_panel(say, analysis),
            self.similar.html: self.similar.fill(say, analysis, visitor),
            self.report[-1]: "",  # the downloads
            self.shown: shown,
        }

    def _judged(self, say: Say, shown: Shown, percent: float) -> dict[Any, Any]:
        """The panels that the patient's age and sex change."""
        analysis = shown.analysis
        thresholds = panels.thresholds_panel(say, analysis, percent / 100)
        return {
            self.outcome: gr.update(value=panels.outcome_panel(say, analysis), visible=True),
            self.ranking: gr.update(
                value=panels.ranking_panel(say, analysis, shown.token), visible=True
            ),
            self.points: gr.update(value=thresholds, visible=bool(thresholds)),
        }

    def _drawn(
        self, say: Say, answered: AnswerUpdate, percent: float, patient: Patient, request: gr.Request
    ) -> Any:
        if answered.shown is None:
            return self._emptied(answered.status)
        # which takes a moment
        shown, visitor = answered.shown.of(patient), visitor_of(request)
        outputs = self._filled(say, answered.status, shown, percent, visitor)
        return outputs if self.desk.wants(visitor, shown.token) else gr.skip()

    def _read(self, received: Received, turn: int, request: gr.Request) -> dict[Any, Any]:
        visitor = visitor_of(request)
        is_another = self.desk.knows(visitor)
        if not self.desk.put(visitor, received.data, turn):
            return gr.skip()
        preview = received.preview and {"url": received.preview, "orig_name": "photo.jpg"}
        # another photo may be of another patient
        patient = self.patient.emptied() if is_another else {}
        return {self.photo: preview, **self._emptied(received.status), **patient}

    def _on_photo(self, upload: dict[str, Any] | None, request: gr.Request) -> dict[Any, Any]:
        turn, path = self.desk.turn(), upload["path"] if upload else None
        received = handlers.receive(spoken(request), path, self.uploads)
        if path is not None:
            self.desk.hold(visitor_of(request), path)
        outputs = self._read(received, turn, request)
        if upload is None:
            # gradio empties the field, and says so, before it pastes: what is pasted stays
            outputs.pop(self.photo, None)
        return outputs

    def _on_example(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        received = handlers.receive_example(spoken(request), int(event.index))
        return self._read(received, self.desk.turn(), request)

    def _on_real_example(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        say, turn = spoken(request), self.desk.turn()
        yield {self.status: status(say(archive_words.FETCHING_EXAMPLE))}
        received = self.real_examples.receive(say, int(event.index))
        yield self._read(received, turn, request)

    def _on_received(self, percent: float, age: str, sex: str, request: gr.Request) -> Iterator[Any]:
        patient = stated_patient(age, sex)
        say, visitor, token = spoken(request), visitor_of(request), ""
        for path in self.desk.release(visitor):
            delete(path, self.uploads)
        yield gr.skip()
        for answered in handlers.answer(say, self.ensemble, self.desk, visitor):
            token = answered.shown.token if answered.shown else ""
            yield self._drawn(say, answered, percent, patient, request)
        yield from self._not_again(visitor, token)

    def _on_analyse(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> Iterator[Any]:
        say = spoken(request)
        answered = handlers.again(say, self.desk, visitor_of(request), shown)
        if answered is None:
            yield from self._on_received(percent, age, sex, request)
        else:
            yield self._drawn(say, answered, percent, stated_patient(age, sex), request)
            token = answered.shown.token if answered.shown else ""
            yield from self._not_again(visitor_of(request), token)

    def _not_again(self, visitor: str, token: str) -> Iterator[Any]:
        """At the end gradio sends the last output again: a skip in place of an older photo's answer.

        Only then, because an output right after an answer empties that answer in the browser before it
        is drawn.
        """
        if token and not self.desk.wants(visitor, token):
            yield gr.skip()

    def _on_points(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> str:
        say = spoken(request)
        if shown is None:
            return status(say(words.NO_LONGER_HELD), level="error")
        analysis = shown.of(stated_patient(age, sex)).analysis
        return panels.thresholds_panel(say, analysis, percent / 100)

    def _on_answered(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> Any:
        # the slider and the patient may have been changed since the answer was requested
        if shown is None:
            return gr.skip()
        patient = stated_patient(age, sex)
        if patient == shown.analysis.patient:
            return {self.points: self._on_points(shown, percent, age, sex, request)}
        return self._judged(spoken(request), shown.of(patient), percent)

    def _on_patient(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> Any:
        say, patient = spoken(request), stated_patient(age, sex)
        noted = self.patient.noted(say, patient)
        if shown is None or not self.desk.wants(visitor_of(request), shown.token):
            return noted
        before = {self.comparison: "", self.correction: None, self.report[-1]: ""}
        return {**noted, **before, **self._judged(say, shown.of(patient), percent)}

    def _on_correction(
        self, shown: Shown | None, name: str | None, age: str, sex: str, request: gr.Request
    ) -> Iterator[Any]:
        say = spoken(request)
        yield status(say(words.CORRECTING))
        of_patient = shown and shown.of(stated_patient(age, sex))
        compared = handlers.compare_corrected(say, self.ensemble, of_patient, name)
        newest = shown is None or self.desk.wants(visitor_of(request), shown.token)
        yield compared if newest else gr.skip()


def whole_result(say: Say, shown: Shown, pictures: LesionPictures) -> str:
    """Outcome, ranking, map and similar lesions of one photo as one piece of HTML, to look at only."""
    parts = (
        panels.outcome_panel(say, shown.analysis),
        panels.ranking_panel(say, shown.analysis, shown.token),
        map_figure(say, shown.photo, shown.analysis, shown.token),
        similar_lesions(say, shown.analysis.similar, pictures, place="whole"),
    )
    return f'<div class="whole">{"".join(parts)}</div>'


def _examples(say: Say) -> str:
    drawings = (read_photo(handlers.EXAMPLES_FOLDER / name) for name in handlers.EXAMPLES)
    pictures = [data_url(for_display(drawing).pixels[::2, ::2], 80) for drawing in drawings]
    return fill("examples.html", say, pictures=pictures)
