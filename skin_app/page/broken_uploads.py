"""Deletes what gradio leaves of an upload that was broken off, refused, or sent under another name.

gradio writes each file while it arrives, and deletes it again only where the form itself is wrong. It
also keeps the names of files for the bar that shows the progress, until somebody asks for it, and each
id that somebody asks for.
"""

import asyncio
import os
import secrets
from contextvars import ContextVar
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from gradio import route_utils, routes
from starlette.requests import Request

from skin_app.page.unnamed_uploads import remember

# seconds in which the browser asks for the end of the progress; after that, the names are forgotten
PROGRESS_ENDS_AFTER = 5.0
_ARRIVING: ContextVar[list[Any] | None] = ContextVar("_ARRIVING", default=None)


def delete_broken_uploads() -> None:
    """Replace three parts of gradio; once is enough for all pages of a program."""
    setattr(routes, "upload_fn", tidied_upload)  # noqa: B010
    setattr(route_utils.FileUploadProgress, "is_tracked", _is_tracked)  # noqa: B010
    setattr(route_utils, "NamedTemporaryFile", _arriving_file)  # noqa: B010


def _arriving_file(delete: bool = False, dir: str | Path | None = None) -> Any:
    """A file that nobody can guess the name of, always in the folder of uploads."""
    folder = dir or os.environ["GRADIO_TEMP_DIR"]
    made = NamedTemporaryFile(  # noqa: SIM115
        delete=delete, dir=folder, prefix=secrets.token_hex(16)
    )
    arriving = _ARRIVING.get()
    if arriving is not None:
        arriving.append(made)
    return made


async def tidied_upload(
    request: Request,
    upload_dir: str | Path,
    max_file_size: float,
    upload_id: str | None,
    force_move: bool = True,
    upload_progress: Any = None,
) -> Any:
    """gradio's upload; afterwards, none of its files is left where they arrived."""
    arriving: list[Any] = []
    before = _ARRIVING.set(arriving)
    still_moving: list[str] = []
    try:
        done = await route_utils.upload_fn(
            request, upload_dir, max_file_size, upload_id, force_move, upload_progress
        )
        still_moving = done[1]
        remember(request.scope, done[0])
        return done
    finally:
        _ARRIVING.reset(before)
        for file in arriving:
            file.close()
            if file.name not in still_moving:
                Path(file.name).unlink(missing_ok=True)
        if upload_id and upload_progress:
            upload_progress.set_done(upload_id)
            asyncio.get_running_loop().call_later(
                PROGRESS_ENDS_AFTER, _forget, upload_progress, upload_id
            )


async def _is_tracked(progress: Any, upload_id: str) -> bool:
    """Wait until the upload begins; afterwards, nothing is left of an id that no upload has."""
    try:
        return await progress._signals[upload_id].wait()
    finally:
        if upload_id not in progress._statuses:
            progress._signals.pop(upload_id, None)


def _forget(progress: Any, upload_id: str) -> None:
    progress.stop_tracking(upload_id)
    progress._signals.pop(upload_id, None)
