"""Damage that is found in JPEGs of many encoders, and sound files in which none may be found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.read import PhotoError, read_photo
from tests.made_files import saved
from train.data.drawings import draw_lesion

END, SCAN = b"\xff\xd9", b"\xff\xda"
DRAWING = Image.fromarray(draw_lesion(3, "network", 451, 601))
HAM10000 = Path(__file__).parents[3] / "shared" / "data" / "ham10000"


def jpeg(mode: str = "RGB", **options: Any) -> bytes:
    return saved(DRAWING.convert(mode), "JPEG", **({"quality": 90} | options))


PLAIN, GREY = jpeg(), jpeg("L")
SOUND: dict[str, bytes] = {
    "baseline": PLAIN,
    "4:4:4": jpeg(quality=97, subsampling=0),
    "4:2:2": jpeg(subsampling=1),
    "optimised tables": jpeg(optimize=True),
    "progressive": jpeg(progressive=True),
    "restart by row": jpeg(restart_marker_rows=1),
    "restart by blocks": jpeg(restart_marker_blocks=5, progressive=True),
    "RGB": jpeg(keep_rgb=True),
    "EXIF": jpeg(exif=Image.Exif().tobytes()),
    "grey": GREY,
    "grey, progressive": jpeg("L", progressive=True),
    "CMYK": jpeg("CMYK"),
    "CMYK, progressive": jpeg("CMYK", progressive=True),
    "4:1:1": simplejpeg.encode_jpeg(np.array(DRAWING), colorsubsampling="411"),
    "4:4:0": simplejpeg.encode_jpeg(np.array(DRAWING), colorsubsampling="440"),
}


def at(file: bytes, share: float) -> int:
    """The place at this share of the compressed data."""
    start = file.index(SCAN) + 14
    return start + int(share * (len(file) - 2 - start))


def cut(file: bytes, share: float = 0.6) -> bytes:
    return file[: at(file, share)] + END


def overwritten(file: bytes, by: bytes, place: int) -> bytes:
    return file[:place] + by + file[place + len(by) :]


@pytest.mark.parametrize("file", SOUND.values(), ids=SOUND)
def test_a_sound_file_is_not_suspected_and_one_that_was_cut_and_closed_again_is(file: bytes) -> None:
    assert not is_damaged(file)
    assert all(is_damaged(cut(file, share)) for share in (0.05, 0.3, 0.6, 0.8, 0.95))


@pytest.mark.parametrize("file", SOUND.values(), ids=SOUND)
def test_zeros_in_the_place_of_the_end_are_damage_and_beside_it_are_padding(file: bytes) -> None:
    """A download that broke off leaves its file at the whole length; some encoders pad their data."""
    for start in (at(file, 0.5), at(file, 0.8), len(file) - 2 - 512):
        assert is_damaged(file[:start] + bytes(len(file) - 2 - start) + END), start
    assert not is_damaged(file[:-2] + bytes(1000) + END)


@pytest.mark.parametrize("file", SOUND.values(), ids=SOUND)
def test_lost_sectors_are_found(file: bytes) -> None:
    places = [at(file, share) for share in np.linspace(0.05, 0.85, 20)]
    assert np.mean([is_damaged(overwritten(file, bytes(512), place)) for place in places]) >= 0.8


def test_blocks_of_another_file_are_mostly_found() -> None:
    other = jpeg(quality=91)
    block = other[at(other, 0.7) :][:512]
    places = [at(PLAIN, share) for share in np.linspace(0.05, 0.8, 40)]
    assert np.mean([is_damaged(overwritten(PLAIN, block, place)) for place in places]) > 0.8


def test_a_progressive_file_that_lacks_its_last_scans_is_damaged() -> None:
    file = SOUND["progressive"]
    scans = [place for place in range(len(file)) if file.startswith(SCAN, place)]
    assert len(scans) > 5
    assert all(is_damaged(file[:place] + END) for place in scans[1:])


def test_faulty_tables_restart_markers_and_ends_are_damage() -> None:
    table = PLAIN.index(b"\xff\xdb") + 20
    assert is_damaged(overwritten(PLAIN, bytes(34), table))
    assert is_damaged(overwritten(PLAIN, bytes(1), table))
    rows = SOUND["restart by row"]
    lost, following = rows.index(b"\xff\xd3"), rows.index(b"\xff\xd4")
    assert is_damaged(rows[:lost] + rows[lost + 2 :])
    assert is_damaged(rows[:lost] + rows[following:])
    assert is_damaged(overwritten(rows, b"\xff\xd5", lost))
    assert is_damaged(PLAIN[:-2] + b"\x35" * 20 + END)  # left over, and no padding


HARMLESS: dict[str, bytes] = {
    "zeros after the end": PLAIN + bytes(2000),
    "a second picture, as phones append one": PLAIN + GREY,
    "zeros before the end": PLAIN[:-2] + bytes(50) + END,
    "ones before the end": PLAIN[:-2] + b"\xff\x00" * 20 + END,
    "fill bytes before the end": PLAIN[:-2] + b"\xff" * 9 + END,
    "fill bytes before a header": PLAIN.replace(SCAN, b"\xff\xff" + SCAN, 1),
    "a restart marker at the end": PLAIN[:-2] + b"\xff\xd0" + END,
    "a scan's header without what only progressive files need": overwritten(
        PLAIN, bytes(3), PLAIN.index(SCAN) + 11
    ),
    "an unknown version of JFIF": overwritten(PLAIN, b"\x07", 11),
    "grey with factors that mean nothing": GREY.replace(
        b"\x01\x01\x11\x00\xff\xc4", b"\x01\x01\x22\x00\xff\xc4"
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_encoders_leave_in_sound_files_is_no_damage_and_hides_none(name: str) -> None:
    file, plain = HARMLESS[name], GREY if "grey" in name else PLAIN
    assert file != plain
    assert not is_damaged(file)
    assert not read_photo(file).damaged
    assert is_damaged(overwritten(file, bytes(512), at(plain, 0.5)))


def test_a_damaged_photo_says_so_and_one_without_an_end_is_refused() -> None:
    assert read_photo(cut(PLAIN)).damaged
    with pytest.raises(PhotoError, match="cut off"):
        read_photo(cut(PLAIN)[:-2])


def test_whatever_else_comes_in_gives_an_answer() -> None:
    """No bytes may end in an exception, nor take a time that grows with the square of their length."""
    generator = np.random.default_rng(0)
    file = PLAIN, SOUND["progressive"], SOUND["restart by row"]
    for seed in range(600):
        data = bytearray(file[seed % 3])
        for place in generator.integers(2, len(data) if seed % 2 else 700, 1 + seed % 5):
            data[place] = generator.integers(256)
        assert is_damaged(bytes(data)) in (True, False)
    for run in (b"\xff", b"\x00", b"\xff\x00", b"\xff\xe1\0\2"):
        assert is_damaged(PLAIN[: at(PLAIN, 0.5)] + run * 3_000_000 + b"\x11" + END)


@pytest.mark.skipif(not HAM10000.is_dir(), reason="needs HAM10000 in ../shared/data")
def test_no_image_of_ham10000_is_suspected_and_a_cut_one_always_is() -> None:
    paths = sorted(HAM10000.rglob("*.jpg"))
    for row in np.random.default_rng(0).choice(len(paths), 1000, replace=False):
        file = paths[row].read_bytes()
        assert not is_damaged(file), paths[row].name
        assert is_damaged(cut(file, 0.8)), paths[row].name
