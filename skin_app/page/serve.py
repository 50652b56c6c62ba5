"""How the page is served: nothing leaves this machine, nothing is kept."""

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import httpx

from skin_app.page.guards import put_up
from skin_app.page.labels import Labels
from skin_app.page.listening import Listening, PortError
from skin_app.page.theme import theme
from skin_app.page.wiring import HELD_FOR
from skin_app.photo.read import MAX_BYTES

if TYPE_CHECKING:  # `put_up` says it in a sentence where a gradio has none
    from gradio.state_holder import StateHolder

# A session of the page holds a photo of up to 4.5 MB and its analysis, or a batch of small ones; each
# client of the API counts as a session too, and holds nothing.
SESSIONS = 256
# Above what a photo may have, so that one file that is too large is refused alone, in a sentence.
LARGEST_UPLOAD = 5 * MAX_BYTES
LOOK_EVERY = 30.0  # seconds between two looks for sessions that nobody uses any more
FOLDER = Path(__file__).resolve().parent / "static"
# Fixed for every page. Static workers would take uploads in processes of their own, without the guards.
SETTINGS: dict[str, Any] = {
    "share": False,
    "ssr_mode": False,
    "num_workers": 0,
    "run_history": False,
    "enable_monitoring": False,
    "footer_links": [],
    "max_file_size": LARGEST_UPLOAD,
    "state_session_capacity": SESSIONS,
    "mcp_server": False,
    "pwa": False,
    "quiet": True,
}


def serve(page: gr.Blocks, where: Listening, block: bool = True, labels: Labels | None = None) -> str:
    """Launch the page with its fixed settings; returns its address, for a browser here.

    `where`: spared by proxies already, as gradio asks its own page whether it can be reached; `labels`:
    the page's fixed texts, in every language; `block`: stay until interrupted. Raises `PortError` where
    another program listens by now, `ServeError` for a gradio that has no place for the page's guards.
    """
    put_up(SETTINGS)
    # a step that is refused would leave an older result, or "analysing", on the page
    page.queue(max_size=SESSIONS)
    try:
        page.launch(
            server_name=where.server_name,
            server_port=where.port,
            prevent_thread_lock=True,
            theme=theme(),
            head=head(),
            i18n=(labels or Labels()).translations(),
            **SETTINGS,
        )
    except (OSError, httpx.TransportError) as error:
        raise PortError(
            f"The page cannot be served on {where.url} ({error}): set GRADIO_SERVER_PORT to another "
            "port, or GRADIO_SERVER_NAME to 127.0.0.1."
        ) from error
    threading.Thread(target=_forget_while_running, args=(page,), daemon=True).start()
    if block:
        page.block_thread()
    return f"{where.url}/"


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
                _drop(sessions, session)


def forget_session(page: gr.Blocks, session: str) -> None:
    """Drop all that the server holds of a visitor who left."""
    with page.state_holder.lock:  # gradio moves and evicts sessions meanwhile
        _drop(page.state_holder, session)


def _drop(sessions: "StateHolder", session: str) -> None:
    sessions.session_data.pop(session, None)
    sessions.time_last_used.pop(session, None)


def head() -> str:
    """The page's own styles and script, inline: nothing is loaded from elsewhere."""
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    return f"<style>{styles}</style><script>{script}</script>"
