"""Untrusted bytes or a path in, a `Photo` out: the only place where an image file is decoded.

JPEG and WebP are decoded by `torchvision.io` from bytes, because Pillow before 13 has a critical flaw
in its JPEG reader (CVE-2026-112403) and gradio still pins an older one; PNG is decoded by Pillow's PNG
reader alone. Orientation is applied, every other metadata (camera, date, GPS) is dropped.
"""

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torchvision.io import ImageReadMode, decode_image

from skin_app.jpeg_damage import is_damaged

MAX_BYTES = 40_000_000
MAX_PIXELS = 60_000_000
MIN_SIDE = 64
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
UPRIGHT = {  # EXIF orientation -> what turns the stored pixels upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(ValueError):
    """The file cannot be used as a photo; the message is one sentence that says what to do.

    `sentence`, `values`: the message with named places, and what stands in them, for translation.
    """

    def __init__(self, sentence: str, **values: str | int) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence, self.values = sentence, values


@dataclass(frozen=True)
class Photo:
    """A decoded photo: `pixels` is (height, width, 3) RGB uint8 in [0, 255].

    Of the file, only what speaks against its pixels is kept. `damaged`: they are not those that were
    taken; `unknown_profile`: their colours may be wrong, as the colour profile could not be applied.
    """

    pixels: np.ndarray
    damaged: bool = False
    unknown_profile: bool = False

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]


def read_photo(source: bytes | str | Path) -> Photo:
    """Decode a JPEG, PNG or WebP image from its bytes or its path.

    Raises `PhotoError` for everything that is not one whole, single-frame image within the limits
    (`MAX_BYTES`, `MAX_PIXELS`, `MIN_SIDE`).
    """
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    _check_length(len(data))
    width, height = _header_size(data)
    if width * height > MAX_PIXELS:
        raise PhotoError(
            "The image is {width} x {height} pixels, more than {limit} million: "
            "save a smaller copy (2,000 pixels a side is plenty) and try that.",
            width=width,
            height=height,
            limit=MAX_PIXELS // 1_000_000,
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            "The image is only {width} x {height} pixels: use one of at least {least} a side.",
            width=width,
            height=height,
            least=MIN_SIDE,
        )
    return Photo(_decode(data), damaged=data.startswith(b"\xff\xd8") and is_damaged(data))


def _read_bytes(path: Path) -> bytes:
    try:
        _check_length(path.stat().st_size)
        return path.read_bytes()
    except FileNotFoundError:
        raise PhotoError("There is no such file: check the path.") from None
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise PhotoError(
            "The file cannot be read ({reason}): check its permissions.", reason=reason
        ) from error


def _check_length(length: int) -> None:
    if length == 0:
        raise PhotoError("The file is empty (0 bytes): copy or export the photo again.")
    if length > MAX_BYTES:
        raise PhotoError(
            "The file has {megabytes} MB, more than the limit of {limit} MB: "
            "save a smaller copy and try that.",
            megabytes=round(length / 1e6),
            limit=MAX_BYTES // 1_000_000,
        )


def _header_size(data: bytes) -> tuple[int, int]:
    """Width and height from the file's header, before any pixel is decoded."""
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_size(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError):
        raise _damaged() from None
    if data.startswith((b"GIF87a", b"GIF89a")):
        raise PhotoError("This is a GIF: save the one frame that you mean as JPEG or PNG.")
    raise PhotoError("This is not a JPEG, PNG or WebP image: export the photo in one of these.")


def _damaged() -> PhotoError:
    return PhotoError("The image is damaged or cut off: copy or export the photo again.")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments up to the first scan; a JPEG without an end marker after it is cut off."""
    position, size = 2, None
    while True:
        if data[position] != 0xFF:
            raise _damaged()
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            size = (width, height)
        if marker == 0xDA:
            break
        position += 2 + length
    if size is None or data.find(b"\xff\xd9", position) < 0:
        raise _damaged()
    return size


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    if b"acTL" in data[:200]:
        raise PhotoError("This PNG is animated: save the one frame that you mean on its own.")
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise PhotoError("This WebP is animated: save the one frame that you mean on its own.")
        return (
            1 + int.from_bytes(data[24:27], "little"),
            1 + int.from_bytes(data[27:30], "little"),
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _decode(data: bytes) -> np.ndarray:
    try:
        return _decode_png(data) if data.startswith(b"\x89PNG") else _decode_jpeg_or_webp(data)
    except (RuntimeError, OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error):
        raise _damaged() from None


def _decode_jpeg_or_webp(data: bytes) -> np.ndarray:
    """(height, width, 3) uint8; transparent parts of a WebP become white."""
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    if data.startswith(b"\xff\xd8"):
        image = decode_image(buffer, mode=ImageReadMode.RGB, apply_exif_orientation=True)
        return image.permute(1, 2, 0).contiguous().numpy()
    pixels = decode_image(buffer, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).contiguous().numpy()
    opaque = _on_white(Image.fromarray(pixels)) if pixels.shape[2] == 4 else pixels
    turn = UPRIGHT.get(_webp_orientation(data))
    return opaque if turn is None else np.array(Image.fromarray(opaque).transpose(turn))


def _webp_orientation(data: bytes) -> int:
    """The orientation that the file's EXIF chunk states, 1 (upright) without one that can be read."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            stated = Image.Exif()
            with suppress(SyntaxError, struct.error, ValueError, OSError):
                stated.load(data[position + 8 : position + 8 + length])
                return stated.get(ExifTags.Base.Orientation, 1)
            return 1
        position += 8 + length + length % 2
    return 1


def _decode_png(data: bytes) -> np.ndarray:
    """(height, width, 3) uint8; transparent parts become white.

    Pillow's PNG reader alone: torchvision's (0.29) ends the whole process with a segmentation fault on
    a PNG with one wrong byte, and Pillow's open flaw is in its JPEG reader.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.size != _png_size(data):  # a second header, larger than the one that was checked
            raise _damaged()
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits a pixel
            eight_bit = (np.asarray(upright).astype(np.uint32) >> 8).astype(np.uint8)
            return np.repeat(eight_bit[:, :, None], 3, axis=2)
        if "A" in upright.mode or "transparency" in upright.info:
            return _on_white(upright.convert("RGBA"))
        return np.array(upright.convert("RGB"))


def _on_white(image: Image.Image) -> np.ndarray:
    white = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(white, image).convert("RGB"))
