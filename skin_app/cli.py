"""`python -m skin_app`: `score FILES_OR_FOLDERS --out results.csv` writes one CSV row for each photo;
`archive` does the same for very many photos, into a folder of Parquet files, on all processors or on
several machines; `pictures` keeps the gallery's pictures from the ISIC Archive on this machine."""

import argparse
import csv
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TextIO

from tqdm import tqdm

from skin_app.ensemble import Ensemble
from skin_app.gallery.archive_client import ArchiveError
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.picture_cache import CacheError, PictureCache, cache_folder
from skin_app.photo.folders import Found, find_photos, has_image_suffix, read_found
from skin_app.photo.read import PhotoError
from skin_app.picture_download import DownloadError, download_pictures
from skin_app.report.csv_rows import CSV_COLUMNS, csv_row, error_row, without_formulas
from skin_app.result_files import OutputError, check_output, growing_file, unfinished, unusable
from skin_app.stated_patients import PatientsError, PatientsFile, read_patients
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.hub import HubError, proxy_fault
from skin_app.words import command_line as words
from skin_app.words.language import Say, SpokenError, of_the_environment

INSTALL = "pip install -e '.[archive]'"
AT_ONCE = 2  # requests to the ISIC Archive
FIRST = 8  # columns that every version has written: the file, and a probability for each diagnosis
OUR_CSV = (
    "".join(
        [",".join(CSV_COLUMNS[:FIRST]), *(f"(,{column})?" for column in CSV_COLUMNS[FIRST:]), r"\r?\n"]
    )
).encode()
DASHED = (
    ' (a file whose name begins with "-" is written ./{name}, or comes last, after --: '
    "score --out results.csv -- {name})"
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0 when done (rows may state errors), 2 on failure, 130 if stopped.

    1: `score` and `archive` could score none of their photos; for `pictures`, the archive lacks some.
    """
    options, say = _options(sys.argv[1:] if arguments is None else arguments), of_the_environment()
    verbs = {"score": _score, "archive": _archive, "pictures": _pictures}
    return verbs[options.verb](say, options)


def _pictures(say: Say, options: argparse.Namespace) -> int:
    """Returns 1 when the archive lacks some of the pictures."""
    try:
        folder = cache_folder(os.environ)
    except CacheError as error:
        _tell(say(words.ERROR, told=error.said(say)))
        return 2
    archive = ArchivePictures(PictureCache(folder), at_once=AT_ONCE)
    try:
        if fault := proxy_fault():
            raise fault
        ids = options.ids
        if ids is None:
            weights = open_weights(options.weights or os.environ.get("SKIN_APP_WEIGHTS"))
            ids = weights.gallery().image_ids
        return 1 if download_pictures(say, ids, archive) else 0
    except (WeightsError, HubError, CacheError, DownloadError, ArchiveError) as error:
        _tell(say(words.ERROR, told=error.said(say)))
        return 2
    except KeyboardInterrupt:
        _tell(say(words.PICTURES_STOPPED, folder=archive.cache.folder))
        return 130
    finally:
        archive.close()


def _score(say: Say, options: argparse.Namespace) -> int:
    try:
        found = find_photos(options.photos)
        table = options.patients
        check_output(options.out, OUR_CSV, [*found.photos, *([table] if table else [])])
        patients = read_patients(table, found.photos) if table else PatientsFile()
        _tell_of(say, found, options.out)
        if table:
            _tell_of_patients(say, patients, found.photos)
        weights = options.weights or os.environ.get("SKIN_APP_WEIGHTS")
        ensemble = Ensemble.load(weights)
        with growing_file(options.out, OUR_CSV) as file:
            failed = write_scores(ensemble, found.photos, file, patients)
    except (WeightsError, PhotoError, OutputError, PatientsError) as error:
        _tell(say(words.ERROR, told=error.said(say)))
        return 2
    except OSError as error:
        _tell(say(words.ERROR, told=unusable(error, options.out).said(say)))
        return 2
    except KeyboardInterrupt as stop:
        _tell(say(words.STOPPED, partial=stop) if stop.args else say(words.STOPPED_EARLY))
        return 130
    print(
        say(
            words.DONE,
            scored=say.plural(words.PHOTOS, len(found.photos) - failed),
            failed=say.number(failed),
            others=say.plural(words.OTHER_FILES, found.passed_over),
            out=os.fsencode(options.out).decode(errors="backslashreplace"),
        )
    )
    return 1 if failed == len(found.photos) else 0


def _archive(say: Say, options: argparse.Namespace) -> int:
    missing = [name for name in ("ray", "pyarrow") if find_spec(name) is None]
    if missing:
        _tell(say(words.ERROR, told=say(words.NO_RAY, missing=" and ".join(missing), command=INSTALL)))
        return 2
    from skin_app.archive_scoring import ArchiveRun, ray_environment

    try:
        run = ArchiveRun.begin(
            options.photos,
            options.out,
            options.weights or os.environ.get("SKIN_APP_WEIGHTS"),
            options.photos_per_part,
            options.patients,
        )
        _tell_of_closed(say, run.listing.closed)
        if options.patients:
            _tell_of_patients(say, run.patients, run.listing.names)
        os.environ |= ray_environment(options.cluster)
        scored = failed = 0
        with (
            _interrupts() as seen,
            tqdm(total=run.plan.photos, initial=run.before, unit="photo", mininterval=2) as bar,
        ):
            for done in run.score(options.cluster, options.workers):
                scored, failed = scored + done.scored, failed + done.failed
                bar.update(done.scored + done.failed)
                if seen:
                    raise KeyboardInterrupt(*seen)
    except SpokenError as error:
        _tell(say(words.ERROR, told=error.said(say)))
        return 2
    except OSError as error:
        _tell(say(words.ERROR, told=unusable(error, options.patients or options.out).said(say)))
        return 2
    except KeyboardInterrupt as stop:
        _tell(say(words.ARCHIVE_STOPPED, out=options.out))
        return 128 + (stop.args or (signal.SIGINT,))[0]
    print(
        say(
            words.ARCHIVE_DONE,
            scored=say.plural(words.PHOTOS, scored),
            failed=say.number(failed),
            before=say.number(run.before),
            others=say.plural(words.OTHER_FILES, run.listing.passed_over),
            out=options.out,
        )
    )
    return 1 if failed and not scored + run.before else 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM interrupt the block, with the signal's number, and are noted, too.

    Ray loses a `KeyboardInterrupt` that comes at a bad moment.
    """
    seen: list[int] = []

    def note(number: int, frame: object) -> None:  # noqa: ARG001
        seen.append(number)
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _options(arguments: list[str]) -> argparse.Namespace:
    dashed = [
        word
        for word in arguments
        if word.startswith("-") and (os.path.lexists(word) or has_image_suffix(Path(word)))
    ]

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            super().error(message + (DASHED.format(name=dashed[0]) if dashed else ""))

    parser = Parser(prog="python -m skin_app", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    about = "write a CSV file with one row for each photo"
    score = verbs.add_parser("score", help=about, description=about)
    score.add_argument("photos", nargs="+", type=Path, help="image files, or folders of them")
    score.add_argument("--out", required=True, type=Path, help="the CSV file to write")
    about = "score very many photos into a folder of Parquet files, on all processors and GPUs"
    archive = verbs.add_parser(
        "archive",
        help=about,
        description=f"{about}, here or on a Ray cluster. After a stop, the same command does the rest.",
    )
    archive.add_argument(
        "photos",
        nargs="+",
        help="image files, folders of them, or addresses such as s3://bucket/photos",
    )
    archive.add_argument("--out", required=True, help="the folder to write to, or an address of one")
    archive.add_argument(
        "--cluster",
        type=_cluster,
        metavar="ADDRESS",
        help="a Ray cluster, or auto (default: this machine alone)",
    )
    archive.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="how many processes hold the networks (default: one for each GPU, else for two cores)",
    )
    archive.add_argument(
        "--photos-per-part",
        type=_count,
        default=250,
        metavar="N",
        help="photos in one Parquet file, which is scored as a whole (default: %(default)s)",
    )
    about = "fetch the pictures of the gallery's lesions from the ISIC Archive, to show them offline"
    pictures = verbs.add_parser(
        "pictures",
        help=about,
        description=f"{about}; kept in SKIN_APP_CACHE or your own cache folder. After a stop, the same "
        "command fetches the rest.",
    )
    pictures.add_argument("--ids", nargs="+", metavar="ISIC_ID", help="only these (default: all)")
    for verb in (score, archive):
        verb.add_argument(
            "--patients",
            type=Path,
            metavar="CSV",
            help="a table with the columns file, age and sex: adds the answer with age and sex, which "
            "can make an outcome more suspicious, never less",
        )
    for verb in (score, archive, pictures):
        verb.add_argument("--weights", help="a weights folder, or owner/name@commit on the Hub")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def _cluster(text: str) -> str | None:
    """None for this machine alone; Ray itself would listen for other machines at these two."""
    return None if text in ("", "local") else text


def _tell_of(say: Say, found: Found, out: Path) -> None:
    _tell_of_closed(say, found.closed)
    for partial in unfinished(out):
        _tell(say(words.NOTE, told=say(words.UNFINISHED, partial=partial)))


def _tell_of_patients(say: Say, patients: PatientsFile, photos: Sequence[Path | str]) -> None:
    without = len(set(photos)) - len(patients.of_photo)
    told = say(
        words.PATIENTS_FOUND,
        without=say.plural(words.PHOTOS, without),
        strangers=say.plural(words.ROWS, patients.strangers),
    )
    _tell(say(words.NOTE, told=told))
    if patients.unreadable:
        told = say.plural(words.UNREADABLE_PATIENTS, patients.unreadable)
        _tell(say(words.WARNING, told=told))


def _tell_of_closed(say: Say, closed: Sequence[str]) -> None:
    for folder in closed:
        _tell(say(words.WARNING, told=say(words.CLOSED_FOLDER, folder=folder)))


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def write_scores(ensemble: Ensemble, files: list[Path], file: TextIO, patients: PatientsFile) -> int:
    """Score `files` into the CSV `file`, row by row as they are done; returns how many failed."""
    failed = 0
    writer = csv.DictWriter(file, CSV_COLUMNS)
    with tqdm(total=len(files), unit="photo", mininterval=2) as bar:
        for few in ensemble.analyse_files(files, read_found, with_maps=False):
            if not bar.n:
                writer.writeheader()  # only once there are rows, so that no file is left without any
            for path, result in few:
                if isinstance(result, PhotoError):
                    row = error_row(path, str(result))
                    failed += 1
                else:
                    row = csv_row(path, result.with_patient(patients.of(path)))
                writer.writerow(without_formulas(row))
            file.flush()
            bar.update(len(few))
    return failed
