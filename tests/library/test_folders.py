"""Which files below a folder get a row: by content or by an image's suffix, never clutter."""

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from skin_app.photo.folders import Found, find_photos
from skin_app.photo.read import PhotoError
from tests.tiny import picture

DICOM = bytes(128) + b"DICM"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(picture(0)).save(folder / "a.jpg")
    return folder


def names(found: Found) -> list[str]:
    return [path.name for path in found.photos]


def test_images_are_found_by_content_or_by_suffix(photos: Path) -> None:
    jpeg = (photos / "a.jpg").read_bytes()
    for name in ("no_suffix", "b.JFIF", "c.jpe", "d.jpg_large", "e.txt"):
        (photos / name).write_bytes(jpeg)
    for name, content in (
        ("f.heic", b"cut"),
        ("g.dcm", b""),
        ("h", DICOM),
        ("i.TIF", b"text"),
        ("j.bin", b"GIF89a"),
        ("notes.txt", b"mine"),
        ("table.csv", b"file,p_akiec"),
        ("letter.pdf", b"%PDF-1.7"),
    ):
        (photos / name).write_bytes(content)
    found = find_photos([photos])
    assert names(found) == [
        "a.jpg", "b.JFIF", "c.jpe", "d.jpg_large", "e.txt", "f.heic", "g.dcm", "h", "i.TIF", "j.bin",
        "no_suffix",
    ]  # fmt: skip
    assert found.passed_over == 3


def test_what_file_managers_leave_is_passed_over(photos: Path) -> None:
    jpeg = (photos / "a.jpg").read_bytes()
    clutter = ("._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/sub/a.jpg")
    for name in (*clutter, ".hidden/b.jpg"):
        path = photos / "sub" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
    found = find_photos([photos])
    assert names(found) == ["a.jpg", "b.jpg"]
    assert found.passed_over == 5
    assert names(find_photos([photos / "sub" / "._a.jpg"])) == ["._a.jpg"]


def test_links_are_followed_and_a_file_that_is_reached_twice_has_one_row(
    photos: Path,
) -> None:
    linked = photos.parent / "linked"
    linked.symlink_to(photos)
    (photos / "sub").mkdir()
    (photos / "sub" / "b.jpg").hardlink_to(photos / "a.jpg")
    (photos / "sub" / "loop").symlink_to(photos)
    (photos / "up").symlink_to(photos.parent)
    (photos / "self.jpg").symlink_to("self.jpg")
    (photos / "gone.jpg").symlink_to("nowhere")
    (photos.parent / "more").mkdir()
    (photos.parent / "more" / "c.jpg").write_bytes(b"broken")
    (photos / "link").symlink_to(photos.parent / "more")
    found = find_photos([Path("photos/a.jpg"), photos, Path("photos/../photos"), linked])
    assert names(found) == ["a.jpg", "gone.jpg", "c.jpg", "self.jpg", "b.jpg"]
    assert found.passed_over == 0


def test_pipes_and_sockets_are_never_opened(photos: Path) -> None:
    os.mkfifo(photos / "pipe")
    os.mkfifo(photos / "pipe.jpg")
    (photos / "null.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("photos/socket")
        found = find_photos([photos])
    assert names(found) == ["a.jpg"]
    assert found.passed_over == 4


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="holds no images, and no other files: check the folder"):
        find_photos([tmp_path])
    for name in ("._a.jpg", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(PhotoError, match=r"only other files \(4: \._a.jpg, b.txt, c.txt, \.\.\.\)"):
        find_photos([tmp_path])
