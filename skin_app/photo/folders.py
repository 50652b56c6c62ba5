"""Which files of folders are photos: by content or by file name."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from skin_app.photo.file_type import HEAD_BYTES, PICTURES, type_of
from skin_app.photo.read import PhotoError

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        "jpg jpeg jpe jfif jfi jif pjpeg pjp png apng webp tif tiff bmp dib gif",
        "heic heif hif heics heifs avif avifs jp2 j2k j2c jpc jpf jpx jpm jxl jxr wdp hdp",
        "dcm dicom psd xcf svg raw dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw 3fr",
    )
    for name in names.split()
)
CLUTTER = (".ds_store", "thumbs.db", "desktop.ini")  # of file managers, as are ._NAME, in lower case
CLUTTER_FOLDERS = ("__macosx", ".appledouble")
NAMED = 3  # files that a sentence names

Placed = dict[tuple[str, str], Path]  # by the real folder and the name in it


@dataclass(frozen=True)
class Found:
    """What lies at the paths that were named.

    `photos`: files to be read, each once; `passed_over`: how many others lie in the folders;
    `closed`: for each folder that could not be listed, its name and why.
    """

    photos: list[Path]
    passed_over: int
    closed: list[str]


def has_image_suffix(path: Path) -> bool:
    """Whether the name claims to be that of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_clutter(path: Path) -> bool:
    """Whether the file is one that a file manager leaves wherever it looks."""
    return path.name.startswith("._") or path.name.lower() in CLUTTER


def is_no_file(path: Path) -> bool:
    """Whether this is a pipe, a device or the like, which may never end once it is opened."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False  # reading it says why


def find_photos(paths: list[Path]) -> Found:
    """Named files as they are; of folders, every file below them that is an image or is called one.

    Links to folders are followed. A file that is reached twice under its name counts once. Raises
    `PhotoError` for a missing path or a folder without images.
    """
    photos: Placed = {}
    others: Placed = {}
    closed: list[str] = []
    for path in paths:
        if path.is_dir():
            inside, beside, shut = _below(path)
            if not inside:
                raise PhotoError(_nothing_in(path, list(beside.values()), shut))
            for place in sorted(inside, key=inside.__getitem__):
                photos.setdefault(place, inside[place])
            others |= beside
            closed += shut
        elif path.exists():
            photos.setdefault((os.path.realpath(path.parent), path.name), path)
        else:
            raise PhotoError(f"{path} does not exist: check the path.")
    return Found(list(photos.values()), len(others.keys() - photos.keys()), closed)


def _below(folder: Path) -> tuple[Placed, Placed, list[str]]:
    """Photos below `folder`, other files, and the folders that cannot be listed."""
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
            if target in walked:  # links can run in circles
                folders.remove(name)
            walked.add(target)
    return photos, others, closed


def _is_photo(path: Path) -> bool:
    """Whether the file is an image, is called one, or cannot be looked into and so is to be told of."""
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


def _nothing_in(folder: Path, others: list[Path], closed: list[str]) -> str:
    names = ", ".join(path.name for path in sorted(others)[:NAMED])
    more = ", ..." if len(others) > NAMED else ""
    files = "file" if len(others) == 1 else "files"
    held = f"only {len(others)} other {files} ({names}{more})" if others else "and no other files"
    unread = f", and these folders cannot be read: {', '.join(closed[:NAMED])}" if closed else ""
    return f"{folder} holds no images, {held}{unread}: check the folder."
