"""What `python -m skin_app archive` costs beside `score`, and what a million photos would cost on GPUs.

    python benchmarks/archive.py [--photos 1000] [--data FOLDER] [--out FILE]

Measured: both commands, one after the other, each in a new process, on the same photos: from the start
to the end, loading included. Their rows are compared. `--data`: a folder of photos (default: HAM10000
where it is at hand, else the drawings of the page, each many times).

On paper: the hours of a million photos on GPUs. Two numbers for it are measured here: the operations of
the networks for a photo, and the seconds of one core for all else. The others are assumptions, printed
with the table. No GPU was used.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from skin_app.archive_workers import MOST_THREADS
from skin_app.ensemble import Ensemble
from skin_app.hardware import describe
from skin_app.member_groups import MemberGroup
from skin_app.photo.read import read_photo
from skin_app.report.csv_rows import NUMBER_COLUMNS
from skin_app.result_files import OutputError, check_output, replace_file
from skin_app.views import VIEWS

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "ham10000"
DRAWN = ROOT / "skin_app" / "page" / "examples"
GOAL = 1.1
MOST = 1e-5  # difference of a number
LOOKED_AT = 16  # photos for the seconds of a core
# Assumptions of the table on paper.
MILLION = 1_000_000
GPUS = (1, 8, 64)
PEAK = 989e12  # bfloat16 operations a second of an H100 or H200 SXM, dense, by NVIDIA's data sheet
USED = 0.3  # share of the peak that these networks reach
PRICE = 3.0  # US dollars an hour of a GPU with its cores


@dataclass(frozen=True)
class CostOfAPhoto:
    """`operations` of the networks from 8 views; `core_seconds`: one core, for all but the networks."""

    operations: float
    core_seconds: float


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--data", type=Path, help="a folder of photos")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    if options.out:
        try:
            check_output(options.out, rb"\d+ photos, weights ")
        except OutputError as error:
            parser.error(str(error))
    files = photos_in(options.data)
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        lines = measured(Path(folder), files, options.photos)
    lines += ["", *on_paper(cost_of_a_photo(files[:LOOKED_AT]))]
    print("\n".join(lines))
    if options.out:
        replace_file(options.out, "\n".join(lines) + "\n")


def photos_in(data: Path | None) -> list[Path]:
    """The photos to score, by name."""
    for place in [data] if data else [REAL, DRAWN]:
        if files := sorted(place.rglob("*.jpg"), key=lambda path: path.name):
            return files
    raise SystemExit(f"{data} holds no .jpg files.")


def measured(folder: Path, files: Sequence[Path], count: int) -> list[str]:
    """Both commands on `count` photos, in a folder of links to `files`."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(count):
        (photos / f"{number:06}.jpg").symlink_to(files[number % len(files)].resolve())
    out, table = folder / "out", folder / "scores.csv"
    by_score = seconds("score", photos, table)
    by_archive = seconds("archive", photos, out)
    fixed = seconds("archive", photos / "000000.jpg", folder / "one")
    same, difference = compared(table, out)
    ensemble = Ensemble.load()
    ratio = by_archive / by_score
    return [
        f"{count} photos, weights {ensemble.weights.identity}",
        f"{describe(ensemble.device)}, torch {torch.__version__}",
        "",
        f"score               {by_score:8.1f} s   {count / by_score:6.2f} photos a second",
        f"archive             {by_archive:8.1f} s   {count / by_archive:6.2f} photos a second",
        f"archive / score     {ratio:8.2f}     (goal: at most {GOAL}: "
        f"{'met' if ratio <= GOAL else 'missed'})",
        f"archive of 1 photo  {fixed:8.1f} s",
        f"photos in both      {same:8}     largest difference of a number: {difference:.1e} "
        f"(goal: at most {MOST:.0e}: {'met' if difference <= MOST and same == count else 'missed'})",
    ]


def seconds(verb: str, photos: Path, out: Path) -> float:
    """How long a command takes, from its start to its end."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "skin_app", verb, str(photos), "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def compared(table: Path, out: Path) -> tuple[int, float]:
    """How many photos both have, each once; the largest difference of a number in their rows."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        wanted = {row["file"]: row for row in csv.DictReader(file)}
    found = pd.read_parquet(out)
    same = len(set(found["file"]) & set(wanted)) if found["file"].is_unique else 0
    numbers = found.set_index("file")[list(NUMBER_COLUMNS)]
    others = pd.DataFrame.from_dict(wanted, orient="index").reindex(numbers.index)[list(NUMBER_COLUMNS)]
    difference = (numbers - others.replace("", None).astype(float)).abs().max().max()
    return same, float(difference)


def cost_of_a_photo(files: Sequence[Path]) -> CostOfAPhoto:
    """What one photo costs, measured on this machine's CPU with one thread."""
    ensemble = Ensemble.load()
    photos = [read_photo(path) for path in files]
    inputs = [group.inputs(photos[:1], VIEWS) for group in ensemble.groups]
    with FlopCounterMode(display=False) as counter:
        for group, own in zip(ensemble.groups, inputs, strict=True):
            group.read(own, ensemble.device)
    torch.set_num_threads(1)
    answers = [
        group.read(own, ensemble.device) for group, own in zip(ensemble.groups, inputs, strict=True)
    ]
    kept = dict(zip(map(id, ensemble.groups), answers, strict=True))
    with patch.object(MemberGroup, "read", lambda group, *_: kept[id(group)]):
        begun = time.process_time()
        for path in files:
            ensemble.analyse_all([read_photo(path)], with_maps=False)
        taken = time.process_time() - begun
    return CostOfAPhoto(float(counter.get_total_flops()), taken / len(files))


def on_paper(cost: CostOfAPhoto) -> list[str]:
    """The table on paper, with its numbers and assumptions."""
    networks = PEAK * USED / cost.operations
    lines = [
        "A million photos on GPUs, on paper.",
        f"Measured here for one photo: {cost.operations / 1e9:.0f} billion operations of the networks,",
        f"and {cost.core_seconds * 1000:.0f} ms of one core for all else.",
        f"Assumed: {USED:.0%} of a GPU's {PEAK / 1e12:.0f} trillion operations a second are reached:",
        f"{networks:.0f} photos a second. {PRICE:.0f} US dollars an hour of a GPU with its cores.",
        "Photos arrive as fast as they are read.",
        "",
        "cores that feed a GPU   GPUs   photos a second      hours   GPU-hours   US dollars",
    ]
    for cores in (1, MOST_THREADS):
        rate = min(networks, cores / cost.core_seconds)
        for gpus in GPUS:
            hours = MILLION / (rate * gpus) / 3600
            lines.append(
                f"{cores:21}   {gpus:4}   {rate * gpus:15.0f}   {hours:8.2f}   {hours * gpus:9.1f}   "
                f"{hours * gpus * PRICE:10.0f}"
            )
    lines += [
        "",
        f"A GPU has one process with up to {MOST_THREADS} threads. With 1 core, they run one after the",
        f"other; with {MOST_THREADS}, all run at once. The truth lies between.",
    ]
    return lines


if __name__ == "__main__":
    main()
