"""Reports what is found in a folder of labelled images, before hours of training are spent on it."""

from collections import Counter
from collections.abc import Sequence

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import UNKNOWN
from skin_app.words.language import counted
from train.data.ham10000 import Dataset

NAMED = 5
STATED = {"age": "age", "sex": "sex", "localization": "site", "dx_type": "way of confirmation"}


def findings(data: Dataset) -> list[str]:
    """Sentences on how much was read, and what is missing, unreadable or contradictory."""
    lesions = len(set(data.groups.tolist()))
    images = counted(len(data.table), "image")
    sentences = [f"read {data.source}: {images} of {counted(lesions, 'lesion')}", *data.notes]
    if data.missing:
        images = counted(len(data.missing), "image")
        sentences.append(f"warning: left out, not found: {images}: {_some(data.missing)}")
    sentences += _unstated(data)
    for column, values in data.unreadable.items():
        examples = _some([f"{value!r}" for value in Counter(values)])
        count = counted(len(values), "value")
        sentences.append(f"warning: {column}: {count} unreadable, so missing: {examples}")
    return [*sentences, *_lesions(data), *_classes(data)]


def _unstated(data: Dataset) -> list[str]:
    """Values that the table does not state; unreadable values are reported separately."""
    absent: list[tuple[str, int]] = []
    for column, name in STATED.items():
        values = data.table[column]
        count = int((values.isna() | (values == UNKNOWN)).sum()) - len(data.unreadable.get(column, ()))
        if count:
            absent.append((name, count))
    if not absent:
        return []
    (name, count), *others = absent
    told = [f"{name} of {counted(count, 'image')}", *(f"{name} of {count:,}" for name, count in others)]
    return [f"not stated: {', '.join(told)}"]


def _lesions(data: Dataset) -> list[str]:
    """Lesions for which the table contradicts itself."""
    of_lesion: dict[int, set[str]] = {}
    for row, dx in zip(data.groups.tolist(), data.table["dx"], strict=True):
        of_lesion.setdefault(row, set()).add(str(dx))
    names = data.table["lesion_id"].tolist()
    mixed = [f"{names[row]} ({', '.join(sorted(dx))})" for row, dx in of_lesion.items() if len(dx) > 1]
    if not mixed:
        return []
    return [
        f"warning: more than one diagnosis of {counted(len(mixed), 'lesion')}: {_some(mixed)}; each "
        "image keeps its own, and a split by lesion keeps them in one fold"
    ]


def _classes(data: Dataset) -> list[str]:
    absent = [code for code in CODES if code not in set(data.table["dx"])]
    if not absent:
        return []
    return [
        f"warning: there is no image of {', '.join(absent)}: networks that are trained on these images "
        f"cannot name {'it' if len(absent) == 1 else 'them'}"
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
