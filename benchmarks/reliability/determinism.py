"""Whether the same photo always gets the same answer: alone, beside others, in another process.

Each photo is analysed from 8 views with its maps, and once from 1 view, in one process of its own for
each number of threads (`one_process`). Compared with its first answer alone:

- again: the same call in the same process, as JSON bytes;
- second process: the same, in another process;
- batches: in batches of each size of `SIZES`, all photos in an order shuffled by a fixed seed, so that
  size, order and neighbours differ: largest difference of any number, and equal JSON bytes;
- beside others: from `CALLERS` threads at once, as JSON bytes;
- threads: with other numbers of threads for the networks: largest difference of any number.

JSON is `Analysis.to_json`; its one field that is not of the photo, `made_at`, is left out.
Differences are of numbers before they are rounded: those of the record, and those of the maps.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import torch

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.hardware import has_bfloat16
from skin_app.photo.read import Photo, read_photo
from skin_app.report.json_record import record
from skin_app.views import VIEWS

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "ham10000"
DRAWN = ROOT / "skin_app" / "page" / "examples"
PHOTOS = 50
SIZES = (2, 3, 8)
CALLERS = 4
OTHER_THREADS = (1, 2, 4)
MOST = 1e-5  # difference of a number
SEED = 22
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@dataclass(frozen=True)
class BatchesCompared:
    """Batches of `size` photos against each photo alone.

    `difference`: the largest of any number in the record, None where anything else in it differs;
    `same_bytes`: how many photos have equal JSON.
    """

    views: int
    size: int
    difference: float | None
    same_bytes: int


@dataclass(frozen=True)
class ThreadsCompared:
    """A number of threads against that of the machine, which comes first."""

    threads: int
    difference: float | None


@dataclass(frozen=True)
class Determinism:
    """The section's numbers; photos counted in `..._same_bytes` have equal JSON bytes."""

    photos: int
    are_real: bool
    precision: str
    threads: int
    most: float
    again_same_bytes: int
    second_process_same_bytes: int
    callers: int
    beside_others_same_bytes: int
    batches: list[BatchesCompared]
    other_threads: list[ThreadsCompared]


@dataclass(frozen=True)
class Said:
    """What a process said of one photo.

    Hashes of its JSON, and of its record without numbers; all numbers, not rounded.
    """

    json: str
    words: str
    numbers: list[float]


def measure() -> Determinism:
    """All numbers of the section."""
    files = sorted(REAL.rglob("ISIC_*.jpg"), key=lambda path: path.name)[:PHOTOS]
    are_real = len(files) == PHOTOS
    files = files if are_real else sorted(DRAWN.glob("*.jpg"))
    photos = [read_photo(file) for file in files]
    ensemble = Ensemble.load()
    alone = {views: [said(ensemble(photo, views)) for photo in photos] for views in (1, VIEWS)}
    full = alone[VIEWS]
    again = [said(ensemble(photo)) for photo in photos]
    with ThreadPoolExecutor(CALLERS) as pool:
        beside = [said(own) for own in pool.map(ensemble, photos)]
    threads = torch.get_num_threads()
    other = {count: one_process(files, count) for count in dict.fromkeys((threads, *OTHER_THREADS))}
    return Determinism(
        photos=len(photos),
        are_real=are_real,
        precision="bfloat16" if has_bfloat16(ensemble.device) else "float32",
        threads=threads,
        most=MOST,
        again_same_bytes=same_bytes(full, again),
        second_process_same_bytes=same_bytes(full, other[threads]),
        callers=CALLERS,
        beside_others_same_bytes=same_bytes(full, beside),
        batches=[
            in_batches(ensemble, photos, size, views, alone[views]) for views in alone for size in SIZES
        ],
        other_threads=[
            ThreadsCompared(count, largest_difference(full, own)) for count, own in other.items()
        ],
    )


def said(analysis: Analysis) -> Said:
    """What is compared of an analysis; its time stamp is the only field left out."""
    written = json.loads(analysis.to_json())
    del written["made_at"]
    whole = {key: value for key, value in record(analysis, NOON).items() if key != "maps"}
    numbers = [float(cell) for own in (analysis.maps or {}).values() for cell in own.flat]
    words = json.loads(json.dumps(whole), parse_float=lambda number: numbers.append(float(number)))
    return Said(_hash(written), _hash(words), numbers)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def in_batches(
    ensemble: Ensemble, photos: Sequence[Photo], size: int, views: int, alone: Sequence[Said]
) -> BatchesCompared:
    """All photos in batches, shuffled, against each alone."""
    order = list(range(len(photos)))
    random.Random(f"{SEED} {size}").shuffle(order)
    found: dict[int, Said] = {}
    for start in range(0, len(order), size):
        few = order[start : start + size]
        answers = ensemble([photos[number] for number in few], views)
        found |= zip(few, map(said, answers), strict=True)
    together = [found[number] for number in range(len(photos))]
    return BatchesCompared(
        views, size, largest_difference(alone, together), same_bytes(alone, together)
    )


def one_process(files: Sequence[Path], threads: int) -> list[Said]:
    """What a new process says of each photo, with a number of threads for the networks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.json"
        code = f"from {__spec__.name} import *; say_all({str(out)!r}, {threads})"
        subprocess.run(
            [sys.executable, "-c", code, *map(str, files)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )
        return [Said(**own) for own in json.loads(out.read_text())]


def say_all(out: str, threads: int) -> None:
    """Write what this process says of the photos in its arguments."""
    torch.set_num_threads(threads)
    ensemble = Ensemble.load()
    found = [asdict(said(ensemble(read_photo(path)))) for path in sys.argv[1:]]
    Path(out).write_text(json.dumps(found))


def same_bytes(one: Sequence[Said], other: Sequence[Said]) -> int:
    """How many photos have the same JSON in both."""
    return sum(own.json == its.json for own, its in zip(one, other, strict=True))


def largest_difference(one: Sequence[Said], other: Sequence[Said]) -> float | None:
    """Of any number of any photo; None where anything else differs."""
    pairs = list(zip(one, other, strict=True))
    if any(own.words != its.words for own, its in pairs):
        return None
    return max(abs(a - b) for own, its in pairs for a, b in zip(own.numbers, its.numbers, strict=True))
