"""How the page is served: nothing leaves this machine, nothing is kept."""

import secrets
import socket
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils, route_utils

from skin_app.interface.labels import Labels
from skin_app.interface.theme import theme
from skin_app.interface.wiring import HELD_FOR
from skin_app.photo import MAX_BYTES

# A session of the page holds a photo of up to 4.5 MB and its analysis, or a batch of small ones; each
# client of the API counts as a session too, and holds nothing.
SESSIONS = 256
# Above what a photo may have, so that one file that is too large is refused alone, in a sentence.
LARGEST_UPLOAD = 5 * MAX_BYTES
LOOK_EVERY = 30.0  # seconds between two looks for sessions that nobody uses any more
NO_ADDRESSES = "Files are not fetched from addresses here: upload the photo itself."
FOLDER = Path(__file__).resolve().parent


class PortError(ValueError):
    """The page cannot listen where it was told to; the message is one sentence."""


def serve(
    page: gr.Blocks, name: str, port: str | int, block: bool = True, labels: Labels | None = None
) -> str:
    """Launch the page on host `name` with its fixed settings; returns its address.

    `labels`: the page's fixed texts, in every language. `block`: stay until interrupted. Raises
    `PortError` for a port that is taken or none at all.
    """
    if not str(port).isdecimal() or not 0 < int(port) < 65536:
        raise PortError(f"{port} is no port: set GRADIO_SERVER_PORT to a number such as 7860.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((name, int(port)))
        except OSError as error:
            raise PortError(
                f"The page cannot listen on {name}:{port} ({error.strerror}): stop the program that "
                "does, or set GRADIO_SERVER_PORT to another port."
            ) from error
    processing_utils.async_ssrf_protected_download = _refuse
    route_utils.GradioUploadFile = _Apart
    # a step that is refused would leave an older result, or "analysing", on the page
    page.queue(max_size=SESSIONS)
    _, url, _ = page.launch(
        server_name=name,
        server_port=int(port),
        prevent_thread_lock=True,
        theme=theme(),
        head=head(),
        i18n=(labels or Labels()).translations(),
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=LARGEST_UPLOAD,
        state_session_capacity=SESSIONS,
        mcp_server=False,
        pwa=False,
        quiet=True,
    )
    threading.Thread(target=_forget_while_running, args=(page,), daemon=True).start()
    if block:
        page.block_thread()
    return url


def _forget_while_running(page: gr.Blocks) -> None:
    stopped = threading.Event()
    while page.is_running and not stopped.wait(LOOK_EVERY):
        forget_idle(page, datetime.now(), HELD_FOR - LOOK_EVERY)  # held until the next look at most


def forget_idle(page: gr.Blocks, now: datetime, held_for: float) -> None:
    """Drop all that the server holds of visitors who did nothing for `held_for` seconds.

    gradio's own `time_to_live` would drop states only, and count from their making: the session also
    holds every field's value, the photo's preview and what was typed among them.
    """
    sessions = page.state_holder
    with sessions.lock:
        for session, used in list(sessions.time_last_used.items()):
            if now - used >= timedelta(seconds=held_for):
                sessions.session_data.pop(session, None)
                sessions.time_last_used.pop(session, None)


def head() -> str:
    """The page's own styles and script, inline: nothing is loaded from elsewhere."""
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    return f"<style>{styles}</style><script>{script}</script>"


class _Apart(route_utils.GradioUploadFile):
    """An upload with a folder of its own.

    gradio names folders by content, so two visitors with the same file would share it, and whoever is
    read first would delete it for both.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.sha.update(secrets.token_bytes(16))


async def _refuse(url: str, cache_dir: str) -> str:  # noqa: ARG001
    """Instead of gradio's download: a visitor could make this server ask any public address."""
    raise gr.Error(NO_ADDRESSES, print_exception=False)
