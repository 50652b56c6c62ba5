"""How events are queued, and which visitor sent them in which language."""

from functools import partial
from typing import Any

import gradio as gr

from skin_app.words.language import Say, preferred

NETWORKS: dict[str, Any] = {"concurrency_id": "networks", "concurrency_limit": 1}
# A separate queue, so that single photos need not wait for a whole batch. `batch.TURNS` makes the
# batches of all visitors take turns, a few photos each.
BATCHES: dict[str, Any] = {"concurrency_id": "batches", "concurrency_limit": None}
UPLOADS: dict[str, Any] = {"concurrency_id": "uploads", "concurrency_limit": 2}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Even with type="filepath", gr.Image opens every upload with Pillow, which parses untrusted bytes, and
# writes what it shows to disk. Without its pre- and postprocessing we get the checked path and give a
# `data:` URL.
UNDECODED: dict[str, Any] = {"preprocess": False, "postprocess": False}
# gradio's own styles for HTML would draw boxes around every table cell.
Fragment = partial(gr.HTML, apply_default_css=False)


def visitor_of(request: gr.Request) -> str:
    """One open page of one visitor."""
    return str(request.session_hash)


def spoken(request: gr.Request) -> Say:
    """The language of a visitor's browser."""
    return preferred(request.headers.get("accept-language"))
