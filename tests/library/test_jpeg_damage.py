"""Damage that is found in JPEGs of many encoders, and sound files in which none may be found."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.read import PhotoError, read_photo
from train.data.drawings import draw_lesion

END = b"\xff\xd9"
DRAWING = Image.fromarray(draw_lesion(3, "network", 451, 601))
ENCODINGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "4:4:4": {"quality": 97, "subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "optimised tables": {"optimize": True},
    "progressive": {"progressive": True},
    "restart by row": {"restart_marker_rows": 1},
    "restart by blocks": {"restart_marker_blocks": 5, "progressive": True},
    "RGB": {"keep_rgb": True},
    "EXIF": {"exif": Image.Exif().tobytes()},
}
HAM10000 = Path(__file__).parents[3] / "shared" / "data" / "ham10000"


def jpeg(mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    DRAWING.convert(mode).save(buffer, "JPEG", **({"quality": 90} | options))
    return buffer.getvalue()


def scan_of(file: bytes) -> int:
    """Where the first scan's header begins."""
    return file.index(b"\xff\xda")


def at(file: bytes, share: float) -> int:
    """The place at this share of the compressed data."""
    start = scan_of(file) + 14
    return start + int(share * (len(file) - 2 - start))


def cut(file: bytes, share: float = 0.6) -> bytes:
    return file[: at(file, share)] + END


def overwritten(file: bytes, by: bytes, share: float = 0.4) -> bytes:
    place = at(file, share)
    return file[:place] + by + file[place + len(by) :]


SOUND: dict[str, bytes] = {
    **{name: jpeg(**options) for name, options in ENCODINGS.items()},
    "grey": jpeg("L"),
    "grey, progressive": jpeg("L", progressive=True),
    "CMYK": jpeg("CMYK"),
    "CMYK, progressive": jpeg("CMYK", progressive=True),
    "4:1:1": simplejpeg.encode_jpeg(np.array(DRAWING), colorsubsampling="411"),
    "4:4:0": simplejpeg.encode_jpeg(np.array(DRAWING), colorsubsampling="440"),
}


@pytest.mark.parametrize("name", SOUND)
def test_no_encoder_of_a_sound_file_is_suspected(name: str) -> None:
    assert not is_damaged(SOUND[name])


@pytest.mark.parametrize("name", SOUND)
def test_a_file_that_was_cut_and_closed_again_is_damaged(name: str) -> None:
    file = SOUND[name]
    assert all(is_damaged(cut(file, share)) for share in (0.05, 0.3, 0.6, 0.8, 0.95))


@pytest.mark.parametrize("name", SOUND)
def test_zeros_in_the_place_of_the_end_are_damage_and_beside_it_are_padding(name: str) -> None:
    """A download that broke off leaves its file at the whole length; some encoders pad their data."""
    file = SOUND[name]
    for start in (at(file, 0.5), at(file, 0.8), len(file) - 2 - 512):
        assert is_damaged(file[:start] + bytes(len(file) - 2 - start) + END), start
    assert not is_damaged(file[:-2] + bytes(1000) + END)


def test_a_quantisation_table_with_zeros_is_damaged() -> None:
    file = jpeg()
    place = file.index(b"\xff\xdb") + 20
    assert is_damaged(file[:place] + bytes(34) + file[place + 34 :])
    assert is_damaged(file[:place] + bytes(1) + file[place + 1 :])


