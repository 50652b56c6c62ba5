"""Patient data from tables in any spelling, and which patients the training data represents.

All results use HAM10000's own words: ages in years, `male`, `female`, `unknown`, `histo`, `follow_up`,
...
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.context import OLDEST

UNKNOWN = "unknown"
MISSING = frozenset(
    {"", "-", "?", "unknown", "unk", "nan", "na", "n/a", "n.a.", "<na>", "none", "null", "nil"}
    | {"missing", "not stated", "not available", "not known"}
)
AGE_BANDS = {"0-29": (0, 30), "30-44": (30, 45), "45-59": (45, 60), "60-74": (60, 75), "75+": (75, 200)}
YEARS = re.compile(r"(\d+(?:\.\d*)?)\s*(?:\+|(?:years?|yrs?|y)(?:\s+old)?)?")
SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
OF_ARCHIVE = {  # terms of the ISIC Archive and its challenges -> HAM10000's
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}

AXES = ("dx", "dx_type", "sex", "age", "localization")

Unreadable = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class PatientGroup:
    """How many `images` of how many `lesions` have one value (`name`) of an axis."""

    name: str
    images: int
    lesions: int


@dataclass(frozen=True)
class Cohort:
    """`images`, `lesions`: of all the data; `groups`: axis of `AXES` -> its groups, in their order.

    Ages are in bands of years, youngest first; on the other axes the largest group comes first. Missing
    values form the group `UNKNOWN`, which comes last.
    """

    images: int
    lesions: int
    groups: Mapping[str, tuple[PatientGroup, ...]]

    @classmethod
    def load(cls, folder: Path) -> "Cohort":
        """Read `gallery.csv` of a weights folder, which lists all training data of the members."""
        table, _ = normalised(pd.read_csv(folder / "gallery.csv", usecols=["lesion", *AXES]))
        groups = {axis: _counted(table, axis) for axis in AXES}
        return cls(len(table), table["lesion"].nunique(), groups)


def years(text: str) -> float | None:
    """The age that `text` states, in years from 0 to 120; None for any other text.

    "85+" (85 or older) gives 85.
    """
    stated = YEARS.fullmatch(text)
    value = float(stated[1]) if stated else math.nan
    return value if 0 <= value <= OLDEST else None


def normalised(table: pd.DataFrame) -> tuple[pd.DataFrame, Unreadable]:
    """`table` with age, sex, localization and dx_type in one spelling, and the unreadable values.

    Ages become numbers, NaN where missing; the other three become lower case, `UNKNOWN` where missing.
    An unreadable age or sex counts as missing. A column that the table lacks is not added. The second
    result holds the unreadable values by column, each as often as it occurs.
    """
    table, unreadable = table.copy(), {}
    for column, read in READ.items():
        if column not in table.columns:
            continue
        texts = [_plain(value) for value in table[column].tolist()]
        values = [None if text in MISSING else read(text) for text in texts]
        unreadable[column] = tuple(
            str(written).strip()
            for written, text, value in zip(table[column], texts, values, strict=True)
            if value is None and text not in MISSING
        )
        if column == "age":
            table[column] = pd.Series(values, index=table.index, dtype="float64")
        else:
            known = [UNKNOWN if value is None else value for value in values]
            table[column] = pd.Series(known, index=table.index, dtype=str)
    return table, {column: values for column, values in unreadable.items() if values}


def age_bands(ages: pd.Series) -> pd.Series:
    """The band of each age in years, a name of `AGE_BANDS`, or `UNKNOWN`."""
    names = pd.Series(UNKNOWN, index=ages.index, dtype=object)
    for name, (low, high) in AGE_BANDS.items():
        names[(ages >= low) & (ages < high)] = name
    return names.astype(str)


def patient_groups(table: pd.DataFrame, column: str) -> list[tuple[str, np.ndarray]]:
    """Name and (rows,) bool mask of each non-empty group of `column` (ages by band), `UNKNOWN` last."""
    names = (age_bands(table[column]) if column == "age" else table[column]).to_numpy(str)
    return [(name, names == name) for name in sorted(set(names), key=lambda n: (n == UNKNOWN, n))]


def _counted(table: pd.DataFrame, axis: str) -> tuple[PatientGroup, ...]:
    found = [
        PatientGroup(name, int(rows.sum()), table.loc[rows, "lesion"].nunique())
        for name, rows in patient_groups(table, axis)
    ]
    largest_first = sorted(found, key=lambda group: (group.name == UNKNOWN, -group.images))
    return tuple(found if axis == "age" else largest_first)


def _plain(value: object) -> str:
    """`value` as lower-case text with single blanks and a decimal point."""
    text = " ".join(str(value).lower().split()) if not _is_none(value) else ""
    return re.sub(r"^(\d+),(\d+)$", r"\1.\2", text)


def _is_none(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


READ: Mapping[str, Callable[[str], float | str | None]] = {
    "dx_type": lambda text: OF_ARCHIVE.get(text, text),
    "age": years,
    "sex": SEXES.get,
    "localization": lambda text: text,
}
