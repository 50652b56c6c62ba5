"""`python -m skin_app score FILES_OR_FOLDERS --out results.csv`: one row a photo."""

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from skin_app.ensemble import Ensemble
from skin_app.photo import SUFFIXES, Photo, PhotoError, read_photo
from skin_app.report import CSV_COLUMNS, csv_row, error_row, without_formulas
from skin_app.weights import WeightsError

CHUNK = 4


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns 0 when done (errors stand in their rows), 2 when nothing was."""
    parser = argparse.ArgumentParser(prog="python -m skin_app", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    score = verbs.add_parser("score", help="write one CSV row a photo")
    score.add_argument("photos", nargs="+", type=Path, help="image files, or folders of them")
    score.add_argument("--out", required=True, type=Path, help="the CSV file to write")
    score.add_argument("--weights", help="a weights folder, or owner/name@revision on the Hub")
    options = parser.parse_args(arguments)
    try:
        files = find_photos(options.photos)
        weights = options.weights or os.environ.get("SKIN_APP_WEIGHTS")
        ensemble = Ensemble.load(weights)
        failed = write_scores(ensemble, files, options.out)
    except (WeightsError, PhotoError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        path = error.filename or options.out
        print(f"error: {path} cannot be used ({error.strerror or error}).", file=sys.stderr)
        return 2
    print(f"{len(files) - failed} photos scored, {failed} failed; written to {options.out}")
    return 0


def find_photos(paths: list[Path]) -> list[Path]:
    """Named files as they are; of folders, every image below them, sorted.

    Raises `PhotoError` for a missing path or a folder without images.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise PhotoError(f"{path} holds no images ({', '.join(SUFFIXES)}): check the folder.")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise PhotoError(f"{path} does not exist: check the path.")
    return files


def write_scores(ensemble: Ensemble, files: list[Path], out: Path) -> int:
    """Score `files` into the CSV `out`, row by row as they are done; returns how many failed."""
    failed = 0
    # names need not be UTF-8: bytes that are none are written as \\udcff
    with out.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS)
        writer.writeheader()
        with tqdm(total=len(files), unit="photo", mininterval=2) as bar:
            for chunk in _chunks(files, CHUNK):
                read = [_read(path) for path in chunk]
                photos = [photo for photo in read if isinstance(photo, Photo)]
                analyses = iter(ensemble.analyse_all(photos, with_maps=False) if photos else [])
                for path, photo in zip(chunk, read, strict=True):
                    if isinstance(photo, Photo):
                        writer.writerow(without_formulas(csv_row(path, next(analyses))))
                    else:
                        writer.writerow(without_formulas(error_row(path, str(photo))))
                        failed += 1
                file.flush()
                bar.update(len(chunk))
    return failed


def _read(path: Path) -> Photo | PhotoError:
    try:
        return read_photo(path)
    except PhotoError as error:
        return error


def _chunks(items: list[Path], size: int) -> Iterator[list[Path]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
