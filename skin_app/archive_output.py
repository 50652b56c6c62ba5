"""The folder of results of an archive: a Parquet file for each part of its photos, written whole or not
at all.

    _archive.json       `Plan`: of which photos, by which weights, in how many parts
    _photos.parquet     the photos with age and sex; part N is row group N
    part-000000.parquet one row a photo, with the columns of the CSV

Readers of Parquet folders leave out names that begin with "_". Needs the extra `archive`.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem
from pydantic import BaseModel, ConfigDict, ValidationError

from skin_app.archive_listing import SCHEME, reason_of
from skin_app.context import Patient
from skin_app.one_command import only_command
from skin_app.report.csv_rows import CSV_COLUMNS, NUMBER_COLUMNS
from skin_app.result_files import OutputError
from skin_app.words import command_line as words

PLAN, PHOTOS = "_archive.json", "_photos.parquet"
PART = re.compile(r"part-(\d{6,})\.parquet")
# what an interrupted run leaves
UNFINISHED = re.compile(r"_.+\.partial|_photos\.parquet|\._run\.lock")
SCHEMA = pa.schema(
    [(name, pa.float64() if name in NUMBER_COLUMNS else pa.string()) for name in CSV_COLUMNS]
)

LISTED = pa.schema(
    {
        "file": pa.binary(),  # names need not be UTF-8
        "age": pa.float64(),
        "sex": pa.string(),
        "unreadable": pa.list_(pa.string()),
    }
)


class Plan(BaseModel):
    """What a folder of results holds, and what must stay so until all its parts are there.

    `weights`: SHA-256 of their `ensemble.json`, `named`: in words; `listed`: SHA-256 of the names of
    all photos; `patients`: of their ages and sexes, "" where none are stated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    weights: str
    named: str
    listed: str
    patients: str = ""
    photos: int
    photos_per_part: int
    columns: tuple[str, ...] = CSV_COLUMNS

    @property
    def parts(self) -> int:
        return -(-self.photos // self.photos_per_part)

    def photos_of(self, part: int) -> int:
        """How many photos a part has."""
        return min(self.photos_per_part, self.photos - part * self.photos_per_part)


def names_hash(names: Sequence[str]) -> str:
    """SHA-256 of the names of photos, in their order."""
    return hashlib.sha256(b"\0".join(map(os.fsencode, names))).hexdigest()


def patients_hash(patients: Sequence[Patient]) -> str:
    """SHA-256 of what is stated of the patients of all photos, in the photos' order."""
    return hashlib.sha256("\n".join(map(repr, patients)).encode()).hexdigest()


@dataclass(frozen=True)
class ResultFolder:
    """The folder `path` of `files`; `name`: as the user named it."""

    files: FileSystem
    path: str
    name: str

    @classmethod
    def at(cls, name: str) -> "ResultFolder":
        """A local folder, or one in cloud storage. Raises `OutputError`."""
        if SCHEME not in name:
            return cls(LocalFileSystem(), os.path.realpath(name), name)  # Path.resolve fails on loops
        try:
            files, path = FileSystem.from_uri(name)
        except (OSError, ValueError) as error:
            raise _unusable(name, error) from error
        return cls(files, path, name)

    def begin(self, plan: Plan, names: Sequence[str], patients: Sequence[Patient]) -> set[int]:
        """Make the folder, or go on with it; returns the parts that are there already.

        `patients`: one for each name. Raises `OutputError` where it holds something else, or the
        results of another plan.
        """
        with self._writing():
            self._content()  # raises if it is a file
            self.files.create_dir(self.path, recursive=True)
        with self._writing(), self.alone():
            found = self._content()
            if PLAN in found:
                self._check_same(plan)
                self.clear()
            elif [name for name in found if not UNFINISHED.fullmatch(name)]:
                raise self._of_others()
            columns = {
                "file": [os.fsencode(name) for name in names],
                "age": [own.age for own in patients],
                "sex": [own.sex for own in patients],
                "unreadable": [own.unreadable for own in patients],
            }
            listed, in_a_part = pa.table(columns, LISTED), min(plan.photos_per_part, plan.photos)
            # also where it is there: it may have been damaged
            self._put(PHOTOS, lambda out: pq.write_table(listed, out, in_a_part))
            if PLAN in found:
                return {int(own[1]) for own in map(PART.fullmatch, found) if own}
            self._put(PLAN, lambda out: out.write(plan.model_dump_json(indent=1).encode()))
        return set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a local folder to this process. Raises `OutputError` if another one has it."""
        if not isinstance(self.files, LocalFileSystem):  # no storage in the cloud has locks
            yield
            return
        with only_command(Path(self.path) / "_run", named=self.name):
            yield

    def patients_of(self, part: int) -> dict[str, Patient]:
        """The names of a part's photos, as they were listed, each with its patient."""
        with self.files.open_input_file(f"{self.path}/{PHOTOS}") as file:
            rows = pq.ParquetFile(file).read_row_group(part).to_pylist()
        return {
            os.fsdecode(row["file"]): Patient(row["age"], row["sex"], tuple(row["unreadable"]))
            for row in rows
        }

    def write(self, part: int, rows: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> None:
        """Write the rows of a part, and `about` as its file's metadata. Raises `OutputError`."""
        rows = [{**row, "file": _printable(row["file"])} for row in rows]
        table = pa.Table.from_pylist(rows, SCHEMA.with_metadata(dict(about)))
        with self._writing():
            self._put(f"part-{part:06}.parquet", lambda out: pq.write_table(table, out))

    def begin_part(self, part: int, most: int) -> bool:
        """Note that a worker begins a part; False where workers have begun it `most` times before.

        One that begins it again takes the place of one that died. Raises `OutputError`.
        """
        with self._writing():
            for time in range(most):
                name = f"_begun-{part:06}-{time}.partial"
                if self.files.get_file_info(f"{self.path}/{name}").type == FileType.NotFound:
                    with self.files.open_output_stream(f"{self.path}/{name}") as out:
                        out.write(b"begun")
                    return True
        return False

    def clear(self) -> None:
        """Delete what earlier workers have left beside the parts. Raises `OutputError`."""
        with self._writing():
            for name in self._content():
                if name.endswith(".partial"):
                    self.files.delete_file(f"{self.path}/{name}")

    def _content(self) -> list[str]:
        """The names in the folder; of files, only those that are not empty."""
        info = self.files.get_file_info(self.path)
        if info.type == FileType.File:
            raise OutputError("{out} is a file: give --out the name of a folder.", out=self.name)
        if info.type == FileType.NotFound:
            return []
        inside = self.files.get_file_info(FileSelector(self.path))
        return [own.base_name for own in inside if own.type == FileType.Directory or own.size]

    def _check_same(self, plan: Plan) -> None:
        with self.files.open_input_file(f"{self.path}/{PLAN}") as file:
            text = file.read()
        try:
            begun = Plan.model_validate_json(text)
        except ValidationError as error:
            raise self._of_others() from error
        for differs, sentence, before, now in (
            (begun.weights != plan.weights, words.OTHER_WEIGHTS, begun.named, plan.named),
            (begun.listed != plan.listed, words.OTHER_PHOTOS, begun.photos, plan.photos),
            (begun.patients != plan.patients, words.OTHER_PATIENTS, "", ""),
            (
                begun.photos_per_part != plan.photos_per_part,
                words.OTHER_PARTS,
                begun.photos_per_part,
                plan.photos_per_part,
            ),
            (begun.columns != plan.columns, words.OTHER_COLUMNS, "", ""),
        ):
            if differs:
                raise OutputError(sentence, out=self.name, before=before, now=now)

    def _of_others(self) -> OutputError:
        return OutputError(
            "{out} is there already and was not written by this command: move it away, or name another "
            "place to write to.",
            out=self.name,
        )

    def _put(self, name: str, write: Callable[[Any], object]) -> None:
        """Write a file beside its place, then move it there: it is never seen half written."""
        partial = f"{self.path}/_{name}.{uuid.uuid4().hex}.partial"
        with self.files.open_output_stream(partial) as out:
            write(out)
        self.files.move(partial, f"{self.path}/{name}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeError, pa.ArrowException) as error:  # pyarrow wants names in UTF-8
            raise _unusable(self.name, error) from error


def _unusable(name: str, error: BaseException) -> OutputError:
    return OutputError(
        "{out} cannot be used ({reason}): name a place that you may write to.",
        out=name,
        reason=reason_of(error),
    )


def _printable(name: str) -> str:
    """A file name as the CSV has it: names need not be UTF-8, but text in Parquet is."""
    return name.encode(errors="backslashreplace").decode()
