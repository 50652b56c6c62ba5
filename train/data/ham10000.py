"""Reads HAM10000 (or any folder in its layout), and says what is missing or contradictory in it.

Layout: a metadata table as `metadata.py` reads it, and the images `<image_id>.jpg` (or one of
`READ_SUFFIXES`, or without any) beside it or in folders below it.
Source: Tschandl et al., Scientific Data 5, 180161 (2018).
"""

import filecmp
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import UNKNOWN, normalised
from skin_app.photo.read import READ_SUFFIXES
from skin_app.words.language import counted
from train.data.csv_tables import DataError
from train.data.folds import group_lesions, stratified_rows
from train.data.metadata import read_metadata

# always read as text: an id such as 0012 is no number
TEXT = dict.fromkeys(("image_id", "lesion_id", "lesion", "lesion_group", "dx"), str)

USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
NAMED = 5  # examples in a sentence
STATED = {"age": "age", "sex": "sex", "localization": "site", "dx_type": "way of confirmation"}


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    `table`: one row per image with the columns `metadata.COLUMNS`, `path`, `label` (0 to 6, in the
    order of `CODES`) and `group` (one number per lesion, published duplicates joined). `missing`: ids
    of images that the CSV names and that were not found. `fingerprint`: SHA-256 over ids, diagnoses,
    groups and file sizes. `source`: name of the table that was read; `notes`: sentences on how it was
    read. `unreadable`: column -> its unreadable values, which count as missing. `scc_as_akiec`:
    whether squamous cell carcinomas were counted as akiec.
    """

    table: pd.DataFrame
    fingerprint: str
    missing: tuple[str, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()
    unreadable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scc_as_akiec: bool = False

    @property
    def labels(self) -> np.ndarray:
        return self.table["label"].to_numpy(np.int64)

    @property
    def groups(self) -> np.ndarray:
        return self.table["group"].to_numpy(np.int64)

    def part(self, images: int, seed: int) -> "Dataset":
        """The images of `stratified_rows`; the fingerprint stays that of the whole.

        Raises `DataError` when some diagnosis would have no image.
        """
        rows = stratified_rows(self.labels, self.groups, images, seed)
        lost = np.setdiff1d(self.labels, self.labels[rows])
        if len(lost):
            codes = ", ".join(CODES[label] for label in lost)
            raise DataError(f"{images} images leave none of {codes}: ask for more.")
        _, first, group = np.unique(self.groups[rows], return_index=True, return_inverse=True)
        table = self.table.iloc[rows].reset_index(drop=True).assign(group=first[group])
        return Dataset(table, self.fingerprint, scc_as_akiec=self.scc_as_akiec)


def read_dataset(folder: Path, allow_missing: bool = False, scc_as_akiec: bool = False) -> Dataset:
    """Read the folder's metadata table and find its images.

    `scc_as_akiec`: count squamous cell carcinomas as akiec instead of leaving them out. Raises
    `DataError` for a missing or ambiguous table, missing columns, unknown diagnoses, duplicate ids, two
    different images of one id and (unless `allow_missing`) missing images.
    """
    metadata = read_metadata(folder, scc_as_akiec)
    table = metadata.table
    paths = _image_paths(folder, set(table["image_id"]))
    found = table["image_id"].isin(list(paths))
    missing = table.loc[~found, "image_id"].tolist()
    if not found.any():
        raise DataError(
            f"None of the {len(table)} images that the CSV names is under {folder}: "
            "put the image folders beside the CSV."
        )
    if missing and not allow_missing:
        raise DataError(
            f"{len(missing)} of {len(table)} images are missing under {folder} "
            f"({_some(missing)}): add them, or pass --allow-missing to go on without them."
        )
    table, unreadable = normalised(table.loc[found].reset_index(drop=True))
    table["path"] = [str(paths[image_id]) for image_id in table["image_id"]]
    table["label"] = table["dx"].map({code: index for index, code in enumerate(CODES)}).astype(int)
    table["group"] = group_lesions(table)
    return Dataset(
        table,
        _fingerprint(table),
        tuple(missing),
        str(metadata.path.relative_to(folder)),
        metadata.notes,
        unreadable,
        scc_as_akiec,
    )


def _image_paths(folder: Path, ids: set[str]) -> dict[str, Path]:
    """Where the image of each id is, in `folder` or below it.

    If there are several, a usual format is preferred. Byte-identical copies are ignored (a common
    download holds every image twice); raises `DataError` for two different files of one
    id.
    """
    found: dict[bool, dict[str, Path]] = {True: {}, False: {}}
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for path in (Path(parent, name) for name in sorted(names)):
            suffix = path.suffix.lower()
            id_of = path.stem if suffix in READ_SUFFIXES else path.name
            if id_of not in ids:
                continue
            other = found[suffix in USUAL_SUFFIXES].setdefault(id_of, path)
            if other != path and not filecmp.cmp(other, path, shallow=False):
                raise DataError(
                    f"There are two different images {id_of}, {other.relative_to(folder)} and "
                    f"{path.relative_to(folder)}: keep only the one to train on in {folder}."
                )
    return found[False] | found[True]


def _fingerprint(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    columns = (table[name].tolist() for name in ("image_id", "dx", "group", "path"))
    for image_id, dx, group, path in zip(*columns, strict=True):
        digest.update(f"{image_id},{dx},{group},{Path(path).stat().st_size}\n".encode())
    return digest.hexdigest()


def dataset_findings(data: Dataset) -> list[str]:
    """Sentences on how much was read, and what is missing, unreadable or contradictory.

    They are told before hours of training are spent on the images.
    """
    table = data.table
    images, lesions = counted(len(table), "image"), counted(len(np.unique(data.groups)), "lesion")
    sentences = [f"read {data.source}: {images} of {lesions}", *data.notes]
    if data.missing:
        images = counted(len(data.missing), "image")
        sentences.append(f"warning: left out, not found: {images}: {_some(data.missing)}")
    counts = {  # of values that the table does not state; unreadable ones are told below
        name: int((table[column].isna() | (table[column] == UNKNOWN)).sum())
        - len(data.unreadable.get(column, ()))
        for column, name in STATED.items()
    }
    absent = [(name, count) for name, count in counts.items() if count]
    if absent:
        (name, count), *others = absent
        told = [f"{name} of {counted(count, 'image')}", *(f"{own} of {n:,}" for own, n in others)]
        sentences.append(f"not stated: {', '.join(told)}")
    for column, values in data.unreadable.items():
        examples = _some([f"{value!r}" for value in Counter(values)])
        count = counted(len(values), "value")
        sentences.append(f"warning: {column}: {count} unreadable, so missing: {examples}")
    mixed = [
        f"{own['lesion_id'].iloc[0]} ({', '.join(sorted(set(own['dx'])))})"
        for _, own in table.groupby("group")
        if own["dx"].nunique() > 1
    ]
    if mixed:
        sentences.append(
            f"warning: more than one diagnosis of {counted(len(mixed), 'lesion')}: {_some(mixed)}; "
            "each image keeps its own, and a split by lesion keeps them in one fold"
        )
    lacking = [code for code in CODES if code not in set(table["dx"])]
    if lacking:
        sentences.append(
            f"warning: there is no image of {', '.join(lacking)}: networks that are trained on these "
            f"images cannot name {'it' if len(lacking) == 1 else 'them'}"
        )
    return sentences


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
