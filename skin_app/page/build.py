"""The page: its frame, its tabs, and the About tab."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import gradio as gr

from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page.api import add_endpoints
from skin_app.page.evidence_tab import evidence_tab
from skin_app.page.one_photo_handlers import Shown
from skin_app.page.one_photo_tab import OnePhotoTab
from skin_app.page.queues import QUIET, UPLOADS
from skin_app.page.several_tab import build_several
from skin_app.page.templates import fill, status
from skin_app.page.theme import FOLDER as STATIC
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, delete, forget_session
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.page.waiting_line import line_refusal
from skin_app.weights.folder import WeightsFolder
from skin_app.words import page as words
from skin_app.words.language import Say


def build_page(
    ensemble: Ensemble,
    uploads: Path,
    pictures: LesionPictures | None = None,
    desk: Desk | None = None,
) -> tuple[gr.Blocks, FixedTexts]:
    """The whole page for one ensemble, and its labels for `serve.serve`.

    `uploads`: the private folder of gradio's uploads; `pictures`: of the gallery's lesions (default:
    those of the weights); `desk`: where the folder's sweeper sees what visitors chose.
    """
    pictures = LesionPictures(ensemble.weights.thumbnails()) if pictures is None else pictures
    labels, desk, measured = FixedTexts(), desk or Desk(), evidence_tab(ensemble.weights)
    with gr.Blocks(title=words.TITLE, analytics_enabled=False) as page:
        Fragment(labels.html(lambda say: fill("masthead.html", say)), elem_id="masthead")
        if ensemble.weights.instead:
            Fragment(labels.html(lambda say: status(say(words.EMBEDDED_INSTEAD), level="note")))
        with gr.Tabs():
            with gr.Tab(labels(words.TAB_ONE), id="one"):
                refusal = partial(line_refusal, page)
                one_photo = OnePhotoTab(ensemble, uploads, pictures, labels, desk, refusal)
            with gr.Tab(labels(words.TAB_SEVERAL), id="several"):
                build_several(ensemble, uploads, pictures, labels, desk)
            with gr.Tab(labels(words.TAB_EVIDENCE), id="evidence") as evidence:
                scores = Fragment(
                    labels.html(lambda say: fill("evidence_skeleton.html", say)),
                    js_on_load=(STATIC / "lesion_map.js").read_text(encoding="utf-8"),
                    elem_id="evidence",
                )
            with gr.Tab(labels(words.TAB_ABOUT), id="about") as about:
                told = Fragment(
                    labels.html(lambda say: fill("about_skeleton.html", say)), elem_id="about"
                )

        def on_evidence(shown: Shown | None, request: gr.Request) -> str:
            return measured(spoken(request), shown and shown.analysis)

        def on_about(request: gr.Request) -> str:
            return about_panel(spoken(request), ensemble.weights)

        evidence.select(on_evidence, one_photo.shown, scores, **UPLOADS, **QUIET)
        about.select(on_about, None, told, **UPLOADS, **QUIET)
        add_endpoints(ensemble, uploads)
        page.unload(_forgetting(page, desk, uploads))
    return page, labels


def about_panel(say: Say, weights: WeightsFolder) -> str:
    """The About tab: the model card from the contract of the weights, licences, and privacy."""
    trainings = weights.contract.trainings
    members = [(len(own.shipped), own.recipe.get("member", {})) for own in trainings]
    return fill(
        "about.html",
        say,
        weights=weights,
        contract=weights.contract,
        members=members if all({"architecture", "size"} <= set(own) for _, own in members) else None,
        epochs=[epochs for own in trainings for epochs in own.kept_epochs.items()],
    )


def _forgetting(page: gr.Blocks, desk: Desk, uploads: Path) -> Callable[[gr.Request], None]:
    """Drop a closed page's session, which gradio would keep for an hour with all its values."""

    def forget(request: gr.Request) -> None:
        if request.session_hash:
            for path in desk.forget(request.session_hash):
                delete(path, uploads)
            forget_session(page, request.session_hash)

    return forget
