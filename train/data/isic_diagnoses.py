"""HAM10000's seven classes from the diagnoses of the ISIC challenges and of the ISIC Archive.

HAM10000's classes as their authors describe them (Tschandl et al., Scientific Data 5, 180161): akiec
holds Bowen's disease, a squamous cell carcinoma in situ, beside actinic keratoses; bkl holds
seborrheic keratoses, solar lentigines and lichen-planus like keratoses; vasc holds angiomas,
angiokeratomas, pyogenic granulomas and haemorrhage. An invasive squamous cell carcinoma is none of the
seven, and a metastasis of a melanoma does not look like the melanomas that mel holds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import MISSING
from skin_app.words.language import counted
from train.data.csv_tables import DataError

IDS = frozenset(f"ISIC_{number:07}" for number in range(24_306, 34_321))  # all that HAM10000 published
SCC = "scc"
ONE_HOT = {code: code for code in CODES} | {"ak": "akiec", SCC: SCC, "unk": ""}
TRUTH = {"true": "1", "false": "0", "": "0"}
TEXTS = (*(f"diagnosis_{depth}" for depth in range(1, 6)), "diagnosis")
NAMES = {
    "nv": ("nevus", "blue nevus", "spitz nevus", "melanocytic nevus", "nevus spilus"),
    "mel": (
        *("melanoma", "melanoma in situ", "melanoma invasive"),
        *("lentigo maligna", "lentigo maligna melanoma"),
    ),
    "bcc": ("basal cell carcinoma",),
    "akiec": (
        *("actinic keratosis", "solar or actinic keratosis", "bowen's disease", "bowen disease"),
        "squamous cell carcinoma in situ",
    ),
    "bkl": (
        *("pigmented benign keratosis", "seborrheic keratosis", "solar lentigo", "lichenoid keratosis"),
        *("lichen planus like keratosis", "lichen planus-like keratosis", "benign keratosis"),
    ),
    "df": ("dermatofibroma",),
    "vasc": (
        *("benign soft tissue proliferations - vascular", "vascular lesion", "hemorrhagic lesions"),
        *("hemangioma", "angioma", "cherry angioma", "angiokeratoma", "pyogenic granuloma"),
    ),
    SCC: ("squamous cell carcinoma", "squamous cell carcinoma invasive"),
    "": ("melanoma metastasis",),
}
CLASS_OF = {name: code for code, names in NAMES.items() for name in names}


def form_of(columns: Sequence[str] | pd.Index) -> str | None:
    """How these columns state diagnoses: "dx", "one-hot", "names"; None if they state none."""
    if "dx" in columns:
        return "dx"
    if {*CODES} - {"akiec"} <= {*columns} and {"akiec", "ak"} & {*columns}:
        return "one-hot"
    return "names" if {*TEXTS} & {*columns} else None


def from_one_hot(name: str, table: pd.DataFrame) -> pd.Series:
    """The class of each row (`SCC` and "" among them), of which exactly one column must be 1.

    `name`: of the table's file, for the `DataError` that this raises.
    """
    names = [column for column in ONE_HOT if column in table.columns]
    cells = table[names].map(lambda cell: TRUTH.get(cell.lower(), cell.replace(",", ".")))
    values = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = ((values == 1).sum(axis=1) != 1) | ((values != 0).sum(axis=1) != 1)
    if wrong.any():
        ids = table.loc[wrong, "image_id"].tolist()
        raise DataError(
            f"{name} has {len(ids)} rows without exactly one 1 among the diagnoses "
            f"({', '.join(ids[:3])}{', ...' if ids[3:] else ''}): give each image one diagnosis, or "
            "delete the rows."
        )
    return pd.Series([ONE_HOT[names[place]] for place in values.argmax(axis=1)], table.index)


def from_names(table: pd.DataFrame) -> pd.Series:
    """The class of each row (`SCC` and "" among them) by the Archive's names of its diagnosis."""
    names = [name for name in TEXTS if name in table.columns]
    return pd.Series([diagnosis(row) for row in table[names].itertuples(index=False)], table.index)


def diagnosis(names: Iterable[str]) -> str:
    """The class (possibly `SCC`) of an image, from its names, general to specific; "" for none.

    The most specific known name decides: "Nevus" when "Nevus, of a new sort" follows it.
    """
    for name in reversed(list(names)):
        # "Melanoma, NOS" is a melanoma; "Nevus sebaceous" would be no naevus
        whole = " ".join(name.lower().split())
        for known in (whole, whole.partition(",")[0]):
            if known in CLASS_OF:
                return CLASS_OF[known]
    return ""


def only_the_seven(
    name: str, table: pd.DataFrame, scc_as_akiec: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose `dx` is one of the seven, and sentences on what was left out or counted as akiec.

    Squamous cell carcinomas count as akiec in HAM10000's own images, as published, and in all with
    `scc_as_akiec`. Raises `DataError` naming the file `name` if no row remains.
    """
    dx, notes = table["dx"].copy(), []
    published = table["image_id"].isin(IDS)
    for rows, why in ((published, "as in HAM10000"), (~published & scc_as_akiec, "--scc-as-akiec")):
        cases = (dx == SCC) & rows
        if cases.any():
            number = counted(int(cases.sum()), "squamous cell carcinoma")
            notes.append(f"counted as akiec ({why}): {number}")
            dx[cases] = "akiec"
    table = table.assign(dx=dx)
    kept = dx.isin(CODES) & _dermatoscopic(table)
    out = table.loc[~kept]
    if len(out):
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in Counter(_left_out(out)).most_common())
        hint = "; --scc-as-akiec counts squamous cell carcinomas as akiec"
        images = counted(len(out), "image")
        notes.append(
            f"left out, none of the seven diagnoses: {images}: {reasons}"
            f"{hint if (out['dx'] == SCC).any() else ''}"
        )
    if len(out) == len(table):
        raise DataError(f"{name} has no image of {', '.join(CODES)} ({notes[-1]}): use another.")
    return table.loc[kept].reset_index(drop=True), notes


def _dermatoscopic(table: pd.DataFrame) -> pd.Series:
    """Which images are dermatoscopic, as far as the ISIC Archive says."""
    if "image_type" not in table.columns:
        return pd.Series(True, table.index)
    types = table["image_type"].str.lower()
    return types.isin(MISSING) | types.str.startswith(("dermoscopic", "dermatoscopic"))


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    """For each row, why it is left out: its type of picture, or its most specific diagnosis."""
    texts = [name for name in TEXTS[::-1] if name in table.columns]
    for (row, dx), dermatoscopic in zip(table["dx"].items(), _dermatoscopic(table), strict=True):
        if not dermatoscopic:
            yield f"not dermatoscopic ({table.loc[row, 'image_type']})"
        elif texts:
            yield next((str(name) for name in table.loc[row, texts] if str(name)), "no diagnosis")
        else:
            yield SCC.upper() if dx == SCC else "UNK"
