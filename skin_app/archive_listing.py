"""Finds the photos of an archive, on a disk or in cloud storage, and reads them one by one.

Needs the extra `archive`. An address such as s3://bucket/photos goes to pyarrow, as in Ray Data; all
else is a local path, and is searched as by `find_photos`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from skin_app.photo.folders import find_photos, has_image_suffix, is_clutter, read_found
from skin_app.photo.limits import check_bytes
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.words.photo import NO_SUCH_FILE, UNREADABLE

SCHEME = "://"


@dataclass(frozen=True)
class Storage:
    """Where photos lie, as every worker can open it.

    `files`: of the cloud, or None for local paths; `scheme`: such as "s3"; `here`: what relative local
    paths begin at.
    """

    files: FileSystem | None
    scheme: str
    here: Path

    def read(self, name: str) -> Photo:
        """Decode one photo of the archive, by its name in the listing. Raises `PhotoError`."""
        if self.files is None:
            return read_found(self.here / name)
        try:
            with self.files.open_input_file(name.removeprefix(self.scheme + SCHEME)) as file:
                check_bytes(file.size())
                data = file.read()
        except FileNotFoundError:
            raise PhotoError(NO_SUCH_FILE) from None
        except OSError as error:
            raise PhotoError(UNREADABLE, reason=reason_of(error)) from error
        return read_photo(data)


@dataclass(frozen=True)
class Listing:
    """What was found. `names`: of the photos, each once; the rest as in `folders.Found`."""

    storage: Storage
    names: list[str]
    passed_over: int
    closed: list[str]


def list_photos(given: Sequence[str], here: Path) -> Listing:
    """All photos at the given places: local paths, or addresses of one cloud storage.

    In cloud storage, the suffix of a name decides what is a photo; on a disk, also the content. Raises
    `PhotoError` for a place that is missing, cannot be listed, or holds no photo.
    """
    addresses = [place for place in given if SCHEME in place]
    if not addresses:
        found = find_photos([Path(place) for place in given])
        names = [str(path) for path in found.photos]
        return Listing(Storage(None, "", here), names, found.passed_over, found.closed)
    if len(addresses) < len(given):
        raise PhotoError(
            "The photos lie both on this machine and at {address}: score them in two runs.",
            address=addresses[0],
        )
    return _in_the_cloud(addresses, here)


def _in_the_cloud(addresses: Sequence[str], here: Path) -> Listing:
    storage: Storage | None = None
    names: dict[str, None] = {}
    others: set[str] = set()
    for address in addresses:
        files, path = file_system(address)
        own = Storage(files, address.partition(SCHEME)[0], here)
        if storage is not None and not files.equals(storage.files):
            raise PhotoError(
                "{one} and {other} lie in two storages: score them in two runs.",
                one=addresses[0],
                other=address,
            )
        storage = storage or own
        listed = [f"{own.scheme}{SCHEME}{info.path}" for info in _listed(address, files, path)]
        photos = [name for name in listed if _is_named_like_a_photo(name)]
        if not photos:
            raise PhotoError(
                "{address} holds no file with the suffix of an image, such as .jpg: check the address.",
                address=address,
            )
        names |= dict.fromkeys(sorted(photos))
        others |= set(listed) - set(photos)
    assert storage is not None
    return Listing(storage, list(names), len(others), [])


def file_system(address: str) -> tuple[FileSystem, str]:
    """The storage that an address names, and the path in it. Raises `PhotoError`."""
    try:
        return FileSystem.from_uri(address)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise PhotoError(
            "{address} cannot be opened ({reason}): name a folder, or an address such as "
            "s3://bucket/photos or gs://bucket/photos.",
            address=address,
            reason=reason_of(error),
        ) from error


def _listed(address: str, files: FileSystem, path: str) -> list[FileInfo]:
    """All files at and below a path."""
    try:
        info = files.get_file_info(path)
        if info.type == FileType.Directory:
            below = files.get_file_info(FileSelector(path, recursive=True))
            return [own for own in below if own.path and own.type == FileType.File]
    except (OSError, UnicodeDecodeError) as error:
        raise PhotoError(
            "{address} cannot be listed ({reason}): check the address and your access to it.",
            address=address,
            reason=reason_of(error),
        ) from error
    if info.type == FileType.NotFound:
        raise PhotoError("{path} does not exist: check the path.", path=address)
    return [info]


def _is_named_like_a_photo(name: str) -> bool:
    path = Path(PurePosixPath(name).name)
    return has_image_suffix(path) and not is_clutter(path)


def reason_of(error: BaseException) -> str:
    """Why, in one line; the cloud's own libraries say it in many."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
