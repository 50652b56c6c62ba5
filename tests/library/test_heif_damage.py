"""Zeros where a HEIC, AVIF or WebP keeps its pixels: a lost disk sector, a download that broke off."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageDraw

from skin_app.photo.formats.heif_damage import has_zeroed_pixels
from skin_app.photo.read import PhotoError, read_photo
from tests.made_files import saved
from tests.tiny import picture
from train.data.drawings import draw_lesion

SECTOR = 512
SEED = 23
IMAGE = Image.fromarray(draw_lesion(5, "network", height=300, width=400))
NOISE = Image.fromarray(picture(1, 200, 150))
SEEN_THROUGH = IMAGE.convert("RGBA")
SEEN_THROUGH.putalpha(NOISE.convert("L").resize(IMAGE.size))
PADDED = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + bytes(4 * SECTOR)
SOUND = {
    "heic": saved(IMAGE, "HEIC", quality=90),
    "heic in tiles": saved(IMAGE, "HEIC", quality=90, tile_size=256),
    "heic, EXIF with padding": saved(IMAGE, "HEIC", quality=90, exif=PADDED),
    "heic, opacity": saved(SEEN_THROUGH, "HEIC", quality=90),
    "avif": saved(IMAGE, "AVIF", quality=90),
    "avif, EXIF with padding": saved(IMAGE, "AVIF", quality=90, exif=PADDED),
    "avif, opacity": saved(SEEN_THROUGH, "AVIF", quality=90),
    "webp": saved(IMAGE, "WEBP", quality=95),
    "webp, EXIF with padding": saved(IMAGE, "WEBP", quality=95, exif=PADDED),
    "webp, opacity": saved(SEEN_THROUGH, "WEBP", quality=95),
    "webp, lossless": saved(IMAGE, "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_files_are_not_called_damaged(name: str) -> None:
    assert not read_photo(SOUND[name]).damaged
    assert not read_photo(SOUND[name] + bytes(4 * SECTOR)).damaged


FLAT = Image.new("RGB", (1000, 750), "white")
DISC = FLAT.copy()
ImageDraw.Draw(DISC).ellipse((500, 375, 560, 425), "brown")
CLEAR = DISC.convert("RGBA")
CLEAR.putalpha(0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("HEIC", {}), ("AVIF", {"speed": 10}), ("WEBP", {}), ("WEBP", {"lossless": True, "method": 1})],
)
def test_flat_pictures_are_not_called_damaged(kind: str, options: dict[str, object]) -> None:
    """Their compressed data hold the longest zeros; a WebP's more than a sector's."""
    for image in (FLAT, Image.new("RGB", FLAT.size), DISC, CLEAR):
        assert not read_photo(saved(image, kind, **options)).damaged


def zeroed(data: bytes, start: int, end: int) -> bytes:
    return data[:start] + bytes(end - start) + data[end:]


def noticed(data: bytes) -> bool:
    try:
        return read_photo(data).damaged
    except PhotoError:
        return True


def pixels_at(name: str) -> tuple[int, int]:
    """Begin and end of a stretch that holds nothing but pixels of the picture, and is most of them."""
    data = SOUND[name]
    if name.startswith("webp"):
        at = data.index(b"VP8L" if "lossless" in name else b"VP8 ")
        return at + 8 + 32, at + 8 + struct.unpack_from("<I", data, at + 4)[0]
    at = data.index(b"mdat") + 4
    return at + 200, len(data)


PLAIN = ("heic", "heic in tiles", "avif", "webp", "webp, lossless")


def sectors(name: str) -> list[bytes]:
    """The file with one sector of its pixels lost, for each."""
    data = SOUND[name]
    start, end = pixels_at(name)
    places = range(-(-start // SECTOR) * SECTOR, end - SECTOR, SECTOR)
    return [zeroed(data, place, place + SECTOR) for place in places]


@pytest.mark.parametrize("name", PLAIN)
def test_a_lost_sector_is_found_wherever_it_lies(name: str) -> None:
    files = sectors(name)
    some = np.random.default_rng(SEED).permutation(len(files))[:8]
    assert sum(noticed(files[k]) for k in some) >= len(some) - 1  # in a WebP, a zero beside it hides it


@pytest.mark.parametrize("name", [name for name in PLAIN if not name.startswith("webp")])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_download_that_broke_off_is_found(name: str, share: float) -> None:
    data = SOUND[name]
    start, end = pixels_at(name)
    assert noticed(zeroed(data, start + int(share * (end - start)), len(data)))


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_decoded_all_the_same_is_answered_as_damaged(name: str) -> None:
    """Else the tests above could hold by refusals alone."""
    for data in sectors(name):
        with suppress(PhotoError):
            photo = read_photo(data)
            if photo.damaged:
                assert (photo.pixels != read_photo(SOUND[name]).pixels).any()
                return
    pytest.fail("none was decoded and called damaged")


def test_sparse_dots_hold_the_longest_zeros_of_avif() -> None:
    dots = np.uint8(255) * (np.random.default_rng(1).random((480, 640)) < 1e-4)
    data = saved(Image.fromarray(dots).convert("RGB"), "AVIF", quality=60, speed=9)
    assert bytes(30) in data
    assert not has_zeroed_pixels(data)


def test_boxes_that_contradict_each_other_are_not_judged_and_do_no_harm() -> None:
    generator = np.random.default_rng(SEED)
    for name in ("heic in tiles", "heic, opacity", "avif", "avif, opacity"):
        data = SOUND[name]
        head = data.index(b"mdat")
        for _ in range(100):
            changed = bytearray(data)
            for _ in range(int(generator.integers(1, 4))):
                changed[int(generator.integers(head))] = int(generator.choice([0, 1, 2, 64, 127, 255]))
            assert has_zeroed_pixels(bytes(changed)) in (True, False)
        for end in range(0, head, 7):
            assert not has_zeroed_pixels(data[:end])


def test_items_within_the_meta_box_and_of_other_versions_are_read() -> None:
    """As small tiles or drawings are kept: "iloc" of version 2, with the data in "idat"."""
    for content, expected in ((b"\1" * 900, False), (b"\1" * 300 + bytes(20) + b"\1" * 580, True)):
        assert has_zeroed_pixels(in_meta(content, b"hvc1")) == expected
        assert not has_zeroed_pixels(in_meta(content, b"jpeg"))


def in_meta(content: bytes, kind: bytes) -> bytes:
    """A main picture (item 1) made of the tile 2, beside a hidden picture 3 of nothing but zeros."""

    def box(name: bytes, body: bytes, version: int | None = 0) -> bytes:
        whole = body if version is None else bytes([version, 0, 0, 0]) + body
        return struct.pack(">I4s", 8 + len(whole), name) + whole

    kinds = {1: b"grid", 2: kind, 3: kind}
    entries = [box(b"infe", struct.pack(">IH4sB", n, 0, own, 0), 3) for n, own in kinds.items()]
    stretches = {1: (0, 8), 2: (8, len(content)), 3: (8 + len(content), 99)}
    places = [struct.pack(">IHHHII", n, 1, 0, 1, *stretch) for n, stretch in stretches.items()]
    return box(b"ftyp", b"heic", None) + box(
        b"meta",
        box(b"pitm", struct.pack(">I", 1), 1)
        + box(b"iinf", struct.pack(">H", 3) + b"".join(entries))
        + box(b"iref", box(b"dimg", struct.pack(">IHI", 1, 1, 2), None), 1)
        + box(b"idat", bytes(8) + content + bytes(99), None)
        + box(b"iloc", b"\x44\0" + struct.pack(">I", 3) + b"".join(places), 2),
    )
