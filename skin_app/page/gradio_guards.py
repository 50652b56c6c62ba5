"""Replaces parts of gradio, so that no data leaves this machine and no visitor's file is shared.

If this gradio lacks one of these parts, `put_up_guards` refuses, and the page does not start.
"""

import inspect
import secrets
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

import gradio as gr
from gradio import processing_utils, queueing, route_utils, routes
from gradio.blocks import Block
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from skin_app.page.batch import MOST
from skin_app.page.broken_uploads import delete_broken_uploads, tidied_upload
from skin_app.page.forwarded import client_of
from skin_app.page.port import ServeError
from skin_app.page.safe_tracebacks import keep_values_out_of_tracebacks

NO_ADDRESSES = "Files are not fetched from addresses here: upload the photo itself."
# huggingface-hub, as old as pyproject.toml allows, needs gradio 6.29; only the newest was tested.
FROM, TESTED = "6.29", "6.31"
# Of one request. Twice a batch, so that our own sentence refuses one that is a little too large.
MOST_FILES = 2 * MOST


def put_up_guards(settings: Iterable[str]) -> None:
    """Replace gradio's upload and download by the page's own.

    `settings`: names of the arguments for `launch`. Raises `ServeError` if a guard does not fit this
    gradio, where it would silently have no effect.
    """
    unknown = set(settings) - set(_parameters(gr.Blocks.launch))
    missing = [*_missing(), *sorted(unknown)]
    if missing:
        raise ServeError(
            "gradio {version} has no place for guards of this page's privacy ({missing}): install "
            "gradio {tested}, which they were tested with, or one from {oldest} on, by "
            "`pip install gradio=={tested}.*`.",
            version=gr.__version__,
            missing=", ".join(missing),
            tested=TESTED,
            oldest=FROM,
        )
    processing_utils.async_ssrf_protected_download = _refuse
    # gradio would let every site use the page in the name of its visitors
    route_utils.CustomCORSMiddleware.is_valid_origin = _no_other_site
    if not hasattr(route_utils.GradioUploadFile, "is_ours"):
        route_utils.GradioUploadFile = _apart(route_utils.GradioUploadFile)
    delete_broken_uploads()
    keep_values_out_of_tracebacks()
    if not hasattr(route_utils.GradioMultiPartParser, "is_ours"):
        route_utils.GradioMultiPartParser = _tidy(route_utils.GradioMultiPartParser)


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
    for name in ("GradioUploadFile", "NamedTemporaryFile"):
        if not _uses(parser, "on_headers_finished", name):
            yield "GradioMultiPartParser"
    is_alike = _parameters(getattr(routes, "upload_fn", None)) == _parameters(tidied_upload)
    if not (is_alike and _uses(route_utils, "upload_fn", "GradioMultiPartParser")):
        yield "upload_fn"
    if "_signals" not in _set_in(getattr(route_utils.FileUploadProgress, "is_tracked", None)):
        yield "FileUploadProgress.is_tracked"
    if parser and "max_files" not in _set_in(parser.__init__):
        yield "GradioMultiPartParser.max_files"
    for module in (queueing, routes):
        if not hasattr(getattr(module, "traceback", None), "print_exc"):
            yield f"{module.__name__}.traceback"
    if not hasattr(getattr(route_utils, "CustomCORSMiddleware", None), "is_valid_origin"):
        yield "CustomCORSMiddleware.is_valid_origin"
    if not {"request", "data"} <= _set_in(getattr(queueing.Event, "__init__", None)):
        yield "Event.request"
    if "event_queue_per_concurrency_id" not in _set_in(getattr(queueing.Queue, "__init__", None)):
        yield "Queue.event_queue_per_concurrency_id"
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


def _set_in(method: object) -> set[str]:
    """The names of the attributes that a method uses or sets."""
    return set(getattr(getattr(method, "__code__", None), "co_names", ()))


def waiting_of(page: gr.Blocks, client: str | None = None) -> int:
    """How many calls and page events wait in the queue; `client`: only those of one (`client_of`)."""
    waiting = [
        event
        for queue in tuple(page._queue.event_queue_per_concurrency_id.values())
        for event in tuple(queue.queue)
    ]
    return sum(client is None or client_of(event.request.scope) == client for event in waiting)


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


def _tidy(base: Any) -> Any:
    """A subclass of gradio's parser of uploads, `base`, that takes fewer files."""

    class Tidy(base):
        is_ours = True

        async def parse(self) -> Any:
            self.max_files = min(self.max_files, MOST_FILES)
            try:
                return await super().parse()
            except ClientDisconnect:  # nobody is there to be told; no fault to log
                raise HTTPException(400) from None

    return Tidy


def _no_other_site(self: object, request_headers: object) -> bool:  # noqa: ARG001
    """Instead of gradio's rule, which lets any site in unless the page is served on this machine."""
    return False


async def _refuse(url: str, cache_dir: str) -> str:  # noqa: ARG001
    """Instead of gradio's download: a visitor could make this server ask any public address."""
    raise gr.Error(NO_ADDRESSES, print_exception=False)
