"""Keeps fetched pictures on disk: one file each, with attribution and licence, up to a size.

A picture that cannot be kept or read back is one that is not there: the page works without.
"""

import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from pydantic import Base64Bytes, BaseModel, ValidationError

from skin_app.gallery.archive_client import IMAGE_ID, ArchivePicture
from skin_app.words import archive as words
from skin_app.words.language import SpokenError

MOST_FILES, MOST_BYTES = 30_000, 500_000_000  # more than the embedded weights' gallery needs
LARGEST = 200_000  # bytes of one file
SUFFIX, PARTIAL = ".json", ".part"
ABANDONED_AFTER = 3600  # seconds, for files of a program that was killed while it wrote
LOG = logging.getLogger(__name__)


class _Entry(BaseModel):
    image_id: str
    attribution: str
    licence: str
    sha256: str
    image: Base64Bytes


class CacheError(SpokenError, ValueError):
    """Pictures cannot be kept on disk."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """`SKIN_APP_CACHE`, or a folder of this program in the user's own cache folder.

    Raises `CacheError` for a user without a home folder.
    """
    if named := environment.get("SKIN_APP_CACHE"):
        return Path(named)
    own = environment.get({"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME"))
    within = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path(own or Path.home() / within) / "skin-app"
    except RuntimeError as error:
        raise CacheError(
            "This user has no home folder: set SKIN_APP_CACHE to a folder that may keep pictures."
        ) from error


class PictureCache:
    """Pictures by image id in a folder that only this user can read.

    The oldest go when there are more than `most_files` or `most_bytes`. `fault`: why pictures cannot be
    kept, None where they can; it is logged once.
    """

    def __init__(
        self, folder: Path, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES
    ) -> None:
        self.folder = folder / "isic-archive"
        self.fault: CacheError | None = None
        self._most_files, self._most_bytes, self._lock = most_files, most_bytes, Lock()
        self._files, self._bytes = most_files, 0  # not counted yet: the first picture counts them

    def get(self, image_id: str) -> ArchivePicture | None:
        """The picture; None where there is none that is intact."""
        path = self._path(image_id)
        try:
            if path is None or path.stat().st_size > LARGEST:
                return None
            entry = _Entry.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        intact = entry.image_id == image_id and entry.sha256 == hashlib.sha256(entry.image).hexdigest()
        return ArchivePicture(entry.image, entry.attribution, entry.licence) if intact else None

    def put(self, image_id: str, picture: ArchivePicture) -> None:
        """Keep a picture; where that fails, `fault` says why."""
        path = self._path(image_id)
        if path is None:
            return
        entry = _Entry.model_construct(
            image_id=image_id,
            attribution=picture.attribution,
            licence=picture.licence,
            sha256=hashlib.sha256(picture.image).hexdigest(),
            image=picture.image,
        )
        try:
            with self._lock:
                size = self._write(path, entry.model_dump_json().encode())
                self._files, self._bytes = self._files + 1, self._bytes + size
                if self._files > self._most_files or self._bytes > self._most_bytes:
                    self._remove_oldest()
        except OSError as error:
            reason = error.strerror or str(error)
            fault = CacheError(words.CANNOT_KEEP, folder=self.folder, reason=reason)
            if self.fault is None:
                LOG.warning("warning: %s", fault)
            self.fault = fault

    def _path(self, image_id: str) -> Path | None:
        return self.folder / f"{image_id}{SUFFIX}" if IMAGE_ID.fullmatch(image_id) else None

    def _write(self, path: Path, data: bytes) -> int:
        """Write a file whole or not at all; returns its size."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(
            suffix=PARTIAL, dir=self.folder
        )  # which only this user may read
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return len(data)

    def _remove_oldest(self) -> None:
        """Count the files; if there are too many, remove the oldest until a tenth is free."""
        found = []
        for file in os.scandir(self.folder):
            stat = file.stat(follow_symlinks=False)
            if file.name.endswith(PARTIAL) and time.time() - stat.st_mtime > ABANDONED_AFTER:
                Path(file).unlink(missing_ok=True)
            elif file.name.endswith(SUFFIX):
                found.append((stat.st_mtime_ns, stat.st_size, file.path))
        self._files, self._bytes = len(found), sum(size for _, size, _ in found)
        if self._files <= self._most_files and self._bytes <= self._most_bytes:
            return
        for _, size, name in sorted(found):
            if self._files <= 0.9 * self._most_files and self._bytes <= 0.9 * self._most_bytes:
                break
            Path(name).unlink(missing_ok=True)
            self._files, self._bytes = self._files - 1, self._bytes - size
