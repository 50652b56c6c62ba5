"""Colours come out the same in whatever space, and by whatever means, the file states them."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from skin_app.page.one_photo_handlers import held_copy
from skin_app.photo.colour_profile import MAX_PROFILE, ProfileError, to_srgb
from skin_app.photo.made_profile import ADOBE, ADOBE_RGB, CODED, SRGB, made_profile
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.quality import QualityLimits, findings
from skin_app.words.quality import ADVICE
from tests.made_files import bmp, jpeg_with, png_with, saved
from tests.tiny import picture

# not at the edge of sRGB, so that no space is too small for it
PIXELS = (60 + picture(3, 120, 90).astype(int) * 120 // 255).astype(np.uint8)
P3 = made_profile(CODED[12], None)
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def stored_in(profile: bytes) -> Image.Image:
    """What a camera of this colour space would store for `PIXELS`."""
    changed = ImageCms.profileToProfile(
        Image.fromarray(PIXELS),
        SRGB_PROFILE,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert changed is not None
    return Image.fromarray(np.asarray(changed))  # without the profile, which Pillow would save with it


IN_P3, IN_ADOBE = stored_in(P3), stored_in(ADOBE_RGB)
BARE_JPEG = saved(IN_P3, "JPEG", quality=97, subsampling=0)
BARE_PNG, ADOBE_PNG = saved(IN_P3, "PNG"), saved(IN_ADOBE, "PNG")


def icc_segments(profile: bytes, sizes: int = 150, **changed: int) -> list[tuple[int, bytes]]:
    parts = [profile[start : start + sizes] for start in range(0, len(profile), sizes)]
    count = changed.get("count", len(parts))
    return [
        (0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + part) for number, part in enumerate(parts, 1)
    ]


def dcf_exif(space: int = 65535) -> bytes:
    """As cameras say "Adobe RGB" without a profile: "not sRGB" and R03, or 2 for short."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = space
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    return exif.tobytes()


def nclx(kind: str) -> bytes:
    """With the code of Display P3 in place of the one of sRGB."""
    data = saved(
        IN_P3, kind, quality=95, **({"chroma": 444} if kind == "HEIC" else {"subsampling": "4:4:4"})
    )
    at = data.index(b"colrnclx") + 8
    return data[:at] + b"\0\x0c" + data[at + 2 :]


def points(*values: float, unit: int) -> tuple[int, ...]:
    return tuple(round(value * unit) for value in values)


def chrm_of_adobe() -> bytes:
    red, green, blue, white = ADOBE
    return struct.pack(">8I", *points(*white, *red, *green, *blue, unit=100_000))


def calibrated_bmp() -> bytes:
    ends = [(x, y, 1 - x - y) for x, y in ADOBE[:3]]
    numbers = points(*(value for end in ends for value in end), unit=1 << 30)
    gammas = points(2.2, 2.2, 2.2, unit=65536)
    return bmp(np.asarray(IN_ADOBE), 0, struct.pack("<9i3I", *numbers, *gammas))


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (jpeg_with(BARE_JPEG, *icc_segments(P3, 60_000)), 2),
        (jpeg_with(BARE_JPEG, *icc_segments(P3)), 2),
        (jpeg_with(BARE_JPEG, *reversed(icc_segments(P3))), 2),
        (saved(IN_ADOBE, "JPEG", quality=97, subsampling=0, exif=dcf_exif()), 2),
        (saved(IN_P3, "PNG", icc_profile=P3), 1),
        (png_with(BARE_PNG, b"cICP", bytes((12, 13, 0, 1))), 1),
        (png_with(png_with(ADOBE_PNG, b"cHRM", chrm_of_adobe()), b"gAMA", struct.pack(">I", 45455)), 1),
        (saved(IN_P3, "WEBP", lossless=True, icc_profile=P3), 1),
        (saved(IN_ADOBE, "WEBP", lossless=True, exif=dcf_exif()), 1),
        (saved(IN_P3, "HEIC", quality=95, chroma=444, icc_profile=P3), 2),
        (nclx("HEIC"), 2),
        (saved(IN_P3, "AVIF", quality=95, subsampling="4:4:4", icc_profile=P3), 2),
        (nclx("AVIF"), 2),
        (saved(IN_P3, "TIFF", icc_profile=P3), 1),
        (saved(IN_ADOBE, "TIFF", exif=dcf_exif(2)), 1),
        (bmp(np.asarray(IN_P3), 0x4D424544, profile=P3), 1),
        (calibrated_bmp(), 1),
    ],
    ids=[
        *(
            "jpeg",
            "jpeg in segments",
            "jpeg segments in disorder",
            "jpeg by exif",
            "png",
            "png by code",
        ),
        *("png by points", "webp", "webp by exif", "heic", "heic by code", "avif", "avif by code"),
        *("tiff", "tiff by exif", "bmp", "bmp by points"),
    ],
)
def test_colours_of_other_spaces_become_srgb(data: bytes, tolerance: float) -> None:
    photo = read_photo(data)
    off = np.abs(photo.pixels.astype(int) - PIXELS.astype(int)).mean()
    assert not photo.unknown_profile
    assert off <= tolerance < np.abs(np.asarray(IN_P3).astype(int) - PIXELS).mean()


