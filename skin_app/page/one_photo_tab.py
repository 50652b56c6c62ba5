"""The tab of one photo: its layout, and the handler of each event."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from skin_app.calibration import malignant_probability
from skin_app.corrections import CORRECTIONS
from skin_app.display import data_url, for_display
from skin_app.ensemble import Ensemble
from skin_app.gallery.pictures import LesionPictures
from skin_app.language import Say
from skin_app.page import answer_panels as panels
from skin_app.page import one_photo_handlers as handlers
from skin_app.page.heatmap_figure import map_figure
from skin_app.page.labels import Labels, spoken
from skin_app.page.one_photo_handlers import Answered, Received, Shown
from skin_app.page.queues import NETWORKS, QUIET, UNDECODED, UPLOADS
from skin_app.page.report_form import build_report
from skin_app.page.templates import fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, delete, visitor_of
from skin_app.photo.read import read_photo
from skin_app.words import page as words

EXAMPLE_CLICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-index]');
  if (chosen) trigger('click', { index: Number(chosen.dataset.index) });
});
"""


def build_one_photo(
    ensemble: Ensemble, uploads: Path, pictures: LesionPictures, labels: Labels, desk: Desk
) -> gr.State:
    """Everything of the tab; returns the state that holds what is shown (`Shown` or None)."""
    with gr.Row(equal_height=False, elem_id="top"):
        with gr.Column(scale=5, min_width=280, elem_classes="side"):
            photo = gr.Image(
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
            analyse = gr.Button(
                labels(words.ANALYSE), variant="secondary", size="sm", elem_id="analyse"
            )
            figure = Fragment(visible=False, elem_id="map")
            examples = Fragment(labels.html(_examples), js_on_load=EXAMPLE_CLICK, elem_id="examples")
        with gr.Column(scale=7, min_width=280, elem_classes="side"):
            told = Fragment(labels.html(lambda say: status(say(words.IDLE))), elem_id="status")
            intro = Fragment(f'<section class="panel">{labels(words.INTRO)}</section>', elem_id="intro")
            outcome = Fragment(visible=False, elem_id="outcome")
            ranking = Fragment(visible=False, elem_id="ranking")
            points = Fragment(visible=False, elem_id="points")
            prevalence = gr.Slider(
                1,
                99,
                round(100 * common_share(ensemble)),
                step=1,
                label=labels(words.PREVALENCE),
                visible=False,
                elem_id="prevalence",
            )
    with gr.Column(visible=False) as details:
        similar = Fragment(elem_id="similar")
        members = Fragment(elem_id="members")
        with gr.Accordion(labels(words.CORRECTIONS_TITLE), open=False, elem_id="corrections"):
            Fragment(f'<p class="quiet">{labels(words.CORRECTIONS_INTRO)}</p>')
            correction = gr.Radio(
                [(labels(words.CORRECTIONS[name]), name) for name in CORRECTIONS],
                label=labels(words.CORRECTION),
                elem_id="correction",
            )
            comparison = Fragment(elem_id="comparison")
        shown = gr.State(None)
        report = build_report(shown, pictures, labels, desk)
    result = [told, intro, outcome, ranking, details, figure, members, points, prevalence, similar]
    result += [correction, comparison, *report, shown]

    def emptied(said: str) -> dict[Any, Any]:
        """The page without a result; `said`: the status line."""
        return {
            told: said,
            intro: gr.HTML(visible=True),
            **{panel: gr.HTML("", visible=False) for panel in (outcome, ranking, figure, points)},
            **dict.fromkeys((details, prevalence), gr.update(visible=False)),
            **dict.fromkeys((members, similar, comparison, *report), ""),
            correction: None,
            shown: None,
        }

    def filled(say: Say, said: str, photo: Shown, percent: float) -> dict[Any, Any]:
        """The page with a result; what the visitor chose and typed meanwhile stays."""
        analysis = photo.analysis
        thresholds = panels.thresholds_panel(say, analysis, percent / 100)
        return {
            told: said,
            intro: gr.HTML(visible=False),
            outcome: gr.HTML(panels.outcome_panel(say, analysis), visible=True),
            ranking: gr.HTML(panels.ranking_panel(say, analysis, photo.token), visible=True),
            figure: gr.HTML(map_figure(say, photo.photo, analysis, photo.token), visible=True),
            points: gr.HTML(thresholds, visible=bool(thresholds)),
            prevalence: gr.Slider(visible=bool(analysis.operating_points)),
            details: gr.Column(visible=True),
            members: panels.members_panel(say, analysis),
            similar: panels.similar_lesions(say, analysis.similar, pictures),
            report[-1]: "",  # the downloads
            shown: photo,
        }

    def on_points(shown: Shown | None, percent: float, request: gr.Request) -> str:
        say = spoken(request)
        if shown is None:
            return status(say(words.NO_LONGER_HELD), level="error")
        return panels.thresholds_panel(say, shown.analysis, percent / 100)

    def drawn(say: Say, answered: Answered, percent: float, request: gr.Request) -> Any:
        if answered.shown is None:
            return emptied(answered.status)
        outputs = filled(say, answered.status, answered.shown, percent)  # which takes a moment
        return outputs if desk.wants(visitor_of(request), answered.shown.token) else gr.skip()

    def read(received: Received, turn: int, request: gr.Request) -> dict[Any, Any]:
        if not desk.put(visitor_of(request), received.data, turn):
            return gr.skip()
        preview = received.preview and {"url": received.preview, "orig_name": "photo.jpg"}
        return {photo: preview, **emptied(received.status)}

    def on_photo(upload: dict[str, Any] | None, request: gr.Request) -> dict[Any, Any]:
        turn, path = desk.turn(), upload["path"] if upload else None
        received = handlers.receive(spoken(request), path, uploads)
        if path is not None:
            desk.hold(visitor_of(request), path)
        outputs = read(received, turn, request)
        if upload is None:
            # gradio empties the field, and says so, before it pastes: what is pasted stays
            outputs.pop(photo, None)
        return outputs

    def on_example(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return read(handlers.receive_example(spoken(request), int(event.index)), desk.turn(), request)

    def on_received(percent: float, request: gr.Request) -> Iterator[Any]:
        say, visitor, token = spoken(request), visitor_of(request), ""
        for path in desk.release(visitor):
            delete(path, uploads)
        yield gr.skip()
        for answered in handlers.answer(say, ensemble, desk, visitor):
            token = answered.shown.token if answered.shown else ""
            yield drawn(say, answered, percent, request)
        # At the end gradio sends the last output again. If that is an older photo's answer, a skip must
        # replace it; but only then, because an output right after an answer empties that answer in the
        # browser before it is drawn.
        if token and not desk.wants(visitor, token):
            yield gr.skip()

    def on_analyse(shown: Shown | None, percent: float, request: gr.Request) -> Iterator[Any]:
        say = spoken(request)
        answered = handlers.again(say, desk, visitor_of(request), shown)
        if answered is None:
            yield from on_received(percent, request)
        else:
            yield drawn(say, answered, percent, request)

    def on_answered(shown: Shown | None, percent: float, request: gr.Request) -> Any:
        # the slider may have been moved since the answer was requested
        return gr.skip() if shown is None else on_points(shown, percent, request)

    def on_correction(shown: Shown | None, name: str | None, request: gr.Request) -> Iterator[Any]:
        say = spoken(request)
        yield status(say(words.CORRECTING))
        compared = handlers.compare(say, ensemble, shown, name)
        newest = shown is None or desk.wants(visitor_of(request), shown.token)
        yield compared if newest else gr.skip()

    received = [photo, *result]
    for listen, fn, inputs in ((photo.input, on_photo, [photo]), (examples.click, on_example, None)):
        listen(fn, inputs, received, trigger_mode="multiple", **UNDECODED, **UPLOADS, **QUIET).then(
            on_received, [prevalence], result, trigger_mode="multiple", **NETWORKS, **QUIET
        ).then(on_answered, [shown, prevalence], points, **UPLOADS, **QUIET)
    analyse.click(
        on_analyse, [shown, prevalence], result, trigger_mode="once", **NETWORKS, **QUIET
    ).then(on_answered, [shown, prevalence], points, **UPLOADS, **QUIET)
    # not `release`: a slider that is moved by keys is never released
    prevalence.input(
        on_points, [shown, prevalence], points, trigger_mode="always_last", **UPLOADS, **QUIET
    )
    correction.input(
        on_correction, [shown, correction], comparison, trigger_mode="always_last", **NETWORKS, **QUIET
    )
    return shown


def common_share(ensemble: Ensemble) -> float:
    """Share of malignant images in the training data: where the prevalence slider begins."""
    return float(malignant_probability(np.array(ensemble.calibration.frequencies)))


def whole_result(say: Say, shown: Shown, pictures: LesionPictures) -> str:
    """Outcome, ranking, map and similar lesions of one photo as one piece of HTML, to look at only."""
    parts = (
        panels.outcome_panel(say, shown.analysis),
        panels.ranking_panel(say, shown.analysis, shown.token),
        map_figure(say, shown.photo, shown.analysis, shown.token),
        panels.similar_lesions(say, shown.analysis.similar, pictures),
    )
    return f'<div class="whole">{"".join(parts)}</div>'


def _examples(say: Say) -> str:
    drawings = (read_photo(handlers.EXAMPLES_FOLDER / name) for name in handlers.EXAMPLES)
    pictures = [data_url(for_display(drawing).pixels[::2, ::2], 80) for drawing in drawings]
    return fill("examples.html", say, pictures=pictures)
