"""JPEG, decoded by torchvision: Pillow before 13 has a critical flaw in its own (CVE-2026-112403)."""

import struct
from functools import partial

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image

from skin_app.photo.colour_profile import MAX_PROFILE, ProfileError, ink_to_srgb
from skin_app.photo.formats import exif
from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.formats.jpeg_segments import END, SCAN, has_too_many_scans, segments
from skin_app.photo.formats.opened import Decoded, Opened, PhotoError, damaged

FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # 0xF7 is JPEG-LS
READ = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # Huffman or arithmetic coding, sequential or progressive
EXIF, ICC = 0xE1, 0xE2
EXIF_MARK, ICC_MARK = b"Exif\0\0", b"ICC_PROFILE\0"
INKS = 4


def opened(data: bytes) -> Opened:
    """Size in pixels from the header, without decoding; data after the end marker are ignored.

    Phones store gain maps, second pictures and films there. Raises `PhotoError`, or one of
    `read.FAULTS` for a file that is cut off.
    """
    if has_too_many_scans(data):
        raise PhotoError(
            "This JPEG is stored in an unusual way: export it again as an ordinary JPEG or PNG."
        )
    frame, profile_parts, stated = None, [], None
    for marker, place, segment, _ in segments(data):
        if marker == SCAN:
            if data.find(bytes((0xFF, END)), place) < 0:
                raise damaged()
            break
        if marker in FRAMES:
            frame = marker, *struct.unpack_from(">BHHB", segment)
        elif marker == ICC and segment.startswith(ICC_MARK):
            profile_parts.append(segment[len(ICC_MARK) :])
        elif marker == EXIF and segment.startswith(EXIF_MARK) and stated is None:
            stated = segment
    if frame is None:
        raise damaged()
    coding, bits, height, width, channels = frame
    if coding not in READ:
        raise PhotoError(
            "This is a lossless or rare kind of JPEG, which is not read here: "
            "export the photo as an ordinary JPEG or PNG."
        )
    if bits != 8:
        raise PhotoError(
            "This JPEG has {bits} bits per channel: export it as an ordinary JPEG (8 bits).", bits=bits
        )
    profile = _joined(profile_parts)
    if profile is None and stated is not None:
        profile = exif.profile_of(exif.read_exif(stated))
    return Opened(width, height, partial(_decoded, data, channels, profile))


def _joined(parts: list[bytes]) -> bytes | None:
    """The profile joined from its numbered segments; b"" if one is missing."""
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
        # inverted, as Adobe stores it and every reader expects
        return Decoded(ink_to_srgb(255 - _read(data, ImageReadMode.UNCHANGED), profile or b""), None)
    except ProfileError:
        return Decoded(_read(data, ImageReadMode.RGB), b"")


def _read(data: bytes, mode: ImageReadMode) -> np.ndarray:
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image = decode_image(buffer, mode=mode, apply_exif_orientation=True)
    return image.permute(1, 2, 0).contiguous().numpy()