@pytest.mark.parametrize("name", SOUND)
def test_lost_sectors_are_found(name: str) -> None:
    file = SOUND[name]
    found = [is_damaged(overwritten(file, bytes(512), share)) for share in np.linspace(0.05, 0.85, 20)]
    assert np.mean(found) >= 0.8


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "zeros after the end": lambda file: file + bytes(2000),
    "a second picture, as phones append one": lambda file: file + jpeg("L"),
    "zeros before the end": lambda file: file[:-2] + bytes(50) + END,
    "ones before the end": lambda file: file[:-2] + b"\xff\x00" * 20 + END,
    "fill bytes before the end": lambda file: file[:-2] + b"\xff" * 9 + END,
    "fill bytes before a header": lambda file: (
        file[: scan_of(file)] + b"\xff\xff" + file[scan_of(file) :]
    ),
    "a restart marker at the end": lambda file: file[:-2] + b"\xff\xd0" + END,
    "a scan's header without what only progressive files need": lambda file: (
        file[: scan_of(file) + 11] + bytes(3) + file[scan_of(file) + 14 :]
    ),
    "an unknown version of JFIF": lambda file: file[:11] + b"\x07" + file[12:],
    "grey with factors that mean nothing": lambda _: jpeg("L").replace(
        b"\x01\x01\x11\x00\xff\xc4", b"\x01\x01\x22\x00\xff\xc4"
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_encoders_leave_in_sound_files_is_no_damage(name: str) -> None:
    file = HARMLESS[name](jpeg())
    assert file != jpeg()
    assert not is_damaged(file)
    assert not read_photo(file).damaged


@pytest.mark.parametrize("name", HARMLESS)
def test_damage_is_found_beside_it(name: str) -> None:
    file = HARMLESS[name](jpeg())
    place = at(jpeg("L" if "grey" in name else "RGB"), 0.5)
    assert is_damaged(file[:place] + bytes(512) + file[place + 512 :])


def test_a_progressive_file_that_lacks_its_last_scans_is_damaged() -> None:
    file = jpeg(progressive=True)
    scans = [place for place in range(len(file)) if file.startswith(b"\xff\xda", place)]
    assert len(scans) > 5
    assert all(is_damaged(file[:place] + END) for place in scans[1:])


def test_a_lost_restart_marker_is_found() -> None:
    file = jpeg(restart_marker_rows=1)
    lost, following = file.index(b"\xff\xd3"), file.index(b"\xff\xd4")
    assert is_damaged(file[:lost] + file[lost + 2 :])
    assert is_damaged(file[:lost] + file[following:])
    assert is_damaged(file[:lost] + b"\xff\xd5" + file[lost + 2 :])


def test_what_is_left_over_at_the_end_is_damage_unless_it_is_padding() -> None:
    assert is_damaged(jpeg()[:-2] + b"\x35" * 20 + END)


def test_blocks_of_another_file_are_mostly_found() -> None:
    file, other = jpeg(), jpeg(quality=91)
    block = other[at(other, 0.7) :][:512]
    found = [is_damaged(overwritten(file, block, share)) for share in np.linspace(0.05, 0.8, 40)]
    assert np.mean(found) > 0.8


def test_a_damaged_photo_says_so_and_one_without_an_end_is_refused() -> None:
    assert read_photo(cut(jpeg())).damaged
    assert not read_photo(jpeg()).damaged
    with pytest.raises(PhotoError, match="cut off"):
        read_photo(cut(jpeg())[:-2])


def test_whatever_else_comes_in_gives_an_answer() -> None:
    """No bytes may end in an exception, nor take a time that grows with the square of their length."""
    generator = np.random.default_rng(0)
    file = SOUND["baseline"], SOUND["progressive"], SOUND["restart by row"]
    for seed in range(600):
        data = bytearray(file[seed % 3])
        for place in generator.integers(2, len(data) if seed % 2 else 700, 1 + seed % 5):
            data[place] = generator.integers(256)
        assert is_damaged(bytes(data)) in (True, False)
    for run in (b"\xff", b"\x00", b"\xff\x00", b"\xff\xe1\0\2"):
        long = overwritten(file[0], b"")[: at(file[0], 0.5)] + run * 3_000_000
        assert is_damaged(long + b"\x11" + END)


@pytest.mark.skipif(not HAM10000.is_dir(), reason="needs HAM10000 in ../shared/data")
def test_no_image_of_ham10000_is_suspected_and_a_cut_one_always_is() -> None:
    paths = sorted(HAM10000.rglob("*.jpg"))
    for row in np.random.default_rng(0).choice(len(paths), 1000, replace=False):
        file = paths[row].read_bytes()
        assert not is_damaged(file), paths[row].name
        assert is_damaged(cut(file, 0.8)), paths[row].name
