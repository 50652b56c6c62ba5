"""Finds the photos in folders, by content or by file name."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from skin_app.photo.file_type import HEAD_BYTES, PICTURES, type_of
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.words.photo import NO_IMAGES

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        "jpg jpeg jpe jfif jfi jif pjpeg pjp png apng webp tif tiff bmp dib gif",
        "heic heif hif heics heifs avif avifs jp2 j2k j2c jpc jpf jpx jpm jxl jxr wdp hdp",
        "dcm dicom psd xcf svg raw dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw 3fr",
    )
    for name in names.split()
)
CLUTTER = (".ds_store", "thumbs.db", "desktop.ini")  # in lower case; ._NAME too
CLUTTER_FOLDERS = ("__macosx", ".appledouble")
NAMED = 3  # most files that one sentence names

Placed = dict[tuple[str, str], Path]  # (real folder, name in it) -> path


@dataclass(frozen=True)
class Found:
    """What was found at the given paths.

    `photos`: files to read, each once; `passed_over`: how many other files the folders hold; `closed`:
    name and reason for each folder that could not be listed.
    """

    photos: list[Path]
    passed_over: int
    closed: list[str]


def has_image_suffix(path: Path) -> bool:
    """Whether the name has the suffix of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_clutter(path: Path) -> bool:
    """Whether the file is one that file managers leave in folders."""
    return path.name.startswith("._") or path.name.lower() in CLUTTER


def is_no_file(path: Path) -> bool:
    """Whether this is a pipe, a device or the like, whose reading may never end."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False  # reading it later will raise the reason


def find_photos(paths: list[Path]) -> Found:
    """All given files, and every file below given folders that is an image by content or by suffix.

    Links to folders are followed. A file that is found twice under the same name counts once. Raises
    `PhotoError` for a missing path or a folder without images.
    """
    photos: Placed = {}
    others: Placed = {}
    closed: list[str] = []
    for path in paths:
        if path.is_dir():
            inside, beside, shut = _below(path)
            if not inside:
                raise _nothing_in(path, list(beside.values()), shut)
            for place in sorted(inside, key=inside.__getitem__):
                photos.setdefault(place, inside[place])
            others |= beside
            closed += shut
        elif path.exists():
            photos.setdefault((os.path.realpath(path.parent), path.name), path)
        else:
            raise PhotoError("{path} does not exist: check the path.", path=path)
    return Found(list(photos.values()), len(others.keys() - photos.keys()), closed)


def read_found(path: Path) -> Photo:
    """Decode a file that `find_photos` found. Raises `PhotoError`, as `read_photo`."""
    if is_no_file(path):  # opening a pipe could block forever
        raise PhotoError("This is a pipe, a device or a folder: name the photo's own file.")
    return read_photo(path)


def _below(folder: Path) -> tuple[Placed, Placed, list[str]]:
    """Photos and other files below `folder`, and the folders that cannot be listed."""
    photos: Placed = {}
    others: Placed = {}
    closed: list[str] = []
    root = Path(os.path.realpath(folder))
    walked = {str(root), *map(str, root.parents)}

    def shut(error: OSError) -> None:
        closed.append(f"{Path(error.filename)} ({error.strerror})")

    for parent, folders, names in os.walk(folder, onerror=shut, followlinks=True):
        real, place = os.path.realpath(parent), Path(parent)
        is_clutter = any(p.lower() in CLUTTER_FOLDERS for p in place.relative_to(folder).parts)
        for name in names:
            path = place / name
            (photos if not is_clutter and _is_photo(path) else others)[real, name] = path
        folders.sort(key=lambda name: ((place / name).is_symlink(), name))  # links last
        for name in list(folders):
            target = os.path.realpath(place / name)
            if target in walked:  # links can form cycles
                folders.remove(name)
            walked.add(target)
    return photos, others, closed


def _is_photo(path: Path) -> bool:
    """Whether the file is an image by content or suffix, or is unreadable and must be reported."""
    if is_clutter(path):
        return False
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        if has_image_suffix(path):
            return True
        with path.open("rb") as file:
            return type_of(file.read(HEAD_BYTES)) in PICTURES
    except FileNotFoundError:
        return has_image_suffix(path)  # a link to nothing
    except OSError:
        return True


def _nothing_in(folder: Path, others: list[Path], closed: list[str]) -> PhotoError:
    names = ", ".join(path.name for path in sorted(others)[:NAMED])
    return PhotoError(
        NO_IMAGES[bool(others), bool(closed)],
        folder=folder,
        count=len(others),
        names=names + (", ..." if len(others) > NAMED else ""),
        closed=", ".join(closed[:NAMED]),
    )
