"""The tab of one photo: its layout, and the handler of each event."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from skin_app.calibration import malignant_probability
from skin_app.corrections import CORRECTIONS
from skin_app.display import data_url, for_display
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page import html
from skin_app.page.events import NETWORKS, QUIET, UNDECODED, UPLOADS, Fragment, spoken, visitor_of
from skin_app.page.labels import Labels
from skin_app.page.one_photo import handlers
from skin_app.page.one_photo.corrected import compare
from skin_app.page.one_photo.handlers import Answered, Received, Shown
from skin_app.page.one_photo.heat import map_figure
from skin_app.page.one_photo.outcome import has_points, in_set, operating_points, outcome_panel
from skin_app.page.one_photo.ranking import members_panel, ranking_panel
from skin_app.page.one_photo.report import REPORT_FIELDS, build_report
from skin_app.page.one_photo.similar import similar_lesions
from skin_app.page.sessions import Desk, delete
from skin_app.photo.read import read_photo
from skin_app.words import page as words
from skin_app.words.language import Say

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
            status = Fragment(labels.html(lambda say: html.status(say(words.IDLE))), elem_id="status")
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
    result = [status, intro, outcome, ranking, details, figure, members, points, prevalence, similar]
    result += [correction, comparison, *report, shown]

    def on_points(shown: Shown | None, percent: float, request: gr.Request) -> str:
        say = spoken(request)
        if shown is None:
            return html.status(say(words.NO_LONGER_HELD), level="error")
        return operating_points(say, shown.analysis, ensemble.trust, percent / 100)

    def render(say: Say, answered: Answered, percent: float) -> list[Any]:
        if answered.shown is None:
            return [answered.status, *_empty()]
        points = operating_points(say, answered.shown.analysis, ensemble.trust, percent / 100)
        return [answered.status, *_filled(say, answered.shown, points, ensemble, pictures)]

    def drawn(say: Say, answered: Answered, percent: float, request: gr.Request) -> Any:
        outputs, shown = render(say, answered, percent), answered.shown  # which takes a moment
        newest = shown is None or desk.wants(visitor_of(request), shown.token)
        return outputs if newest else gr.skip()

    def read(received: Received, turn: int, request: gr.Request) -> list[Any]:
        if not desk.put(visitor_of(request), received.data, turn):
            return [gr.skip()] * (1 + len(result))
        preview = received.preview and {"url": received.preview, "orig_name": "photo.jpg"}
        return [preview, received.status, *_empty()]

    def on_photo(upload: dict[str, Any] | None, request: gr.Request) -> list[Any]:
        turn, path = desk.turn(), upload["path"] if upload else None
        received = handlers.receive(spoken(request), path, uploads)
        if path is not None:
            desk.hold(visitor_of(request), path)
        outputs = read(received, turn, request)
        # gradio empties the field, and says so, before it pastes: what is pasted stays
        return outputs if upload else [gr.skip(), *outputs[1:]]

    def on_example(event: gr.EventData, request: gr.Request) -> Any:
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
        yield html.status(say(words.CORRECTING))
        compared = compare(say, ensemble, shown, name)
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


def whole_result(say: Say, shown: Shown, ensemble: Ensemble, pictures: LesionPictures) -> str:
    """Outcome, ranking, map and similar lesions of one photo as one piece of HTML, to look at only."""
    analysis = shown.analysis
    weak = bool(ensemble.trust and ensemble.trust.maps_are_weak)
    return "".join(
        (
            f'<div class="whole" data-for="{shown.token}">',
            outcome_panel(say, analysis, ensemble.trust),
            ranking_panel(say, analysis, in_set(analysis)),
            map_figure(say, shown.photo, analysis, shown.token, weak),
            similar_lesions(say, analysis.similar, pictures),
            "</div>",
        )
    )


def _empty() -> list[Any]:
    """Outputs from the introduction to the memory without a result."""
    hidden = [gr.HTML("", visible=False) for _ in range(2)]
    return [
        gr.HTML(visible=True),
        *hidden,
        gr.Column(visible=False),
        gr.HTML("", visible=False),
        "",
        gr.HTML("", visible=False),
        gr.Slider(visible=False),
        "",
        *(gr.Radio(value=None), ""),
        *([""] * REPORT_FIELDS),
        None,
    ]


def _filled(
    say: Say, shown: Shown, points: str, ensemble: Ensemble, pictures: LesionPictures
) -> list[Any]:
    """Outputs from the introduction to the memory with a result."""
    analysis = shown.analysis
    ranked = ranking_panel(say, analysis, in_set(analysis))
    weak = bool(ensemble.trust and ensemble.trust.maps_are_weak)
    return [
        gr.HTML(visible=False),
        gr.HTML(outcome_panel(say, analysis, ensemble.trust), visible=True),
        gr.HTML(f'<div data-for="{shown.token}">{ranked}</div>', visible=True),
        gr.Column(visible=True),
        gr.HTML(map_figure(say, shown.photo, analysis, shown.token, weak), visible=True),
        members_panel(say, analysis),
        gr.HTML(points, visible=bool(points)),
        gr.Slider(visible=has_points(analysis)),
        similar_lesions(say, analysis.similar, pictures),
        *(gr.skip(), gr.skip()),  # keeps what the visitor chose and typed meanwhile
        *([gr.skip()] * (REPORT_FIELDS - 1)),
        *("", shown),
    ]


def _examples(say: Say) -> str:
    buttons = []
    for index, (name, title) in enumerate(zip(handlers.EXAMPLES, words.EXAMPLE_NAMES, strict=True)):
        thumbnail = for_display(read_photo(handlers.EXAMPLES_FOLDER / name)).pixels[::2, ::2]
        buttons.append(
            f'<button type="button" data-index="{index}">'
            f'<img src="{data_url(thumbnail, 80)}" alt=""><span>{escape(say(title))}</span></button>'
        )
    return (
        f'<p class="quiet">{say(words.SYNTHETIC_NOTE)}</p>'
        f'<div class="examples" role="group" aria-label="{escape(say(words.EXAMPLES))}">'
        f"{''.join(buttons)}</div>"
    )
