"""Reads age and sex as people write them: in many spellings, and from a table for many photos."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from skin_app.context import NOT_STATED_PATIENT, Patient, Sex
from skin_app.gallery.patient_table import UNKNOWN, normalised
from skin_app.words.language import SpokenError
from skin_app.words.patient import COLUMN

PATIENT_COLUMNS = ("file", "age", "sex")


class PatientsError(SpokenError, ValueError):
    """The table cannot be used; the message is one sentence that says what to do."""


def stated_patient(age: object, sex: object) -> Patient:
    """Read the age and sex of one patient. What cannot be read is listed in `Patient.unreadable`.

    `age`: a number, or text such as "54", "54 years" or "85+"; `sex`: text such as "f" or "Male".
    Missing values, such as "", None and "unknown", are allowed.
    """
    table, unreadable = normalised(pd.DataFrame({"age": [age], "sex": [sex]}, dtype=object))
    years, name = float(table["age"].iloc[0]), str(table["sex"].iloc[0])
    return Patient(
        None if np.isnan(years) else years,
        None if name == UNKNOWN else cast(Sex, name),
        tuple(part for part in ("age", "sex") if part in unreadable),
    )


@dataclass(frozen=True)
class PatientsFile:
    """The patients of a table, by the path of their photo.

    `strangers`: number of rows that match no photo; `unreadable`: number of photos with an age or a sex
    that cannot be read.
    """

    of_photo: Mapping[Path, Patient] = field(default_factory=dict)
    strangers: int = 0

    def of(self, photo: Path) -> Patient:
        """The patient of a photo; without age and sex where the table has no row for it."""
        return self.of_photo.get(photo, NOT_STATED_PATIENT)

    @property
    def unreadable(self) -> int:
        return sum(bool(patient.unreadable) for patient in self.of_photo.values())


def read_patients(table: Path, photos: Sequence[Path]) -> PatientsFile:
    """Read a CSV table in UTF-8 with the columns file, age and sex; other columns are ignored.

    Commas, semicolons or tabs separate the cells. `file` is the path of a photo as in `photos`, or its
    name alone. Raises `PatientsError` if a column is missing, a photo has two rows, a name fits several
    photos, or no row fits a photo; `OSError` if the table does not exist.
    """
    named: dict[str, list[Path]] = {}
    for photo in photos:
        named.setdefault(photo.name, []).append(photo)
    known, found, strangers = set(photos), {}, 0
    for line, (file, age, sex) in _rows(table):
        path = Path(file)
        fits = [path] if path in known else named.get(file, [])
        if len(set(fits)) > 1:
            raise PatientsError(
                "{table}, line {line}: {one} and {other} have the name {file}: write the path of each "
                "photo in place of its name.",
                table=table,
                line=line,
                one=fits[0],
                other=fits[1],
                file=file,
            )
        if not fits:
            strangers += 1
        elif fits[0] in found:
            raise PatientsError(
                "{table}, line {line}: {photo} has a row already: keep only one of them.",
                table=table,
                line=line,
                photo=fits[0],
            )
        else:
            found[fits[0]] = stated_patient(age, sex)
    if strangers and not found:
        raise PatientsError(
            "{table} names none of the photos: write the path of each photo as given here, or its "
            "name alone.",
            table=table,
        )
    return PatientsFile(found, strangers)


def _rows(table: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Line number and cells of each row that names a file."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
        parted = max(",;\t", key=text.partition("\n")[0].count)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=parted, strict=True)
        places = _places(table, next(rows, []))
        for row in rows:
            cells = [row[place].strip() if place < len(row) else "" for place in places]
            if cells[0]:
                yield rows.line_num, (cells[0], cells[1], cells[2])
    except (UnicodeDecodeError, csv.Error) as error:
        raise PatientsError(
            "{table} is not a CSV table in UTF-8: save it as one.", table=table
        ) from error


def _places(table: Path, head: Sequence[str]) -> list[int]:
    """Where each of `PATIENT_COLUMNS` stands in the head of the table."""
    names = [name.strip().lower() for name in head]
    counts = Counter(names)
    for column in PATIENT_COLUMNS:
        if counts[column] != 1:
            raise PatientsError(
                COLUMN["twice" if column in counts else "missing"],
                table=table,
                column=column,
                columns=", ".join(PATIENT_COLUMNS),
            )
    return [names.index(column) for column in PATIENT_COLUMNS]
