"""What the largest photo of each format costs: processor time and memory of `read_photo`.

Sound files near the limits of pixels and bytes, with profile, orientation and opacity where the format
has them, since each of these is a further pass over all pixels.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.reliability.fuzz_seeds import exif_seeds
from skin_app.photo.colour_profile import ADOBE_RGB
from skin_app.photo.limits import MAX_BYTES
from skin_app.photo.read import read_photo
from tests.made_files import saved, tiff
from train.data.drawings import draw_lesion

SHAPE = (7500, 8000)  # height, width
PLAIN_SHAPE = (3600, 3700)  # what a file without compression can hold


@dataclass(frozen=True)
class LargestPhoto:
    """`seconds`: of the processor; `peak`: MB above the size before."""

    name: str
    megapixels: float
    megabytes: float
    seconds: float
    peak: int


def largest_photos() -> tuple[LargestPhoto, ...]:
    """Each format's largest photo, read in a process of its own."""
    context = get_context("forkserver")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MADE:
            path = Path(folder, "photo")
            maker = context.Process(target=_make, args=(name, path))
            maker.start()
            maker.join()
            ours, theirs = context.Pipe(duplex=False)
            reader = context.Process(target=_read, args=(path, theirs))
            reader.start()
            theirs.close()
            pixels, seconds, peak = ours.recv()
            reader.join()
            megabytes = path.stat().st_size / 1e6
            rows.append(
                LargestPhoto(
                    name, round(pixels / 1e6, 1), round(megabytes, 1), round(seconds, 2), round(peak)
                )
            )
    return tuple(rows)


def _make(name: str, path: Path) -> None:
    data = MADE[name]()
    assert len(data) <= MAX_BYTES, f"{name}: {len(data)} bytes"
    path.write_bytes(data)


def _read(path: Path, parent: Connection) -> None:
    data = path.read_bytes()
    base, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    photo = read_photo(data)
    seconds = time.process_time() - begun
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1000
    parent.send((photo.width * photo.height, seconds, peak))


def _drawn() -> np.ndarray:
    """Drawings side by side: what lossy formats hold."""
    height, width = SHAPE
    return np.tile(draw_lesion(3, "network", height // 15, width // 16), (15, 16, 1))


def _ruled(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A pattern that compresses well without loss."""
    pixels = np.full((*shape, 3), 140, np.uint8)
    pixels[::7, ::5] = 90
    return pixels


def _opaque(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([pixels, np.full(pixels.shape[:2], 128, np.uint8)]))


def _stated() -> dict[str, Any]:
    return {"exif": exif_seeds()[0], "icc_profile": ADOBE_RGB}


MADE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved(Image.fromarray(_drawn()), "JPEG", quality=85, **_stated()),
    "JPEG, progressive": lambda: saved(
        Image.fromarray(_drawn()), "JPEG", quality=85, progressive=True, **_stated()
    ),
    "PNG": lambda: saved(_opaque(_ruled()), "PNG", compress_level=1, **_stated()),
    "WebP": lambda: saved(_opaque(_drawn()), "WEBP", quality=50, method=0, **_stated()),
    "HEIC": lambda: saved(_opaque(_drawn()), "HEIC", quality=30, tile_size=512, **_stated()),
    "AVIF": lambda: saved(_opaque(_drawn()), "AVIF", quality=30, speed=10, **_stated()),
    "TIFF": lambda: saved(_opaque(_ruled()), "TIFF", compression="tiff_lzw", icc_profile=ADOBE_RGB),
    "TIFF, 16 bits": lambda: tiff(
        _ruled().astype(np.uint16) * 257, 2, compression=(8,), orientation=(6,)
    ),
    "BMP": lambda: saved(Image.fromarray(_ruled(PLAIN_SHAPE)), "BMP"),
}
