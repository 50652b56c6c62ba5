"""The page: what stands where, and which handler answers to what."""

from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from skin_app.decision import malignant_probability
from skin_app.ensemble import Ensemble
from skin_app.interface import fragments, handlers, trust, words
from skin_app.interface.drawing import data_url, for_display
from skin_app.interface.evidence import about, evidence
from skin_app.interface.handlers import Answered, Received, Shown
from skin_app.photo import Photo, read_photo
from skin_app.synthetic import EXAMPLES
from skin_app.trust import Trust

HELD_FOR = 15 * 60
OPACITY = 60
NETWORKS: dict[str, Any] = {"concurrency_id": "networks", "concurrency_limit": 1}
UPLOADS: dict[str, Any] = {"concurrency_id": "uploads", "concurrency_limit": 2}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Even with type="filepath", gr.Image opens every upload with Pillow, which parses untrusted bytes
# and ends in an error of its own for a file that is no image; what it is given to show it writes to
# disk. Without its pre- and postprocessing we get the checked path and give a `data:` URL.
UNDECODED: dict[str, Any] = {"preprocess": False, "postprocess": False}
# gradio's own styles for HTML would draw boxes around every table cell.
Fragment = partial(gr.HTML, apply_default_css=False)
EXAMPLE_CLICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-index]');
  if (chosen) trigger('click', { index: Number(chosen.dataset.index) });
});
"""


def build_page(ensemble: Ensemble, uploads: Path) -> gr.Blocks:
    """The whole page for one ensemble; `uploads`: the private folder of gradio's uploads."""
    with gr.Blocks(title=words.TITLE, analytics_enabled=False) as page:
        Fragment(f'<div class="strip" role="note">{words.STRIP}</div>', elem_id="strip")
        Fragment(f'<header class="masthead"><h1>{words.TITLE}</h1><p>{words.SUBTITLE}</p></header>')
        if ensemble.weights.note:
            Fragment(fragments.status(ensemble.weights.note, kind="note"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=280):
                photo = gr.Image(
                    label="Dermatoscopic photo (JPEG, PNG or WebP)",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    webcam_options=gr.WebcamOptions(mirror=False),
                    buttons=[],
                    height=300,
                    alt_text="The chosen photo",
                    elem_id="photo",
                )
                analyse = gr.Button("Analyse", variant="primary", elem_id="analyse")
                examples = Fragment(_examples(), js_on_load=EXAMPLE_CLICK, elem_id="examples")
            with gr.Column(scale=7, min_width=280):
                status = Fragment(fragments.status(words.IDLE), elem_id="status")
                intro = Fragment(f'<section class="panel">{words.INTRO}</section>')
                outcome = Fragment(visible=False, elem_id="outcome")
                ranking = Fragment(visible=False, elem_id="ranking")
        with gr.Column(visible=False) as details:
            with gr.Row(equal_height=False):
                with gr.Column(scale=7, min_width=280):
                    figure = Fragment(elem_id="map")
                    if trust.map_is_weak(ensemble.trust):
                        Fragment(f'<p class="quiet weak">{words.MAP_IS_WEAK}</p>')
                with gr.Column(scale=5, min_width=280):
                    code = gr.Radio(label="Map of which diagnosis?", elem_id="class")
                    opacity = gr.Slider(
                        0, 100, OPACITY, step=5, label="Strength of the map over the photo (%)"
                    )
                    members = Fragment(elem_id="members")
            points = Fragment(elem_id="points")
            prevalence = gr.Slider(
                1,
                99,
                round(100 * common_share(ensemble)),
                step=1,
                label="Malignant share of the lesions that you see (%)",
                visible=ensemble.trust is not None,
                elem_id="prevalence",
            )
            similar = Fragment(elem_id="similar")
        _background(ensemble)
        waiting = gr.State(None, time_to_live=HELD_FOR)
        shown = gr.State(None, time_to_live=HELD_FOR)
        result = [status, intro, outcome, ranking, details, figure, code, members, points, similar]
        result += [waiting, shown]

        def on_points(shown: Shown | None, percent: float) -> str:
            if shown is None:
                return fragments.status(words.NO_LONGER_HELD, kind="error")
            return trust.operating_points(shown.analysis, ensemble.trust, percent / 100)

        def render(answered: Answered, opacity: float, percent: float) -> list[Any]:
            shown = answered.shown
            points = shown and on_points(shown, percent)
            return [answered.status, *_result(shown, opacity / 100, points, ensemble.trust)]

        def on_photo(upload: dict[str, Any] | None) -> Iterator[list[Any]]:
            for received in handlers.receive(upload["path"] if upload else None, uploads):
                yield _received(received)

        def on_example(event: gr.EventData) -> list[Any]:
            return _received(handlers.receive_example(int(event.index)))

        def on_received(waiting: Photo | None, opacity: float, percent: float) -> Iterator[Any]:
            if waiting is None:
                yield gr.skip()
                return
            for answered in handlers.answer(ensemble, waiting):
                yield render(answered, opacity, percent)

        def on_analyse(
            waiting: Photo | None, shown: Shown | None, opacity: float, percent: float
        ) -> Iterator[Any]:
            for answered in handlers.answer(ensemble, waiting, shown):
                yield render(answered, opacity, percent)

        def on_map(shown: Shown | None, code: str, opacity: float) -> str:
            return handlers.draw_map(shown, code, opacity / 100)

        received = [photo, *result]
        for listen, fn, inputs in (
            (photo.input, on_photo, [photo]),
            (examples.click, on_example, None),
        ):
            listen(fn, inputs, received, trigger_mode="multiple", **UNDECODED, **UPLOADS, **QUIET).then(
                on_received,
                [waiting, opacity, prevalence],
                result,
                trigger_mode="multiple",
                **NETWORKS,
                **QUIET,
            )
        analyse.click(on_analyse, [waiting, shown, opacity, prevalence], result, **NETWORKS, **QUIET)
        prevalence.release(on_points, [shown, prevalence], points, **UPLOADS, **QUIET)
        for listen in (code.input, opacity.release):
            listen(
                on_map,
                [shown, code, opacity],
                figure,
                trigger_mode="always_last",
                **UPLOADS,
                **QUIET,
            )
        page.unload(_forgetting(page))
    return page


def common_share(ensemble: Ensemble) -> float:
    """Share of malignant images in the training data: where the prevalence slider begins."""
    return float(malignant_probability(np.array(ensemble.calibration.frequencies)))


def _received(received: Received) -> list[Any]:
    """Outputs of a photo that was just read: the previous result goes at once."""
    shown = _result(None, 0)
    shown[-2] = received.waiting
    preview = received.preview and {"url": received.preview, "orig_name": "photo.jpg"}
    return [preview, received.status, *shown]


def _result(
    shown: Shown | None, opacity: float, points: str | None = None, limits: Trust | None = None
) -> list[Any]:
    """Outputs from the introduction to the memory: the result, or its absence.

    `opacity`: of the map, in [0, 1]; `points`: HTML; `limits`: those that the answer was judged by.
    """
    if shown is None:
        return [
            gr.HTML(visible=True),
            gr.HTML("", visible=False),
            gr.HTML("", visible=False),
            gr.Column(visible=False),
            "",
            gr.Radio(choices=[], value=None),
            "",
            "",
            "",
            None,
            None,
        ]
    analysis = shown.analysis
    first = analysis.ranked[0].diagnosis.code
    names = [(entry.diagnosis.name, entry.diagnosis.code) for entry in analysis.ranked]
    return [
        gr.HTML(visible=False),
        gr.HTML(trust.outcome_panel(analysis, limits), visible=True),
        gr.HTML(fragments.ranking(analysis, trust.in_set(analysis)), visible=True),
        gr.Column(visible=True),
        handlers.draw_map(shown, first, opacity),
        gr.Radio(choices=names, value=first),
        fragments.members(analysis),
        points,
        fragments.similar_lesions(analysis.similar),
        None,
        shown,
    ]


def _background(ensemble: Ensemble) -> None:
    with gr.Accordion("Evidence and limits of these weights", open=False):
        Fragment(evidence(ensemble.weights.contract))
    with gr.Accordion("Weights, data and licence", open=False):
        Fragment(about(ensemble.weights.contract))
    with gr.Accordion("What happens to your photo", open=False):
        Fragment(f'<section class="panel">{words.PRIVACY}</section>')


def _examples() -> str:
    buttons = []
    for index, name in enumerate(EXAMPLES):
        thumbnail = for_display(read_photo(handlers.EXAMPLES_FOLDER / name)).pixels[::2, ::2]
        title = name.removesuffix(".jpg").replace("-", " ").capitalize()
        buttons.append(
            f'<button type="button" data-index="{index}">'
            f'<img src="{data_url(thumbnail, 80)}" alt="">'
            f"<span>{escape(title)}</span></button>"
        )
    return (
        f'<p class="quiet">{words.SYNTHETIC_NOTE}</p>'
        f'<div class="examples" role="group" aria-label="Synthetic drawings to try">'
        f"{''.join(buttons)}</div>"
    )


def _forgetting(page: gr.Blocks) -> Callable[[gr.Request], None]:
    """gradio keeps a closed page's session for an hour, values of its fields included: drop it."""

    def forget(request: gr.Request) -> None:
        if request.session_hash:
            page.state_holder.session_data.pop(request.session_hash, None)

    return forget
