"""The tab of one photo: its layout, and the handler of each event."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from skin_app.context import Patient
from skin_app.corrections import CORRECTIONS
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.operating_points import malignant_share
from skin_app.overlay import data_url, for_display
from skin_app.page import answer_panels as panels
from skin_app.page import one_photo_handlers as handlers
from skin_app.page.archive_examples import EXAMPLE_CLICK, ArchiveExamples
from skin_app.page.forwarded import client_of
from skin_app.page.heatmap_figure import map_controls, photo_figure
from skin_app.page.one_photo_handlers import AnswerUpdate, Received, Shown
from skin_app.page.patient_fields import PatientFields
from skin_app.page.queues import NETWORKS, PICTURES, QUIET, UNDECODED, UPLOADS
from skin_app.page.report_form import build_report
from skin_app.page.similar_panel import SimilarStrip, similar_lesions
from skin_app.page.templates import fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, visitor_of
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.photo.read import read_photo
from skin_app.stated_patients import stated_patient
from skin_app.words import archive as archive_words
from skin_app.words import page as words
from skin_app.words import patient as patient_words
from skin_app.words import refusals
from skin_app.words.language import ENGLISH, Say

START_OVER_CLICK = """
element.addEventListener('click', (event) => {
  if (event.target.closest('button[data-start-over]')) trigger('click');
});
"""
# What the browser shows where the server refused a step of a photo: it cannot be asked for that, too.
# A refused answer leaves the page as without a photo; a refused photo leaves what is shown.
REFUSED_ANSWER = """
(outcome) => {
  if (!outcome.includes('waiting')) return [];
  const gone = { __type__: 'update', value: '', visible: false };
  const offered = (visible) => ({ __type__: 'update', visible });
  return [%s, null, gone, gone, gone, gone, offered(true), offered(%s)];
}
"""
REFUSED_PHOTO = "() => [%s, null]"


class OnePhotoTab:
    """The tab; to be made inside it. `shown`: the state that holds what is shown (`Shown` or None).

    The field for a photo keeps no photo: once one was read, `picture` shows it in the field's place,
    and static/page.js passes what is dropped there to the field.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        uploads: Path,
        pictures: LesionPictures,
        labels: FixedTexts,
        desk: Desk,
        refusal: Callable[[Say], str],
    ) -> None:
        """`uploads`: private folder of gradio's uploads; `refusal`: why no photo is taken, or ""."""
        self.ensemble, self.uploads, self.desk, self.refusal = ensemble, uploads, desk, refusal
        with gr.Row(equal_height=False, elem_id="top"):
            with gr.Column(scale=7, min_width=280, elem_id="stage", elem_classes="side"):
                self.photo = gr.Image(
                    label=labels(words.PHOTO_LABEL),
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    webcam_options=gr.WebcamOptions(mirror=False),
                    buttons=[],
                    show_label=False,
                    placeholder=labels(words.PLACEHOLDER),
                    alt_text=labels(words.CHOSEN_PHOTO),
                    elem_id="photo",
                )
                self.picture = Fragment(visible=False, js_on_load=START_OVER_CLICK, elem_id="picture")
                self.map = Fragment(visible=False, elem_id="map")
            with gr.Column(scale=5, min_width=280, elem_id="answer", elem_classes="side"):
                self.status = Fragment(elem_id="status")
                self.examples = Fragment(
                    labels.html(_examples), js_on_load=EXAMPLE_CLICK, elem_id="examples"
                )
                self.real_examples = ArchiveExamples(labels, pictures)
                self.outcome = Fragment(visible=False, elem_id="outcome")
                self.ranking = Fragment(visible=False, elem_id="ranking")
                trust = ensemble.trust
                self.patient = PatientFields(labels, trust and trust.context, "patient")
        self.not_analysed = labels.html(lambda say: status(say(words.NOT_ANALYSED), level="error"))
        self.shown = gr.State(None)
        self.similar = SimilarStrip(pictures, desk, self.shown)
        with gr.Column(visible=False, elem_id="details") as self.details:
            with gr.Accordion(labels(words.POINTS_TITLE), open=False, elem_id="thresholds"):
                self.points = Fragment(elem_id="points")
                self.prevalence = gr.Slider(
                    1,
                    99,
                    round(100 * malignant_share(ensemble.calibration.frequencies)),
                    step=1,
                    label=labels(words.PREVALENCE),
                    buttons=[],
                    elem_id="prevalence",
                )
                self.prevalence.preprocess = self._within
            with gr.Accordion(labels(words.NUMBERS), open=False, elem_id="numbers"):
                self.members = Fragment(elem_id="members")
            with gr.Accordion(labels(words.CORRECTIONS_TITLE), open=False, elem_id="corrections"):
                self.correction = gr.Radio(
                    [(labels(words.CORRECTIONS[name]), name) for name in CORRECTIONS],
                    label=labels(words.CORRECTION),
                    info=labels(words.CORRECTIONS_INTRO),
                    elem_id="correction",
                )
                self.comparison = Fragment(elem_id="comparison")
            self.report = build_report(self.shown, self.patient, pictures, labels, desk)
        self._listen()

    def _within(self, payload: float | None) -> float:
        """What was typed beside the slider, within its ends, as the field shows it once it is left.

        gradio would say in English, whatever the page's language, that it is outside.
        """
        lowest, highest = self.prevalence.minimum, self.prevalence.maximum
        return min(max(lowest if payload is None else payload, lowest), highest)

    def _listen(self) -> None:
        """Connects the events with their handlers."""
        at_once, networks = {**UPLOADS, **QUIET}, {**NETWORKS, **QUIET}
        chosen = {**at_once, **UNDECODED, "trigger_mode": "multiple"}
        result, stated = (
            list(self._emptied(ENGLISH, handlers.NO_PHOTO)),
            [self.prevalence, *self.patient.inputs],
        )
        emptied = [self.photo, *self.patient.outputs, *result]
        received = [
            self.photo.input(self._on_photo, [self.photo], emptied, **chosen),
            self.examples.click(self._on_example, None, emptied, **chosen),
            self.real_examples.html.click(
                self._on_real_example, None, emptied, **{**chosen, **PICTURES}
            ),
        ]
        self.picture.click(self._on_start_over, None, emptied, **at_once)
        set_by_visitor = [self.shown, *stated]
        judged = [self.outcome, self.ranking, self.points, self.members]
        told = json.dumps(self.not_analysed)
        at_start = [
            *(self.status, self.photo, self.picture, self.map, self.outcome, self.ranking),
            *(self.examples, self.real_examples.html),
        ]
        refused_answer = REFUSED_ANSWER % (told, json.dumps(self.real_examples.is_offered))
        for event in received:
            event.failure(None, None, at_start[:2], js=REFUSED_PHOTO % told, **QUIET)
            answered = event.then(
                self._on_received, stated, result, trigger_mode="multiple", **networks
            )
            answered.failure(None, self.outcome, at_start, js=refused_answer, **QUIET)
            self.similar.follow(answered)
            answered.then(self._on_answered, set_by_visitor, judged, **at_once)
        # not `release`: a slider that is moved by keys is never released
        self.prevalence.input(
            self._on_points, set_by_visitor, self.points, trigger_mode="always_last", **at_once
        )
        made_before = [self.patient.note, self.comparison, self.correction, self.report[-1]]
        # not `input`: gradio fires it for keys that write a character, not for pasting and deleting
        for listen in (self.patient.age.change, self.patient.sex.input):
            listen(
                self._on_patient,
                [*set_by_visitor, self.members],
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

    def _emptied(self, say: Say, received: Received) -> dict[Any, Any]:
        """The page without an answer: with the photo that was read, or empty.

        By `gr.update`, because a component made here would become a part of the page (`_listen`).
        """
        picture = controls = outcome = ranking = ""
        if received is not None and received.display is not None and received.waiting is not None:
            token = received.waiting.token
            picture = photo_figure(say, received.display, token)
            controls = map_controls(say, None, token)
            outcome, ranking = fill("waiting_outcome.html", say), fill("waiting_ranking.html", say)
        waits = bool(picture)
        return {
            self.status: received.status,
            self.examples: gr.update(visible=not waits),
            self.real_examples.html: gr.update(visible=self.real_examples.is_offered and not waits),
            self.picture: gr.update(value=picture, visible=waits),
            self.map: gr.update(value=controls, visible=waits),
            self.outcome: gr.update(value=outcome, visible=waits),
            self.ranking: gr.update(value=ranking, visible=waits),
            self.similar.html: gr.update(value="", visible=False),
            self.details: gr.update(visible=False),
            **dict.fromkeys((self.points, self.members, self.comparison, *self.report), ""),
            self.correction: None,
            self.shown: None,
        }

    def _filled(
        self, say: Say, said: str, shown: Shown, percent: float, visitor: str
    ) -> dict[Any, Any]:
        """The page with an answer; what the visitor chose and typed meanwhile stays."""
        analysis = shown.analysis
        return {
            self.status: said,
            **self._judged(say, shown, percent),
            self.map: map_controls(say, analysis, shown.token),
            self.similar.html: gr.update(value=self.similar.fill(say, analysis, visitor), visible=True),
            self.details: gr.update(visible=True),
            self.report[-1]: "",  # the downloads
            self.shown: shown,
        }

    def _judged(self, say: Say, shown: Shown, percent: float) -> dict[Any, Any]:
        """The panels that the patient's age and sex change."""
        analysis, token = shown.analysis, shown.token
        return {
            self.outcome: gr.update(value=panels.outcome_panel(say, analysis, token), visible=True),
            self.ranking: gr.update(value=panels.ranking_panel(say, analysis, token), visible=True),
            self.points: panels.thresholds_panel(say, analysis, percent / 100),
            self.members: panels.members_panel(say, analysis),
        }

    def _drawn(
        self, say: Say, answered: AnswerUpdate, percent: float, patient: Patient, request: gr.Request
    ) -> Any:
        if answered.shown is None:
            return self._emptied(say, Received(answered.status))
        # which takes a moment
        shown, visitor = answered.shown.of(patient), visitor_of(request)
        outputs = self._filled(say, answered.status, shown, percent, visitor)
        return outputs if self.desk.wants(visitor, shown.token) else gr.skip()

    def _read(self, say: Say, received: Received, turn: int, request: gr.Request) -> dict[Any, Any]:
        visitor, client = visitor_of(request), client_of({"client": request.client})
        refused = self.refusal(say) if received.waiting else ""
        if received.waiting and not self.desk.has_room(visitor, received.waiting, client):
            refused = say(refusals.TOO_MANY_WAIT)
        if refused:
            received = Received(status(refused, level="error"))
        # another photo may be of another patient
        patient = self.patient.emptied() if self.desk.knows(visitor) else {}
        if not self.desk.put(visitor, received.waiting, turn, client):
            return gr.skip()
        return {self.photo: None, **self._emptied(say, received), **patient}

    def _on_photo(self, upload: dict[str, Any] | None, request: gr.Request) -> dict[Any, Any]:
        if upload is None:
            # gradio empties the field, and says so, before it pastes: what is shown stays
            return gr.skip()
        say, turn = spoken(request), self.desk.turn()
        received = handlers.receive(say, upload["path"], self.uploads)
        return self._read(say, received, turn, request)

    def _on_example(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        say = spoken(request)
        received = handlers.receive_example(say, int(event.index))
        return self._read(say, received, self.desk.turn(), request)

    def _on_start_over(self, request: gr.Request) -> dict[Any, Any]:
        return self._read(spoken(request), handlers.NO_PHOTO, self.desk.turn(), request)

    def _on_real_example(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        say, turn = spoken(request), self.desk.turn()
        yield {self.status: status(say(archive_words.FETCHING_EXAMPLE))}
        received = self.real_examples.receive(say, int(event.index))
        yield self._read(say, received, turn, request)

    def _on_received(self, percent: float, age: str, sex: str, request: gr.Request) -> Iterator[Any]:
        patient = stated_patient(age, sex)
        say, visitor, token = spoken(request), visitor_of(request), ""
        yield gr.skip()
        for answered in handlers.answer(say, self.ensemble, self.desk, visitor):
            token = answered.shown.token if answered.shown else ""
            yield self._drawn(say, answered, percent, patient, request)
        yield from self._not_again(visitor, token)

    def _not_again(self, visitor: str, token: str) -> Iterator[Any]:
        """At the end gradio sends the last output again: a skip in place of an older photo's answer.

        Only then, because an output right after an answer empties that answer in the browser before it
        is drawn.
        """
        if token and not self.desk.wants(visitor, token):
            yield gr.skip()

    def _on_points(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> Any:
        if shown is None:
            return status(spoken(request)(words.NO_LONGER_HELD), level="error")
        self.desk.state(visitor_of(request), "prevalence", percent)
        return self._judged_last(shown, percent, stated_patient(age, sex), request)[self.points]

    def _on_answered(
        self, shown: Shown | None, percent: float, age: str, sex: str, request: gr.Request
    ) -> Any:
        # the slider and the patient may have been changed since the answer was requested
        if shown is None:
            return gr.skip()
        return self._judged_last(shown, percent, stated_patient(age, sex), request)

    def _on_patient(
        self,
        shown: Shown | None,
        percent: float,
        age: str,
        sex: str,
        numbers: str,
        request: gr.Request,
    ) -> Any:
        """`numbers`: what the browser still shows of a result, "" before the first."""
        visitor, patient = visitor_of(request), stated_patient(age, sex)
        self.desk.state(visitor, "patient", patient)
        is_gone = numbers and (shown is None or not self.desk.knows(visitor))
        gone = patient_words.PHOTO_GONE if is_gone else ""
        noted = self.patient.noted(spoken(request), patient, gone)
        if shown is None or not self.desk.wants(visitor, shown.token):
            return noted
        before = {self.comparison: "", self.correction: None, self.report[-1]: ""}
        return {**noted, **before, **self._judged_last(shown, percent, patient, request)}

    def _judged_last(
        self, shown: Shown, percent: float, patient: Patient, request: gr.Request
    ) -> dict[Any, Any]:
        """`_judged` for what the visitor stated last; less what was stated anew while it was drawn."""
        visitor, turn = visitor_of(request), self.desk.turn()
        patient = self.desk.stated(visitor, "patient", patient)
        percent = self.desk.stated(visitor, "prevalence", percent)
        outputs = self._judged(spoken(request), shown.of(patient), percent)
        if self.desk.is_stated_since(visitor, "patient", turn):
            return dict.fromkeys(outputs, gr.skip())
        if self.desk.is_stated_since(visitor, "prevalence", turn):
            outputs[self.points] = gr.skip()
        return outputs

    def _on_correction(
        self, shown: Shown | None, name: str | None, age: str, sex: str, request: gr.Request
    ) -> Iterator[Any]:
        say = spoken(request)
        yield handlers.correcting(say, shown)
        of_patient = shown and shown.of(stated_patient(age, sex))
        compared = handlers.compare_corrected(say, self.ensemble, of_patient, name)
        newest = shown is None or self.desk.wants(visitor_of(request), shown.token)
        yield compared if newest else gr.skip()


def whole_result(say: Say, shown: Shown, pictures: LesionPictures) -> str:
    """Outcome, ranking, map and similar lesions of one photo as one piece of HTML, to look at only."""
    return fill(
        "whole.html",
        say,
        picture=Markup(photo_figure(say, shown.photo, shown.token, tools=False)),
        maps=Markup(map_controls(say, shown.analysis, shown.token)),
        outcome=Markup(panels.outcome_panel(say, shown.analysis, shown.token)),
        ranking=Markup(panels.ranking_panel(say, shown.analysis, shown.token)),
        similar=Markup(similar_lesions(say, shown.analysis.similar, pictures, place="whole")),
    )


def _examples(say: Say) -> str:
    drawings = (read_photo(handlers.EXAMPLES_FOLDER / name) for name in handlers.EXAMPLES)
    pictures = [data_url(for_display(drawing).pixels[::2, ::2], 80) for drawing in drawings]
    return fill("examples.html", say, pictures=pictures)
