"""Detects damage in a JPEG's compressed data, which `torchvision.io` silently decodes to wrong pixels.

A lost disk sector or an interrupted copy leaves a file that still opens. libjpeg warns when the data
end early, are too long or hold impossible codes. torchvision drops these warnings; `simplejpeg` raises
on them. Damage that leaves a valid stream of the right length, as most single wrong bytes do, cannot be
detected this way; docs/trust.md states the share that is detected.
"""

import re

import simplejpeg

from skin_app.photo.formats.jpeg_segments import END, SCAN, SOI, Segment, segments

SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
QUANTISATION = 0xDB
TABLES = (0xC4, QUANTISATION, 0xDD)  # Huffman tables, quantisation tables, restart interval
KEPT = (*SEQUENTIAL, PROGRESSIVE, *TABLES, SCAN)
COEFFICIENTS = 64
LEFT = 4  # bytes that look like padding but may be the end of the data
PADDING = b"\x00\xff"  # whole bytes of zeros or ones; the latter are stored as FF 00
DAMAGE = re.compile("Corrupt JPEG data|Premature end of JPEG|Inconsistent progression")
AT_THE_END = re.compile("extraneous bytes before marker 0xd9")
TOO_SHORT = re.compile("premature end of data segment")


def is_damaged(data: bytes) -> bool:
    """Whether the first picture of a JPEG, whose header was checked, is damaged or incomplete.

    Data after its end marker (a phone's second picture, padding) are ignored, and so is padding just
    before it. Arithmetic and lossless coding, and files that `simplejpeg` cannot decode at all, are not
    judged: they give False.
    """
    try:
        kept = [s for s in segments(data) if s.marker in KEPT]
        frame = next((s for s in kept if s.marker in (*SEQUENTIAL, PROGRESSIVE)), None)
        if frame is None:
            return False
        if any(_has_zeros(segment) for segment in kept if segment.marker == QUANTISATION):
            return True
        if not _complete(frame, [s for s in kept if s.marker == SCAN]):
            return True
    except (ValueError, LookupError):  # the segments contradict each other, or end in the middle
        return True
    kept = [_plain(segment, frame) for segment in kept]
    warning = _warning(kept, frame)
    if not AT_THE_END.search(warning):
        return DAMAGE.search(warning) is not None
    return not _is_whole_but_for_padding(kept, frame)


def _is_whole_but_for_padding(kept: list[Segment], frame: Segment) -> bool:
    """Whether the last scan is complete exactly up to the zeros or ones at its end."""
    *before, last = kept
    end = len(last.scan.rstrip(PADDING))
    whole, shorter = (last._replace(scan=last.scan[:place]) for place in (end + LEFT, end - 1))
    warning = _warning([*before, whole], frame)
    if DAMAGE.search(warning) and not AT_THE_END.search(warning):
        return False  # zeros have replaced data
    return TOO_SHORT.search(_warning([*before, shorter], frame)) is not None


def _has_zeros(tables: Segment) -> bool:
    """Whether a quantisation table holds a zero, which the standard forbids (ITU-T T.81, B.2.4.1)."""
    place = 0
    while place < len(tables.body):
        size = 2 if tables.body[place] >> 4 else 1
        entries = tables.body[place + 1 : place + 1 + size * COEFFICIENTS]
        values = [entries[k : k + size] for k in range(0, len(entries), size)]
        if len(values) < COEFFICIENTS or bytes(size) in values:
            return True
        place += 1 + size * COEFFICIENTS
    return False


def _complete(frame: Segment, scans: list[Segment]) -> bool:
    """Whether the scans hold all bits of all coefficients of all components (ITU-T T.81, B.2.3)."""
    unsent = {frame.body[6 + 3 * k]: [True] * COEFFICIENTS for k in range(frame.body[5])}
    for scan in scans:
        count = scan.body[0]
        first, last, bits = scan.body[1 + 2 * count : 4 + 2 * count]
        if frame.marker != PROGRESSIVE:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        for k in range(count):
            for place in range(first, last + 1):
                unsent[scan.body[1 + 2 * k]][place] = bits & 15 != 0
    return not any(map(any, unsent.values()))


def _plain(segment: Segment, frame: Segment) -> Segment:
    """A scan's header as the standard requires: resets fields that only progressive scans use."""
    if segment.marker != SCAN or frame.marker == PROGRESSIVE:
        return segment
    return segment._replace(body=segment.body[:-3] + bytes((0, COEFFICIENTS - 1, 0)))


def _warning(kept: list[Segment], frame: Segment) -> str:
    """libjpeg's warning for a file of these segments only; empty when there is none.

    Other segments are left out: they hold no pixels and could cause warnings of their own.
    """
    parts = b"".join(segment.encoded for segment in kept)
    file = bytes((0xFF, SOI)) + parts + bytes((0xFF, END))
    space = "CMYK" if frame.body[5] == 4 else "GRAY"
    try:  # even at an eighth of the size, all data are read
        simplejpeg.decode_jpeg(file, space, min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        return str(error)
    return ""
