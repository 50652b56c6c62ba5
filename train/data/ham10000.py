"""Read HAM10000 (or any folder in its layout), group images of one lesion, cache decoded pixels.

Layout: a metadata table as `train/data/layouts.py` reads it, and the images `<image_id>.jpg` (or one of
`READ_SUFFIXES`, or without any) beside it or in folders below it.
Source: Tschandl et al., Scientific Data 5, 180161 (2018).
"""

import filecmp
import hashlib
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import MISSING, normalised
from skin_app.photo.read import READ_SUFFIXES, PhotoError, read_photo
from skin_app.result_files import beside
from skin_app.views import centre_square
from skin_app.words.language import counted
from train.data.layouts import COLUMNS, DataError, Labels, read_labels, without_suffix

# always read as text: an id such as 0012 is no number
TEXT = dict.fromkeys(("image_id", "lesion_id", "lesion", "lesion_group", "dx"), str)

USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
IDS = frozenset(f"ISIC_{number:07}" for number in range(24_306, 34_321))  # all that were published

# Images of one lesion under two lesion ids: Abhishek et al., Scientific Data (2025).
SAME_LESION = """
0033481/0033421 0033556/0032634 0029152/0033173 0029036/0027027 0027820/0028209 0027689/0032647
0030906/0024879 0033391/0034186 0025226/0030074 0026087/0025664 0024736/0029748 0024770/0027811
0027162/0029061 0024602/0032283 0029625/0024629 0030000/0031392 0024437/0031299 0033374/0033417
"""


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    `table`: one row per image with the columns `COLUMNS`, `path`, `label` (0 to 6, in the order of
    `CODES`) and `group` (one number per lesion, published duplicates joined). `missing`: ids of images
    that the CSV names and that were not found. `fingerprint`: SHA-256 over ids, diagnoses, groups and
    file sizes. `source`: name of the table that was read; `notes`: sentences on how it was read.
    `unreadable`: column -> its unreadable values, which count as missing. `scc_as_akiec`: whether
    squamous cell carcinomas were counted as akiec.
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


def read_dataset(folder: Path, allow_missing: bool = False, scc_as_akiec: bool = False) -> Dataset:
    """Read the folder's metadata table and find its images.

    `scc_as_akiec`: count squamous cell carcinomas as akiec instead of leaving them out. Raises
    `DataError` for a missing or ambiguous table, missing columns, unknown diagnoses, duplicate ids, two
    different images of one id and (unless `allow_missing`) missing images.
    """
    labels = read_labels(folder, scc_as_akiec, IDS)
    table, notes = _checked(labels)
    paths = _image_paths(folder, set(table["image_id"]))
    found = table["image_id"].isin(list(paths))
    missing = table.loc[~found, "image_id"].tolist()
    if missing:
        if not found.any():
            raise DataError(
                f"None of the {len(table)} images that the CSV names is under {folder}: "
                "put the image folders beside the CSV."
            )
        if not allow_missing:
            raise DataError(
                f"{len(missing)} of {len(table)} images are missing under {folder} "
                f"({', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}): add them, or pass "
                "--allow-missing to go on without them."
            )
        table = table.loc[found].reset_index(drop=True)
    table, unreadable = normalised(table)
    table["path"] = [str(paths[image_id]) for image_id in table["image_id"]]
    table["label"] = table["dx"].map({code: index for index, code in enumerate(CODES)}).astype(int)
    table["group"] = group_lesions(table)
    source = str(labels.path.relative_to(folder))
    fingerprint = _fingerprint(table)
    return Dataset(table, fingerprint, tuple(missing), source, notes, unreadable, scc_as_akiec)


def _checked(labels: Labels) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of `labels` with all of `COLUMNS`, "" where the source has none, and what to say of it.

    Raises `DataError`.
    """
    table, name = labels.table.copy(), labels.path.name
    if (table["image_id"] == "").any():
        raise DataError(f"{name} has rows without an image_id: fill them in, or delete the rows.")
    table["image_id"] = table["image_id"].map(without_suffix)
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
    for column in COLUMNS:
        if column not in table.columns:
            table[column] = ""
    stated = ~table["lesion_id"].str.lower().isin(MISSING)
    table["lesion_id"] = table["lesion_id"].where(stated, table["image_id"])
    alone = int((~stated).sum())
    note = (
        f"warning: no lesion id of {counted(alone, 'image')}, so each counts as a lesion of its own: "
        "images of one lesion can then be trained on and held out at once, and scores come out too good"
    )
    return table[list(COLUMNS)], (*labels.notes, note) if alone else labels.notes


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


def group_lesions(table: pd.DataFrame) -> np.ndarray:
    """One number per lesion: union-find over lesion ids and the published duplicate pairs.

    Returns (images,) int64, the position of the first image of each lesion.
    """
    parent = list(range(len(table)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    first: dict[str, int] = {}
    for row, lesion in enumerate(table["lesion_id"]):
        join(first.setdefault(lesion, row), row)
    row_of = {image: row for row, image in enumerate(table["image_id"])}
    for pair in SAME_LESION.split():
        one, other = (row_of.get(f"ISIC_{number}") for number in pair.split("/"))
        if one is not None and other is not None:
            join(one, other)
    return np.array([root(row) for row in range(len(table))], dtype=np.int64)


def _fingerprint(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    columns = (table[name].tolist() for name in ("image_id", "dx", "group", "path"))
    for image_id, dx, group, path in zip(*columns, strict=True):
        digest.update(f"{image_id},{dx},{group},{Path(path).stat().st_size}\n".encode())
    return digest.hexdigest()


def cached_squares(data: Dataset, side: int, folder: Path) -> np.ndarray:
    """Every image's centre square, decoded once: (images, 3, side, side) uint8, memory-mapped.

    Raises `DataError` naming the first images that cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pixels = folder / f"squares-{side}-{data.fingerprint[:12]}.npy"
    if pixels.is_file():
        return np.load(pixels, mmap_mode="r")
    shape = (len(data.table), 3, side, side)
    # a mapped file is filled page by page: a full disk would kill the process silently
    needed, free = int(np.prod(shape)), shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"The decoded pixels need {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are "
            "free: free some space, or choose another --out."
        )
    with beside(pixels) as partial:
        _decode_all(data, side, partial, shape)
    return np.load(pixels, mmap_mode="r")


def _decode_all(data: Dataset, side: int, path: Path, shape: tuple[int, ...]) -> None:
    cache = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    broken: list[str] = []

    def decode(row: int) -> None:
        try:
            photo = read_photo(str(data.table["path"].iloc[row]))
        except PhotoError as error:
            broken.append(f"{data.table['image_id'].iloc[row]}: {error}")
            return
        image = torch.from_numpy(photo.pixels).permute(2, 0, 1)
        cache[row] = centre_square(image, side).mul(255).round().to(torch.uint8).numpy()

    with ThreadPoolExecutor(2) as pool:
        list(tqdm(pool.map(decode, range(len(data.table))), "decode", len(data.table), mininterval=5))
    if broken:
        raise DataError(
            f"{len(broken)} images cannot be decoded ({'; '.join(sorted(broken)[:3])}): replace them "
            "or take their rows out of the CSV."
        )
    cache.flush()
