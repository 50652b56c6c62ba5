"""JPEG, decoded by torchvision: Pillow before 13 has a critical flaw in its own (CVE-2026-112403)."""

import struct
from functools import partial

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image

from skin_app.photo.colour_profile import MAX_PROFILE, ProfileError, ink_to_srgb
from skin_app.photo.formats import Decoded, Opened, PhotoError, damage_error
from skin_app.photo.formats.exif import profile_of, read_exif
from skin_app.photo.formats.jpeg_damage import END, SCAN, has_too_many_scans, is_damaged, segments

FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # 0xF7 is JPEG-LS
READ = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # Huffman or arithmetic coding, sequential or progressive
EXIF, ICC = 0xE1, 0xE2
EXIF_MARK, ICC_MARK = b"Exif\0\0", b"ICC_PROFILE\0"
INKS = 4


def open_jpeg(data: bytes) -> Opened:
    """Data after the end marker are ignored: phones store gain maps, other pictures and films there."""
    if has_too_many_scans(data):
        raise PhotoError(
            "This JPEG is stored in an unusual way: export it again as an ordinary JPEG or PNG."
        )
    frame, profile_parts, stated = None, [], None
    for marker, place, body, _ in segments(data):
        if marker == SCAN:
            if data.find(bytes((0xFF, END)), place) < 0:
                raise damage_error()
            break
        if marker in FRAMES:
            frame = marker, *struct.unpack_from(">BHHB", body)
        elif marker == ICC and body.startswith(ICC_MARK):
            profile_parts.append(body[len(ICC_MARK) :])
        elif marker == EXIF and body.startswith(EXIF_MARK) and stated is None:
            stated = body
    if frame is None:
        raise damage_error()
    coding, bits, height, width, channels = frame
    if coding not in READ:
        raise PhotoError(
            "This is a lossless or rare type of JPEG, which is not read here: "
            "export the photo as an ordinary JPEG or PNG."
        )
    if bits != 8:
        raise PhotoError(
            "This JPEG has {bits} bits per channel: export it as an ordinary JPEG (8 bits).", bits=bits
        )
    profile = _joined(profile_parts) if profile_parts else profile_of(read_exif(stated or b""))
    return Opened(width, height, partial(_decoded, data, channels, profile))


def _joined(parts: list[bytes]) -> bytes:
    """The profile joined from its numbered segments; b"" if one is missing."""
    parts = sorted(parts)
    wanted = [bytes((number, len(parts))) for number in range(1, len(parts) + 1)]
    if [part[:2] for part in parts] != wanted:
        return b""
    return b"".join(part[2:] for part in parts)[: MAX_PROFILE + 1]


def _decoded(data: bytes, channels: int, profile: bytes | None) -> Decoded:
    lost = is_damaged(data)
    if channels != INKS:
        return Decoded(_pixels(data, ImageReadMode.RGB), profile, lost)
    try:
        # inverted, as Adobe stores it and every reader expects
        ink = 255 - _pixels(data, ImageReadMode.UNCHANGED)
        return Decoded(ink_to_srgb(ink, profile or b""), None, lost)
    except ProfileError:
        return Decoded(_pixels(data, ImageReadMode.RGB), b"", lost)


def _pixels(data: bytes, mode: ImageReadMode) -> np.ndarray:
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image = decode_image(buffer, mode=mode, apply_exif_orientation=True)
    return image.permute(1, 2, 0).contiguous().numpy()