@pytest.mark.parametrize("profile", [SRGB_PROFILE.tobytes(), made_profile(SRGB, None)])
def test_a_photo_that_is_srgb_stays_as_it_is(profile: bytes) -> None:
    image = Image.fromarray(PIXELS)
    for kind in ("PNG", "TIFF"):
        assert (read_photo(saved(image, kind, icc_profile=profile)).pixels == PIXELS).all()
    tagged, bare = (saved(image, "JPEG", icc_profile=p) for p in (profile, None))
    assert (read_photo(tagged).pixels == read_photo(bare).pixels).all()
    stated = png_with(saved(image, "PNG"), b"gAMA", struct.pack(">I", 45455))
    assert (read_photo(stated).pixels == PIXELS).all()
    assert (read_photo(bmp(PIXELS, 0)).pixels == PIXELS).all()


def test_a_grey_photo_has_a_grey_profile() -> None:
    grey = np.arange(90 * 120, dtype=np.uint16).reshape(90, 120).astype(np.uint8)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"kTRC", 156, 16, b"wtpt", 172, 20)
    head = P3[:4] + bytes(4) + b"\2\x40\0\0mntrGRAYXYZ " + P3[24:128]
    profile = struct.pack(">I", 192) + head[4:] + tags + curve + white
    photo = read_photo(saved(Image.fromarray(grey), "PNG", icc_profile=profile))
    linear = (grey / 255) ** 1.8
    expected = 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert np.abs(photo.pixels[..., 1] - expected).max() <= 2
    assert read_photo(saved(Image.fromarray(PIXELS), "PNG", icc_profile=profile)).unknown_profile


def with_field(profile: bytes, at: int, value: bytes) -> bytes:
    return profile[:at] + value + profile[at + len(value) :]


HUGE = struct.pack(">I", MAX_PROFILE + 4000) + P3[4:] + bytes(MAX_PROFILE + 4000 - len(P3))
BROKEN = {
    "cut": P3[: len(P3) // 2],
    "no profile": b"no profile" * 40,
    "device link": with_field(P3, 12, b"link"),
    "named colours": with_field(P3, 12, b"nmcl"),
    "Lab": with_field(P3, 16, b"Lab "),
    "inks": with_field(P3, 16, b"CMYK"),
    "no table": with_field(P3, 128, bytes(4)),
    "too large": HUGE,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "HEIC"])
