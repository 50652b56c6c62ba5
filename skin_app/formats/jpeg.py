"""JPEG, decoded by torchvision: Pillow before 13 has a critical flaw in its own (CVE-2026-112403)."""

import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image

from skin_app.colour_profile import MAX_PROFILE, ProfileError, ink_to_srgb
from skin_app.formats import exif
from skin_app.formats.opened import Decoded, Opened, PhotoError, damaged
from skin_app.jpeg_damage import is_damaged

FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # 0xF7 is JPEG-LS
READ = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # Huffman or arithmetic coding, in one go or progressive
SCAN, END, EXIF, ICC = 0xDA, b"\xff\xd9", 0xE1, 0xE2
EXIF_MARK, ICC_MARK = b"Exif\0\0", b"ICC_PROFILE\0"
INKS = 4


def opened(data: bytes) -> Opened:
    """Walks the segments up to the first scan; a JPEG without an end marker after it is cut off.

    What follows the end is not looked at: gain maps and second pictures of phones.
    """
    frame, profile_parts, stated = None, [], None
    for marker, segment in _segments(data):
        if marker in FRAMES:
            frame = marker, *struct.unpack_from(">BHHB", segment)
        elif marker == ICC and segment.startswith(ICC_MARK):
            profile_parts.append(segment[len(ICC_MARK) :])
        elif marker == EXIF and segment.startswith(EXIF_MARK) and stated is None:
            stated = segment
    if frame is None:
        raise damaged()
    kind, bits, height, width, channels = frame
    if bits not in (8, 0) and kind in READ:
        raise PhotoError(
            "This JPEG stores {bits} bits a channel, which is not read here: export it with 8.",
            bits=bits,
        )
    if kind not in READ:
        raise PhotoError(
            "This is a lossless or rare kind of JPEG, which is not read here: "
            "export the photo as an ordinary JPEG or PNG."
        )
    profile = _joined(profile_parts)
    if profile is None and stated is not None:
        profile = exif.profile_of(exif.read_exif(stated))
    return Opened(width, height, partial(_decoded, data, channels, profile))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment before the first scan."""
    position = 2
    while True:
        if data[position] != 0xFF:
            raise damaged()
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker == SCAN:
            break
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length
    if data.find(END, position) < 0:
        raise damaged()


def _joined(parts: list[bytes]) -> bytes | None:
    """The profile of its segments, each stating its number and their count; b"" if not whole."""
    if not parts:
        return None
    numbered = sorted((part[:2], part[2:]) for part in parts)
    wanted = [bytes((number, len(parts))) for number in range(1, len(parts) + 1)]
    whole = [number for number, _ in numbered] == wanted
    return b"".join(part for _, part in numbered)[: MAX_PROFILE + 1] if whole else b""


def _decoded(data: bytes, channels: int, profile: bytes | None) -> Decoded:
    return _coloured(data, channels, profile)._replace(damaged=is_damaged(data))


def _coloured(data: bytes, channels: int, profile: bytes | None) -> Decoded:
    if channels != INKS:
        return Decoded(_read(data, ImageReadMode.RGB), profile)
    try:
        # stored inverted, as Adobe does and every reader expects
        return Decoded(ink_to_srgb(255 - _read(data, ImageReadMode.UNCHANGED), profile or b""), None)
    except ProfileError:
        return Decoded(_read(data, ImageReadMode.RGB), b"")


def _read(data: bytes, mode: ImageReadMode) -> np.ndarray:
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image = decode_image(buffer, mode=mode, apply_exif_orientation=True)
    return image.permute(1, 2, 0).contiguous().numpy()
