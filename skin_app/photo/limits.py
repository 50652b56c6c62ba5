"""What a photo may have at most and at least: bytes of its file, pixels, pixels a side.

`read_photo` checks these before it decodes anything, wherever the file comes from.
"""

from skin_app.photo.formats import PhotoError

MAX_BYTES = 40_000_000
MAX_PIXELS = 60_000_000
MIN_SIDE = 64  # pixels


def check_bytes(length: int) -> None:
    """Raise `PhotoError` for a file that is empty or has more than `MAX_BYTES` bytes."""
    if length == 0:
        raise PhotoError("The file is empty (0 bytes): copy or export the photo again.")
    if length > MAX_BYTES:
        raise PhotoError(
            "The file has {megabytes} MB, more than the limit of {limit} MB: "
            "save a smaller copy and try that.",
            megabytes=round(length / 1e6),
            limit=MAX_BYTES // 1_000_000,
        )


def check_size(width: int, height: int) -> None:
    """Raise `PhotoError` for more than `MAX_PIXELS` pixels or a side of fewer than `MIN_SIDE`."""
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
