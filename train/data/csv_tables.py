"""Reads text tables with any usual separator and encoding.

Comma, semicolon or tab; UTF-8 and UTF-16 with or without a byte order mark, and what Windows calls
ANSI. Column names are compared in lower case, without surrounding blanks.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

SEPARATORS = ",;\t"
HEAD_BYTES = 65_536
NAMED = re.compile(r'\ufeff?"?sep=(.)"?\r?\n', re.IGNORECASE)  # Excel's own first line


class DataError(ValueError):
    """The data folder cannot be used; the message is one sentence that says what to do."""


def column_names(path: Path) -> list[str]:
    """Names of the columns, from the first lines of the file alone; none when they cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        rows = _rows(path.name, _decoded(path.name, head, final=len(head) < HEAD_BYTES))
        return _names(next(rows, (0, []))[1])
    except DataError:
        return []


def read_table(path: Path) -> pd.DataFrame:
    """All rows as text without surrounding blanks, "" for an empty cell. Raises `DataError`."""
    rows = _rows(path.name, _decoded(path.name, path.read_bytes(), final=True))
    names = _names(next(rows, (0, []))[1])
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"{path.name} has two columns {twice[0]}: keep one of them.")
    cells = []
    for line, row in rows:
        if any(cell.strip() for cell in row[len(names) :]):
            raise DataError(
                f"{path.name} has {len(row)} cells in line {line}, but {len(names)} columns: put a "
                "cell that holds the separator into quotes."
            )
        padded = row[: len(names)] + [""] * (len(names) - len(row))
        cells.append([cell.strip() for cell in padded])
    return pd.DataFrame(cells, columns=pd.Index(names, dtype=str), dtype=str)


def _names(row: list[str]) -> list[str]:
    return [name.strip().lower() for name in row]


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of its last line, and the cells, of each row that is not blank."""
    named = NAMED.match(text)
    lines = io.StringIO(text[named.end() :] if named else text.removeprefix("\ufeff"), newline="")
    first = next((line for line in lines if line.strip()), "")
    lines.seek(0)
    reader = csv.reader(lines, delimiter=named[1] if named else _separator(first))
    try:
        for row in reader:
            line = reader.line_num + bool(named)
            if any("\n" in cell for cell in row):
                raise DataError(
                    f"{name} has a line break in a cell, which ends in line {line}: most likely a "
                    "quotation mark is missing or too many there or before."
                )
            if any(cell.strip() for cell in row):
                yield line, row
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be read as a table ({error}): export it anew as CSV."
        ) from error


def _separator(line: str) -> str:
    unquoted = re.sub(r'"[^"]*"', "", line)
    return max(SEPARATORS, key=unquoted.count)


def _decoded(name: str, data: bytes, final: bool) -> str:
    """`data` as text; `final`: whether it is the whole file, not only its beginning."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in data[:200]:
        encodings = ["utf-16-be" if data[:1] == b"\0" else "utf-16-le"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data, final)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise DataError(f"{name} is no text: export it as CSV in UTF-8.")
