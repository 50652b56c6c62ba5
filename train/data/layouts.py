"""Reads the metadata of labelled images, as their sources serve it, into HAM10000's columns.

HAM10000's table (Harvard Dataverse, copies of it, tables like it); the one-hot tables of the challenges
ISIC 2018 and 2019, with the tables of lesions or patients beside them; the ISIC Archive's metadata.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import MISSING
from skin_app.gallery.similar_lesions import COLUMNS as GALLERY
from skin_app.photo.read import READ_SUFFIXES
from skin_app.words.language import counted
from train.data.archive import SCC, diagnosis
from train.data.tables import TableError, column_names, read_table

COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
IMAGE = ("image_id", "image", "isic_id", "image_name")
OTHER_NAMES = {"dx_type": "diagnosis_confirm_type", "age": "age_approx"}
ONE_HOT = {code: code for code in CODES} | {"ak": "akiec", SCC: SCC, "unk": ""}
TEXTS = (*(f"diagnosis_{depth}" for depth in range(1, 6)), "diagnosis")
TRUTH = {"true": "1", "false": "0", "": "0"}
TABLES = (".csv", "", ".tab", ".tsv", ".txt")
OURS = "ham10000_metadata"
MANY = 12
NEEDED = (
    "needed are image_id and dx (lesion_id, dx_type, age, sex and localization may be there), or those "
    "of ISIC 2018 and 2019 (image, MEL, NV, BCC, AKIEC or AK, BKL, DF, VASC), or those of the ISIC "
    "Archive (isic_id, diagnosis_1 to diagnosis_5)"
)


class DataError(ValueError):
    """The data folder cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Labels:
    """One row per image, as text, with those of `COLUMNS` that the source has; and notes on it.

    `dx` is one of the seven codes, or in a table like HAM10000's whatever value it states.
    """

    path: Path
    table: pd.DataFrame
    notes: tuple[str, ...]


