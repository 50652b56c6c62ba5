"""Reads the metadata of labelled images, as their sources serve it, into HAM10000's columns.

HAM10000's table (Harvard Dataverse, copies of it, tables like it); the one-hot tables of the challenges
ISIC 2018 and 2019, with the tables of lesions or patients beside them; the ISIC Archive's metadata.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import MISSING
from skin_app.gallery.similar_lesions import COLUMNS as GALLERY
from skin_app.photo.read import READ_SUFFIXES
from skin_app.words.language import counted
from train.data.csv_tables import DataError, column_names, read_table
from train.data.isic_diagnoses import SCC, form_of, from_names, from_one_hot, only_the_seven

COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
IMAGE = ("image_id", "image", "isic_id", "image_name")
OTHER_NAMES = {"dx_type": "diagnosis_confirm_type", "age": "age_approx"}
SUFFIXES = (".csv", "", ".tab", ".tsv", ".txt")  # of tables
OURS = "ham10000_metadata"
MANY = 12
NEEDED = (
    "needed are image_id and dx (lesion_id, dx_type, age, sex and localization may be there), or those "
    "of ISIC 2018 and 2019 (image, MEL, NV, BCC, AKIEC or AK, BKL, DF, VASC), or those of the ISIC "
    "Archive (isic_id, diagnosis_1 to diagnosis_5)"
)


@dataclass(frozen=True)
class Metadata:
    """One row per image with `COLUMNS` as text, "" where the source states nothing; notes on it.

    `path`: of the table that was read. `dx` is one of the seven codes; an image without a lesion id
    has its own id for one.
    """

    path: Path
    table: pd.DataFrame
    notes: tuple[str, ...]


def read_metadata(folder: Path, scc_as_akiec: bool) -> Metadata:
    """Read the metadata table of `folder`, and for a challenge also the tables beside it.

    `scc_as_akiec`: count squamous cell carcinomas as akiec, instead of leaving them out. Raises
    `DataError`.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: pass the folder that holds the metadata CSV.")
    path, others, unread = _find(folder)
    table = read_table(path)
    form = form_of(table.columns)
    missing = [name for name, there in (("image_id", _image_column(table)), ("dx", form)) if not there]
    if missing:
        raise DataError(
            f"{path.name} has no column {', '.join(missing)}: found are {_listed(table.columns)}; "
            f"{NEEDED}."
        )
    if table.empty:
        raise DataError(f"{path.name} has no rows: it needs one row an image.")
    table = _renamed(table)
    notes = [f"{other.relative_to(folder)} is not read" for other in unread]
    if form == "dx":
        table["dx"] = table["dx"].str.lower().replace(SCC, "akiec" if scc_as_akiec else SCC)
    else:
        table["dx"] = from_one_hot(path.name, table) if form == "one-hot" else from_names(table)
        for other in others if form == "one-hot" else ():
            table, note = _joined(table, other)
            notes += note
        table, left_out = only_the_seven(path.name, table, scc_as_akiec)
        notes += left_out
    _check(path.name, table)
    table = table.reindex(columns=list(COLUMNS), fill_value="")
    unstated = table["lesion_id"].str.lower().isin(MISSING)
    table["lesion_id"] = table["lesion_id"].mask(unstated, table["image_id"])
    if unstated.any():
        alone = counted(int(unstated.sum()), "image")
        notes.append(
            f"warning: no lesion id of {alone}, so each counts as a lesion of its own: images of one "
            "lesion can then be trained on and held out at once, and scores come out too good"
        )
    return Metadata(path, table, tuple(notes))


def _find(folder: Path) -> tuple[Path, list[Path], list[Path]]:
    """The table of labels, tables with more data on the same images, and other tables of labels.

    A table in `folder` itself is preferred to those in folders directly below it, and HAM10000's own
    file name to others. Raises `DataError` if no table or several remain.
    """
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path: column_names(path) for level in (folder, *below) for path in _tables(level)}
    seen = {path: names for path, names in found.items() if not _is_of_a_run(names)}
    labelled = [path for path, names in seen.items() if _image_column(names) and form_of(names)]
    for near in ([path for path in seen if path.parent == folder], list(seen)):
        ours = [path for path in near if path.stem.lower() == OURS]
        ours.sort(key=lambda path: SUFFIXES.index(path.suffix.lower()))
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


def _tables(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and path.suffix.lower() in SUFFIXES
        and (path.suffix or path.name.lower() == OURS)
        and path.is_file()
    ]


def _is_of_a_run(names: Sequence[str]) -> bool:
    """Whether a verb of the trainer wrote the table (folds, predictions, gallery of weights)."""
    predicted = any(name.startswith("logit_") for name in names)
    return "lesion_group" in names or predicted or tuple(names) == GALLERY


def _image_column(names: Sequence[str] | pd.DataFrame) -> str | None:
    return next((name for name in IMAGE if name in names), None)


def _listed(names: Sequence[str] | pd.Index) -> str:
    shown = [name for name in names if name]
    more = f" and {len(shown) - MANY} more" if len(shown) > MANY else ""
    return (", ".join(shown[:MANY]) or "no columns") + more


def _renamed(table: pd.DataFrame) -> pd.DataFrame:
    """With HAM10000's names of columns; the site is the first of `anatom_site_*` that is stated."""
    names = {_image_column(table): "image_id"}
    names |= {other: name for name, other in OTHER_NAMES.items() if name not in table.columns}
    table = table.rename(columns=names)
    table["image_id"] = table["image_id"].map(_without_suffix)
    sites = sorted(name for name in table.columns if name.startswith("anatom_site_"))
    if "localization" not in table.columns and sites:
        sites.sort(key=lambda name: not name.startswith("anatom_site_general"))
        stated = table[sites].where(~table[sites].map(lambda site: site.lower() in MISSING))
        table["localization"] = stated.bfill(axis=1).iloc[:, 0].fillna("")
    return table


def _without_suffix(image: str) -> str:
    """The id of an image that is named as a file, with or without its folders and suffix."""
    name = image.strip().replace("\\", "/").rpartition("/")[2]
    stem, point, suffix = name.rpartition(".")
    return stem if point and f".{suffix.lower()}" in READ_SUFFIXES else name


def _joined(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """`table` with the further data on its images from the table at `path`, and a sentence on it."""
    other = _renamed(read_table(path))
    more = [name for name in COLUMNS if name in other.columns and name not in table.columns]
    ids = other["image_id"]
    if not more or not table["image_id"].isin(ids).any():
        return table, []
    if ids.duplicated().any():
        first = ids[ids.duplicated()].tolist()[0]
        raise DataError(f"{path.name} lists {first} twice: keep one row an image.")
    joined = table.merge(other[["image_id", *more]], how="left", on="image_id")
    return joined.fillna(dict.fromkeys(more, "")), [f"{', '.join(more)} taken from {path.name}"]


def _check(name: str, table: pd.DataFrame) -> None:
    """Raise `DataError` for images without an id or listed twice, and for unknown diagnoses."""
    if (table["image_id"] == "").any():
        raise DataError(f"{name} has rows without an image_id: fill them in, or delete the rows.")
    repeated = table.loc[table["image_id"].duplicated(), "image_id"].tolist()
    if repeated:
        raise DataError(
            f"{name} lists {len(repeated)} image ids twice ({', '.join(repeated[:5])}): keep "
            "one row an image."
        )
    unknown = sorted(set(table["dx"]) - set(CODES))
    if unknown:
        what = ", ".join(dx or "(empty)" for dx in unknown)
        raise DataError(
            f"{name} has diagnoses that this program does not know: {what}. Use {', '.join(CODES)}."
        )
