"""Detects damage in a JPEG's compressed data, which `torchvision.io` silently decodes to wrong pixels.

A lost disk sector or an interrupted copy leaves a file that still opens. libjpeg warns when the data
end early, are too long or hold impossible codes. torchvision drops these warnings; `simplejpeg` raises
on them. Damage that leaves a valid stream of the right length, as most single wrong bytes do, cannot be
detected this way; docs/trust.md states the share that is detected.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import simplejpeg

SOI, END, SCAN, QUANTISATION = 0xD8, 0xD9, 0xDA, 0xDB
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
KEPT = (*SEQUENTIAL, PROGRESSIVE, SCAN, QUANTISATION, 0xC4, 0xDD)  # Huffman tables, restart interval
RESTARTS = range(0xD0, 0xD8)
MOST_SEGMENTS = 10_000
MOST_SCANS = 100  # a progressive photo usually has 10; each covers the whole picture
# with the header lengths that libjpeg accepts: a bare FF DA occurs by chance in embedded films
SCAN_HEADER = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
MARKER = re.compile(rb"\xff+([^\xff])")  # fill bytes may stand before it
AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
COEFFICIENTS = 64
LEFT = 4  # bytes that look like padding but may be the end of the data
PADDING = b"\x00\xff"  # whole bytes of zeros or ones; the latter are stored as FF 00
DAMAGE = re.compile("Corrupt JPEG data|Premature end of JPEG|Inconsistent progression")
AT_THE_END = re.compile("extraneous bytes before marker 0xd9")
TOO_SHORT = re.compile("premature end of data segment")


class Segment(NamedTuple):
    """A segment of a JPEG (ITU-T T.81, B.1).

    `body`: content without marker and length, at byte `place`; `scan`: data after a scan header.
    """

    marker: int
    place: int
    body: bytes
    scan: bytes = b""

    @property
    def encoded(self) -> bytes:
        length = (len(self.body) + 2).to_bytes(2, "big")
        return bytes((0xFF, self.marker)) + length + self.body + self.scan


def segments(data: bytes) -> Iterator[Segment]:
    """All segments up to the end marker. Raises `ValueError` if inconsistent or too many."""
    position = 2
    for _ in range(MOST_SEGMENTS):
        found = MARKER.match(data, position)
        if found is None:
            raise ValueError("no marker where one must be")
        marker, position = found[1][0], found.end()
        if marker == END:
            return
        if marker in RESTARTS:  # after the last block of a scan
            continue
        if marker < 0xC0:
            raise ValueError("an unknown marker")
        place = position + 2
        position += int.from_bytes(data[position:place], "big")
        body, scan = data[place:position], b""
        if marker == SCAN:
            end = AFTER_SCAN.search(data, position)
            if end is None:
                raise ValueError("no end of the scan")
            scan, position = data[position : end.start()], end.start()
        yield Segment(marker, place, body, scan)
    raise ValueError("more segments than any photo has")


def has_too_many_scans(data: bytes) -> bool:
    """Whether libjpeg might read more than `MOST_SCANS` scans.

    Headers are counted anywhere in the file, because libjpeg skips bytes at which `segments` raises.
    """
    return next(islice(SCAN_HEADER.finditer(data), MOST_SCANS, None), None) is not None


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
        if any(_has_zeros(segment.body) for segment in kept if segment.marker == QUANTISATION):
            return True
        if not _complete(frame, [s.body for s in kept if s.marker == SCAN]):
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
    whole, shorter = (
        _warning([*before, last._replace(scan=last.scan[:place])], frame)
        for place in (end + LEFT, end - 1)
    )
    if DAMAGE.search(whole) and not AT_THE_END.search(whole):
        return False  # zeros have replaced data
    return TOO_SHORT.search(shorter) is not None


def _has_zeros(tables: bytes) -> bool:
    """Whether a quantisation table holds a zero, which the standard forbids (ITU-T T.81, B.2.4.1)."""
    place = 0
    while place < len(tables):
        size = 2 if tables[place] >> 4 else 1
        entries = tables[place + 1 : place + 1 + size * COEFFICIENTS]
        values = [entries[k : k + size] for k in range(0, len(entries), size)]
        if len(values) < COEFFICIENTS or bytes(size) in values:
            return True
        place += 1 + size * COEFFICIENTS
    return False


def _complete(frame: Segment, scans: list[bytes]) -> bool:
    """Whether the scans hold all bits of all coefficients of all components (ITU-T T.81, B.2.3)."""
    unsent = {frame.body[6 + 3 * k]: [True] * COEFFICIENTS for k in range(frame.body[5])}
    for scan in scans:
        count = scan[0]
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if frame.marker != PROGRESSIVE:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        for k in range(count):
            for place in range(first, last + 1):
                unsent[scan[1 + 2 * k]][place] = bits & 15 != 0
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