def read_labels(folder: Path, scc_as_akiec: bool, of_ham10000: frozenset[str]) -> Labels:
    """Read the metadata table of `folder`, and for a challenge also the tables beside it.

    `scc_as_akiec`: count squamous cell carcinomas as akiec, instead of leaving them out.
    `of_ham10000`: ids of HAM10000's images, whose squamous cell carcinomas count as akiec, as
    published. Raises `DataError`.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: pass the folder that holds the metadata CSV.")
    path, others, unread = _find(folder)
    table = _read(path)
    image, kind = _image_column(table.columns), _kind(table.columns)
    missing = [name for name, there in (("image_id", image), ("dx", kind)) if there is None]
    if image is None or missing:
        raise DataError(
            f"{path.name} has no column {', '.join(missing)}: found are {_listed(table.columns)}; "
            f"{NEEDED}."
        )
    if table.empty:
        raise DataError(f"{path.name} has no rows: it needs one row an image.")
    table = _renamed(table, image)
    notes = [f"{other.relative_to(folder)} is not read" for other in unread]
    if kind == "one-hot":
        table["dx"] = _one_hot(path, table)
        for other in others:
            table, note = _joined(table, other)
            notes += note
    elif kind == "names":
        table["dx"] = _named(table)
    if kind == "dx":
        table["dx"] = table["dx"].str.lower().replace(SCC, "akiec" if scc_as_akiec else SCC)
    else:
        table["dx"], counts = _with_scc(table, scc_as_akiec, of_ham10000)
        table, left_out = _without_the_others(path, table)
        notes += counts + left_out
    return Labels(path, table.reindex(columns=[n for n in COLUMNS if n in table.columns]), tuple(notes))


def _find(folder: Path) -> tuple[Path, list[Path], list[Path]]:
    """The table of labels, tables with more data on the same images, and other tables of labels.

    A table in `folder` itself is preferred to those in folders directly below it, and HAM10000's own
    file name to others. Raises `DataError` if no table or several remain.
    """
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path: column_names(path) for level in (folder, *below) for path in _tables(level)}
    seen = {path: names for path, names in found.items() if not _is_of_a_run(names)}
    labelled = [path for path, names in seen.items() if _is_labelled(names)]
    for depth in (1, 2):
        near = [path for path in seen if len(path.relative_to(folder).parts) <= depth]
        ours = sorted((path for path in near if path.stem.lower() == OURS), key=_place)
        chosen = ours[:1] or [path for path in near if path in labelled]
        if len(chosen) > 1:
            names = ", ".join(str(path.relative_to(folder)) for path in chosen)
            raise DataError(
                f"{folder} holds {len(chosen)} tables of diagnoses ({names}): keep only the one to use "
                "there, or name it HAM10000_metadata.csv."
            )
        if chosen:
            others = [p for p, names in seen.items() if _image_column(names) and p not in labelled]
            return chosen[0], others, [path for path in labelled if path != chosen[0]]
    if len(seen) == 1:
        return next(iter(seen)), [], []  # whose columns are then told
    told = "; ".join(f"{path.name} has {_listed(names)}" for path, names in seen.items())
    raise DataError(
        f"{folder} holds {len(seen)} CSV files, none with the columns of images and their diagnoses"
        f"{': ' + told if told else ''}; {NEEDED}."
    )


def _place(path: Path) -> int:
    return TABLES.index(path.suffix.lower())


def _tables(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and path.suffix.lower() in TABLES
        and (path.suffix or path.name.lower() == OURS)
        and path.is_file()
    ]


def _read(path: Path) -> pd.DataFrame:
    try:
        return read_table(path)
    except TableError as error:
        raise DataError(f"{path.name} {error}.") from error


def _image_column(names: Sequence[str] | pd.Index) -> str | None:
    return next((name for name in IMAGE if name in names), None)


def _kind(names: Sequence[str] | pd.Index) -> str | None:
    """The form of the diagnoses: "dx", "one-hot", "names"; None where there are none."""
    if "dx" in names:
        return "dx"
    if {*CODES} - {"akiec"} <= {*names} and {"akiec", "ak"} & {*names}:
        return "one-hot"
    return "names" if {*TEXTS} & {*names} else None


def _is_of_a_run(names: Sequence[str]) -> bool:
    """Whether a verb of the trainer wrote the table (folds, predictions, gallery of weights)."""
    predicted = any(name.startswith("logit_") for name in names)
    return "lesion_group" in names or predicted or tuple(names) == GALLERY


def _is_labelled(names: Sequence[str]) -> bool:
    return _image_column(names) is not None and _kind(names) is not None


def _listed(names: Sequence[str] | pd.Index) -> str:
    shown = [name for name in names if name]
    more = f" and {len(shown) - MANY} more" if len(shown) > MANY else ""
    return (", ".join(shown[:MANY]) or "no columns") + more


def _renamed(table: pd.DataFrame, image: str) -> pd.DataFrame:
    """With HAM10000's names of columns; the site is the first of `anatom_site_*` that is stated."""
    table = table.rename(columns={image: "image_id"})
    for name, other in OTHER_NAMES.items():
        if name not in table.columns and other in table.columns:
            table = table.rename(columns={other: name})
    sites = sorted(name for name in table.columns if name.startswith("anatom_site_"))
    if "localization" not in table.columns and sites:
        sites.sort(key=lambda name: not name.startswith("anatom_site_general"))
        stated = table[sites].where(~table[sites].map(lambda site: site.lower() in MISSING))
        table["localization"] = stated.bfill(axis=1).iloc[:, 0].fillna("")
    return table


def _one_hot(path: Path, table: pd.DataFrame) -> pd.Series:
    """The class of each row (`SCC` and "" among them), of which exactly one column must be 1."""
    names = [name for name in ONE_HOT if name in table.columns]
    cells = table[names].map(lambda cell: TRUTH.get(cell.lower(), cell.replace(",", ".")))
    values = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = (values == 1).sum(axis=1) != 1
    wrong |= (values != 0).sum(axis=1) != 1
    if wrong.any():
        ids = table.loc[wrong, "image_id"].tolist()
        raise DataError(
            f"{path.name} has {len(ids)} rows without exactly one 1 among the diagnoses "
            f"({', '.join(ids[:3])}{', ...' if ids[3:] else ''}): give each image one diagnosis, or "
            "delete the rows."
        )
    return pd.Series([ONE_HOT[names[place]] for place in values.argmax(axis=1)], table.index)


