"""Recognises a file's type by its first bytes, not by its name."""

import re
import struct
from collections.abc import Iterator

HEAD_BYTES = 4096
PICTURES = frozenset(  # types that hold pictures, readable or not: a folder scan must report them
    {
        *("JPEG", "PNG", "WebP", "HEIC", "AVIF", "TIFF", "BMP"),
        *("GIF", "DICOM", "JPEG 2000", "JPEG XL", "JPEG XR", "SVG", "raw", "layers"),
    }
)
STARTS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"),
    "JPEG XR": (b"II\xbc\x01",),
    "layers": (b"8BPS", b"gimp xcf"),
    "raw": (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "video": (
        *(b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"FLV\x01"),
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    ),
    "archive": (
        *(b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ),
    "AppleDouble": (b"\0\x05\x16\x07",),
}
BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
HEIC_BRANDS = {
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
}  # fmt: skip
AVIF_BRANDS = {b"avif", b"avis"}
MOVIE_BOXES = (b"moov", b"mdat", b"wide", b"skip")  # QuickTime files need not begin with "ftyp"
# DICOM without its preamble begins with a data element of group 2 or 8
BARE_DICOM = re.compile(rb"[\x02\x08]\0.\0([A-Z]{2}|\x04\0\0\0|.\0\0\0ISO_IR)", re.DOTALL)
DNG_VERSION, SUB_FILES, NEW_SUBFILE, COMPRESSION, PHOTOMETRIC = 50706, 330, 254, 259, 262
SENSOR_DATA = (32803, 34892)  # photometric: colour filter array, linear raw
RAW_COMPRESSIONS = (32767, 32769, 32770, 34713, 65535)  # Sony, Epson, Samsung, Nikon, Pentax


def type_of(head: bytes) -> str | None:
    """Short name of a file's type, by its first `HEAD_BYTES` bytes; None if unknown.

    One of `PICTURES`, or "PDF", "video", "HTML", "archive", "AppleDouble".
    """
    if head[128:132] == b"DICM" or BARE_DICOM.match(head):
        return "DICOM"
    for found, starts in STARTS.items():
        if head.startswith(starts):
            return "raw" if found == "TIFF" and _is_raw(head) else found
    if head[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "video"}.get(head[8:12])
    if head[:2] == b"BM":
        return "BMP" if int.from_bytes(head[14:18], "little") in BITMAP_HEADERS else None
    return _media(head) or _text(head)


def _media(head: bytes) -> str | None:
    """The type of a file made of ISO boxes: a still picture by its brands, else a video."""
    if head[4:8] in MOVIE_BOXES:
        return "video"
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] == b"crx ":
        return "raw"
    general = brands[0] in (b"mif1", b"msf1", b"mif2")
    if brands[0] in AVIF_BRANDS or (general and AVIF_BRANDS & {*brands}):
        return "AVIF"
    return "HEIC" if brands[0] in HEIC_BRANDS else "video"


def _text(head: bytes) -> str | None:
    if b"%PDF-" in head[:1024]:
        return "PDF"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    # the first one decides: a web page may contain drawings
    found = re.search(rb"<(?:!doctype )?(html|head|body|svg)\b", text)
    return None if found is None else "SVG" if found[1] == b"svg" else "HTML"


def _is_raw(head: bytes) -> bool:
    """Whether an apparent TIFF holds raw sensor data, which cameras store in the same layout."""
    if head[8:10] == b"CR":
        return True
    tags = dict(_first_tags(head))
    return (
        DNG_VERSION in tags
        or tags.get(PHOTOMETRIC) in SENSOR_DATA
        or tags.get(COMPRESSION) in RAW_COMPRESSIONS
        or (SUB_FILES in tags and tags.get(NEW_SUBFILE) == 1)  # preview first, as Nikon's files
    )


def _first_tags(data: bytes) -> Iterator[tuple[int, int]]:
    """Number and first value of each tag in a TIFF's first directory, as far as `data` reaches.

    If a tag's values are stored elsewhere in the file, the value is their offset.
    """
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 8 or struct.unpack_from(order + "H", data, 2)[0] != 42:
        return
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, form, values = struct.unpack_from(order + "HHI", data, at)
        short = form == 3 and values <= 2
        yield tag, struct.unpack_from(order + ("H" if short else "I"), data, at + 8)[0]
