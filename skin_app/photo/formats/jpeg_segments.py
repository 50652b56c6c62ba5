"""The segments of a JPEG (ITU-T T.81, B.1), and its scans counted as libjpeg finds them."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

SOI, END, SCAN = 0xD8, 0xD9, 0xDA
RESTARTS = range(0xD0, 0xD8)
MOST_SEGMENTS = 10_000
MOST_SCANS = 100  # a progressive photo usually has 10; each covers the whole picture
# with the header lengths that libjpeg accepts: a bare FF DA occurs by chance in embedded films
SCAN_HEADER = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
MARKER = re.compile(rb"\xff+([^\xff])")  # fill bytes may stand before it
AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Segment(NamedTuple):
    """`body`: content without marker and length, at byte `place`; `scan`: data after a scan header."""

    marker: int
    place: int
    body: bytes
    scan: bytes = b""

    @property
    def encoded(self) -> bytes:
        length = (len(self.body) + 2).to_bytes(2, "big")
        return bytes((0xFF, self.marker)) + length + self.body + self.scan


def has_too_many_scans(data: bytes) -> bool:
    """Whether libjpeg might read more than `MOST_SCANS` scans.

    Headers are counted anywhere in the file, because libjpeg skips bytes at which `segments` raises.
    """
    return next(islice(SCAN_HEADER.finditer(data), MOST_SCANS, None), None) is not None


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
            scan = data[position : end.start()]
            position = end.start()
        yield Segment(marker, place, body, scan)
    raise ValueError("more segments than any photo has")
