"""The page: its frame and its tabs."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page import about
from skin_app.page.api import add_endpoints
from skin_app.page.events import QUIET, UPLOADS, Fragment, spoken
from skin_app.page.evidence import tab as evidence
from skin_app.page.html import status
from skin_app.page.labels import Labels
from skin_app.page.one_photo.handlers import Shown
from skin_app.page.one_photo.tab import build_one_photo, whole_result
from skin_app.page.sessions import Desk, delete, forget_session
from skin_app.page.several.tab import build_tab as build_several
from skin_app.words import page as words
from skin_app.words.language import Say


def build_page(
    ensemble: Ensemble, uploads: Path, pictures: LesionPictures | None = None
) -> tuple[gr.Blocks, Labels]:
    """The whole page for one ensemble, and its labels for `serve.serve`.

    `uploads`: the private folder of gradio's uploads; `pictures`: of the gallery's lesions (default:
    those of the weights).
    """
    pictures = pictures or LesionPictures(ensemble.weights.thumbnails)
    labels, desk = Labels(), Desk()
    with gr.Blocks(title=words.TITLE, analytics_enabled=False) as page:
        Fragment(f'<div class="strip" role="note">{labels(words.STRIP)}</div>', elem_id="strip")
        Fragment(labels.html(_masthead), elem_id="masthead")
        if ensemble.weights.instead:
            Fragment(labels.html(_embedded_instead))
        with gr.Tabs():
            with gr.Tab(labels(words.TAB_ONE), id="one"):
                shown = build_one_photo(ensemble, uploads, pictures, labels, desk)
            with gr.Tab(labels(words.TAB_SEVERAL), id="several"):

                def open_photo(say: Say, shown: Shown) -> str:
                    return whole_result(say, shown, ensemble, pictures)

                build_several(ensemble, uploads, labels, open_photo)
            with gr.Tab(labels(words.TAB_EVIDENCE), id="evidence") as evidence_tab:
                place = Fragment(labels.html(_loading), elem_id="lesion-map")
                scores = Fragment(elem_id="evidence")
            with gr.Tab(labels(words.TAB_ABOUT), id="about") as about_tab:
                told = Fragment(labels.html(_loading), elem_id="about")

        def on_evidence(shown: Shown | None, request: gr.Request) -> tuple[str, str]:
            say, analysis = spoken(request), None if shown is None else shown.analysis
            weights = ensemble.weights
            return evidence.map_panel(say, weights, analysis), evidence.panel(say, weights)

        def on_about(request: gr.Request) -> str:
            return about.panel(spoken(request), ensemble.weights)

        evidence_tab.select(on_evidence, shown, [place, scores], **UPLOADS, **QUIET)
        about_tab.select(on_about, None, told, **UPLOADS, **QUIET)
        add_endpoints(ensemble, uploads)
        page.unload(_forgetting(page, desk, uploads))
    return page, labels


def _masthead(say: Say) -> str:
    return f'<header class="masthead"><h1>{say(words.TITLE)}</h1><p>{say(words.SUBTITLE)}</p></header>'


def _embedded_instead(say: Say) -> str:
    return status(say(words.EMBEDDED_INSTEAD), level="note")


def _loading(say: Say) -> str:
    return status(say(words.LOADING))


def _forgetting(page: gr.Blocks, desk: Desk, uploads: Path) -> Callable[[gr.Request], None]:
    """Drop a closed page's session, which gradio would keep for an hour with all its values."""

    def forget(request: gr.Request) -> None:
        if request.session_hash:
            desk.forget(request.session_hash)
            for path in desk.release(request.session_hash):
                delete(path, uploads)
            forget_session(page, request.session_hash)

    return forget