def _named(table: pd.DataFrame) -> pd.Series:
    """The class of each row (`SCC` and "" among them) by the names of its diagnosis."""
    names = [name for name in TEXTS if name in table.columns]
    return pd.Series([diagnosis(row) for row in table[names].itertuples(index=False)], table.index)


def _joined(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """`table` with the further data on its images from the table at `path`, and a sentence on it."""
    other = _read(path)
    other = _renamed(other, str(_image_column(other.columns)))
    more = [name for name in COLUMNS if name in other.columns and name not in table.columns]
    keys, other_keys = (own["image_id"].map(without_suffix) for own in (table, other))
    if not more or not keys.isin(set(other_keys)).any():
        return table, []
    if other_keys.duplicated().any():
        first = other_keys[other_keys.duplicated()].tolist()[0]
        raise DataError(f"{path.name} lists {first} twice: keep one row an image.")
    joined = other[more].set_axis(pd.Index(other_keys), axis=0).reindex(pd.Index(keys)).fillna("")
    table = pd.concat([table, joined.set_axis(table.index, axis=0)], axis=1)
    return table, [f"{', '.join(more)} taken from {path.name}"]


def without_suffix(image: str) -> str:
    """The id of an image that is named as a file, with or without its folders and suffix."""
    name = image.strip().replace("\\", "/").rpartition("/")[2]
    stem, point, suffix = name.rpartition(".")
    return stem if point and f".{suffix.lower()}" in READ_SUFFIXES else name


def _with_scc(
    table: pd.DataFrame, scc_as_akiec: bool, of_ham10000: frozenset[str]
) -> tuple[pd.Series, list[str]]:
    """The diagnoses, squamous cell carcinomas among them as akiec where they count so; and how many."""
    dx, notes = table["dx"].copy(), []
    published = table["image_id"].map(without_suffix).isin(of_ham10000)
    for rows, why in ((published, "as in HAM10000"), (~published & scc_as_akiec, "--scc-as-akiec")):
        cases = (dx == SCC) & rows
        if cases.any():
            number = counted(int(cases.sum()), "squamous cell carcinoma")
            notes.append(f"counted as akiec ({why}): {number}")
            dx[cases] = "akiec"
    return dx, notes


def _without_the_others(path: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the seven diagnoses, and a sentence on what was left out, if anything."""
    notes = []
    kept = table["dx"].isin(CODES) & _dermatoscopic(table)
    out = table.loc[~kept]
    if len(out):
        names = ", ".join(f"{name} {n:,}" for name, n in Counter(_left_out(out)).most_common())
        hint = (
            "; --scc-as-akiec counts squamous cell carcinomas as akiec"
            if (out["dx"] == SCC).any()
            else ""
        )
        images = counted(len(out), "image")
        notes.append(f"left out, none of the seven diagnoses: {images}: {names}{hint}")
    if len(out) == len(table):
        raise DataError(f"{path.name} has no image of {', '.join(CODES)} ({notes[-1]}): use another.")
    return table.loc[kept].reset_index(drop=True), notes


def _dermatoscopic(table: pd.DataFrame) -> pd.Series:
    """Which images are dermatoscopic, as far as the ISIC Archive says."""
    if "image_type" not in table.columns:
        return pd.Series(True, table.index)
    kinds = table["image_type"].str.lower()
    return kinds.isin(MISSING) | kinds.str.startswith(("dermoscopic", "dermatoscopic"))


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    """For each row, why it is left out: its kind of picture, or its most specific diagnosis."""
    texts = [name for name in TEXTS if name in table.columns]
    rows = zip(table["dx"], _dermatoscopic(table), table.index, strict=True)
    for dx, dermatoscopic, row in rows:
        if not dermatoscopic:
            yield f"not dermatoscopic ({table.loc[row, 'image_type']})"
        elif texts:
            yield next((str(n) for n in table.loc[row, texts[::-1]] if str(n)), "no diagnosis")
        else:
            yield SCC.upper() if dx == SCC else "UNK"
