"""Damage inside a JPEG's compressed data, which `torchvision.io` decodes to wrong pixels in silence.

A lost disk sector or a copy that broke off leaves a file that still opens. libjpeg notices that the
data end early, go on too long or hold impossible codes, but torchvision drops its warnings, on which
`simplejpeg` raises. Damage that leaves a valid stream of the right length, as most single wrong bytes
do, cannot be seen this way: docs/trust.md has the share found.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg

SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
START, END, SCAN = 0xD8, 0xD9, 0xDA
KEPT = (*SEQUENTIAL, PROGRESSIVE, 0xC4, 0xDB, 0xDD)  # frames, Huffman tables, quantisation, restarts
COEFFICIENTS = 64
AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
PADDING = b"\x00\xff"  # whole bytes of zeros or ones; the latter are stored as FF 00
DAMAGE = re.compile("Corrupt JPEG data|Premature end of JPEG|Inconsistent progression")
AT_THE_END = re.compile("extraneous bytes before marker 0xd9")
TOO_SHORT = re.compile("premature end of data segment")


class _Segment(NamedTuple):
    """`body`: without marker and length; `scan`: the compressed data that follow a scan's header."""

    marker: int
    body: bytes
    scan: bytes = b""

    @property
    def encoded(self) -> bytes:
        length = (len(self.body) + 2).to_bytes(2, "big")
        return bytes((0xFF, self.marker)) + length + self.body + self.scan


def is_damaged(data: bytes) -> bool:
    """Whether the first picture of a JPEG, whose header was checked, is damaged or incomplete.

    What follows its end marker (a phone's second picture, padding) does not count, nor does padding
    just before it. Not judged, so False: arithmetic and lossless coding, and what `simplejpeg` cannot
    decode at all.
    """
    try:
        segments = list(_segments(data))
        frame = next((s for s in segments if s.marker in (*SEQUENTIAL, PROGRESSIVE)), None)
        if frame is None:
            return False
        if not _complete(frame, [s for s in segments if s.marker == SCAN]):
            return True
    except (ValueError, LookupError):  # the segments contradict each other, or end in the middle
        return True
    kept = [_plain(s, frame) for s in segments if s.marker in (*KEPT, SCAN)]
    warning = _warning(kept, frame)
    if not AT_THE_END.search(warning):
        return DAMAGE.search(warning) is not None
    *before, last = kept
    return TOO_SHORT.search(_warning([*before, _shorter(last)], frame)) is None


def _shorter(scan: _Segment) -> _Segment:
    """Without its padding and one byte more, which sound data cannot do without."""
    return scan._replace(scan=scan.scan.rstrip(PADDING)[:-1])


def _segments(data: bytes) -> Iterator[_Segment]:
    """All segments up to the end marker. Raises `ValueError` or `IndexError` where they do not fit."""
    position = 2
    while True:
        if data[position] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == END:
            return
        elif 0xD0 <= marker <= 0xD7:  # a restart marker after the last block of a scan
            position += 2
        elif marker < 0xC0:
            raise ValueError("an unknown marker")
        else:
            start = position + 4
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            body, scan = data[start:position], b""
            if marker == SCAN:
                end = AFTER_SCAN.search(data, position)
                if end is None:
                    raise ValueError("no end of the scan")
                scan = data[position : end.start()]
                position = end.start()
            yield _Segment(marker, body, scan)


def _complete(frame: _Segment, scans: list[_Segment]) -> bool:
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


def _plain(segment: _Segment, frame: _Segment) -> _Segment:
    """A scan's header as the standard wants it: some encoders leave what only progressive ones need."""
    if segment.marker != SCAN or frame.marker == PROGRESSIVE:
        return segment
    return segment._replace(body=segment.body[:-3] + bytes((0, COEFFICIENTS - 1, 0)))


def _warning(segments: list[_Segment], frame: _Segment) -> str:
    """What libjpeg says against a file of these segments alone; empty when nothing.

    Without the others, which hold no pixels and would bring warnings of their own.
    """
    parts = b"".join(segment.encoded for segment in segments)
    file = bytes((0xFF, START)) + parts + bytes((0xFF, END))
    space = "CMYK" if frame.body[5] == 4 else "GRAY"
    try:  # at an eighth of the size all data are read all the same
        simplejpeg.decode_jpeg(file, space, min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        return str(error)
    return ""