def test_a_broken_profile_is_a_finding_and_the_photo_is_read(name: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    photo = read_photo(saved(Image.fromarray(PIXELS), kind, icc_profile=BROKEN[name], **options))
    assert photo.unknown_profile
    assert np.abs(photo.pixels.astype(int) - PIXELS.astype(int)).mean() < 4


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with(BARE_JPEG, *icc_segments(P3)[1:]),
        jpeg_with(BARE_JPEG, *icc_segments(P3), *icc_segments(P3)[:1]),
        jpeg_with(BARE_JPEG, *icc_segments(P3, count=9)),
        png_with(BARE_PNG, b"iCCP", b"name\0\0" + zlib.compress(P3)[:-40]),
        png_with(BARE_PNG, b"cICP", bytes((9, 16, 0, 1))),
        png_with(BARE_PNG, b"gAMA", bytes(4)),
        png_with(BARE_PNG, b"cHRM", bytes(32)),
        bmp(PIXELS, 0x4C494E4B),
        saved(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
    ],
    ids=[
        *("segment missing", "segment twice", "wrong count", "cut in a png", "brighter than white"),
        *("gamma 0", "points at 0", "profile elsewhere", "inks without a profile"),
    ],
)
def test_colours_that_cannot_be_known_are_said(data: bytes) -> None:
    assert read_photo(data).unknown_profile


def test_the_finding_is_named_and_stays_with_smaller_copies() -> None:
    limits = QualityLimits(
        low={}, high={}, false_alarm_rate=0.01, measured_false_alarms={}, fitted_on="nothing"
    )
    (found,) = findings(Photo(PIXELS, unknown_profile=True), limits)
    assert found.name == "colour profile"
    assert "export it as sRGB" in ADVICE[found.fault]
    assert findings(Photo(PIXELS), limits) == ()
    large = Photo(np.zeros((3000, 1000, 3), np.uint8), unknown_profile=True)
    assert held_copy(large).unknown_profile


def test_photos_are_converted_at_once_in_many_threads() -> None:
    files = [saved(IN_P3, "PNG", icc_profile=P3), saved(IN_ADOBE, "PNG", icc_profile=ADOBE_RGB)] * 12
    alone = [read_photo(data).pixels for data in files[:2]] * 12
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(read_photo, files))
    assert all((a.pixels == b).all() for a, b in zip(together, alone, strict=True))


@pytest.mark.slow
def test_no_wrong_byte_in_a_profile_escapes() -> None:
    random = np.random.default_rng(5)
    for _ in range(2000):
        at = int(random.integers(len(P3)))
        changed = with_field(P3, at, bytes([int(random.integers(256))]))
        try:
            assert to_srgb(PIXELS[:4, :4], changed).shape == (4, 4, 3)
        except ProfileError:
            continue


def test_a_profile_does_not_make_a_bad_file_a_photo() -> None:
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(saved(IN_P3, "PNG", icc_profile=P3)[:-900])


def ink_profile() -> bytes:
    """Of greys only: lightness falls with the mean of the colours, and with black."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lightness = [round(255 * (1 - (c + m + y) / 3) * (1 - k)) for c, m, y, k in corners]
    ramp = bytes(range(256))
    unit = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"".join(bytes((value, 128, 128)) for value in lightness)
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + unit + ramp * 4 + table + ramp * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(lut), b"wtpt", 156 + len(lut), 20)
    head = bytes(4) + b"\2\x40\0\0prtrCMYKLab " + P3[24:128]
    return struct.pack(">I", 156 + len(lut) + 20) + head + tags + lut + white


def test_inks_are_converted_by_their_profile() -> None:
    black = np.linspace(0, 255, 120).astype(np.uint8)[None].repeat(90, axis=0)
    ink = Image.fromarray(np.stack([0 * black] * 3 + [black], axis=-1), mode="CMYK")
    photo = read_photo(saved(ink, "JPEG", quality=97, icc_profile=ink_profile()))
    height = (100 * (1 - black / 255) + 16) / 116
    linear = np.where(height > 6 / 29, height**3, 3 * (6 / 29) ** 2 * (height - 4 / 29))
    expected = 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert not photo.unknown_profile
    assert np.abs(photo.pixels - expected[..., None]).mean() < 2
