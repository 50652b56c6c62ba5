"""Serves the page: no data leaves this machine, and nothing is stored.

The page's guards replace parts of gradio. If this gradio lacks them, `serve` refuses to start.
"""

import inspect
import secrets
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO

import gradio as gr
import httpx
from gradio import processing_utils, route_utils
from gradio.blocks import Block

from skin_app.page.port import Listening, PortError, ServeError
from skin_app.page.theme import head, theme
from skin_app.page.uploads_and_sessions import HELD_FOR, forget_idle
from skin_app.page.visitor_language import FixedTexts
from skin_app.photo.limits import MAX_BYTES

NO_ADDRESSES = "Files are not fetched from addresses here: upload the photo itself."
# `launch` has `run_history` from 6.24 on; of the versions allowed, only the newest was tested.
FROM, TESTED = "6.24", "6.31"
# A session holds a photo of up to 4.5 MB with its analysis, or a batch of small photos. Each client of
# the API counts as a session, too, and holds nothing.
SESSIONS = 256
# Larger than the limit for photos, so that our own sentence refuses a file slightly above that limit.
LARGEST_UPLOAD = 5 * MAX_BYTES
LOOK_EVERY = 30.0  # seconds between two looks for sessions that nobody uses any more
# Workers in other processes would take uploads without the guards, so there are none.
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


def serve(
    page: gr.Blocks, where: Listening, block: bool = True, labels: FixedTexts | None = None
) -> str:
    """Launch the page with its fixed settings; returns its address, for a browser on this machine.

    `where`: must bypass proxies already, because gradio requests its own page; `labels`: the page's
    fixed texts; `block`: stay until interrupted. Raises `PortError` if another program listens there by
    now, `ServeError` if the guards do not fit this gradio.
    """
    put_up(SETTINGS)
    # if a step were refused, the page would still show an older result or "analysing"
    page.queue(max_size=SESSIONS)
    try:
        page.launch(
            server_name=where.server_name,
            server_port=where.port,
            prevent_thread_lock=True,
            theme=theme(),
            head=head(),
            i18n=(labels or FixedTexts()).translations(),
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
        forget_idle(page, datetime.now(), HELD_FOR - LOOK_EVERY)  # at most until the next look


def put_up(settings: Iterable[str]) -> None:
    """Replace gradio's upload and download by the page's own.

    `settings`: names of the arguments for `launch`. Raises `ServeError` if a guard does not fit this
    gradio, where it would silently have no effect.
    """
    unknown = set(settings) - set(_parameters(gr.Blocks.launch))
    missing = [*_missing(), *sorted(unknown)]
    if missing:
        raise ServeError(
            f"gradio {gr.__version__} has no place for guards of this page's privacy "
            f"({', '.join(missing)}): install gradio {TESTED}, which they were tested with, or one "
            f"from {FROM} on, by `pip install gradio=={TESTED}.*`."
        )
    processing_utils.async_ssrf_protected_download = _refuse
    if not hasattr(route_utils.GradioUploadFile, "is_ours"):
        route_utils.GradioUploadFile = _apart(route_utils.GradioUploadFile)


def _missing() -> Iterator[str]:
    """Names of what is missing or different inside this gradio."""
    download = getattr(processing_utils, "async_ssrf_protected_download", None)
    if not inspect.iscoroutinefunction(download) or _parameters(download) != ["url", "cache_dir"]:
        yield "async_ssrf_protected_download"
    elif not _uses(Block, "async_move_resource_to_block_cache", "async_ssrf_protected_download"):
        yield "async_move_resource_to_block_cache"
    upload = getattr(route_utils, "GradioUploadFile", object)
    if _parameters(upload) != ["file", "size", "filename", "headers"]:
        yield "GradioUploadFile"
    elif not hasattr(route_utils.GradioUploadFile(BytesIO()), "sha"):
        yield "GradioUploadFile.sha"
    parser = getattr(route_utils, "GradioMultiPartParser", None)
    if not _uses(parser, "on_headers_finished", "GradioUploadFile"):
        yield "GradioMultiPartParser"
    try:
        from gradio.state_holder import StateHolder
    except ImportError:
        yield "StateHolder"
        return
    holder = StateHolder()
    yield from (
        f"StateHolder.{name}"
        for name, method in (("lock", "__enter__"), ("session_data", "pop"), ("time_last_used", "pop"))
        if not hasattr(getattr(holder, name, None), method)
    )


def _parameters(called: Any) -> list[str]:
    """The names of all parameters of a function, or of what makes an instance of a class."""
    return list(inspect.signature(called).parameters) if callable(called) else []


def _uses(owner: object, method: str, name: str) -> bool:
    """Whether `method` of `owner` looks up `name` at run time, so that replacing it takes effect."""
    code = getattr(getattr(owner, method, None), "__code__", None)
    return code is not None and name in code.co_names


def _apart(base: Any) -> Any:
    """A subclass of gradio's uploads, `base`, that gives each upload a folder of its own.

    gradio names folders by content, so two visitors with the same file would share it, and whoever is
    read first would delete it for both.
    """

    class Apart(base):
        is_ours = True

        # must repeat gradio's parameters: for a second page in this program, the check sees these
        def __init__(
            self, file: BinaryIO, *, size: Any = None, filename: Any = None, headers: Any = None
        ) -> None:
            super().__init__(file, size=size, filename=filename, headers=headers)
            self.sha.update(secrets.token_bytes(16))

    return Apart


async def _refuse(url: str, cache_dir: str) -> str:  # noqa: ARG001
    """Instead of gradio's download: a visitor could make this server ask any public address."""
    raise gr.Error(NO_ADDRESSES, print_exception=False)
