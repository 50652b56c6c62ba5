"""What there is to know about the labelled images of a folder before hours are spent on them."""

from collections import Counter
from collections.abc import Sequence

from skin_app.diagnoses import CODES
from skin_app.patients import UNKNOWN
from train.ham10000 import Dataset
from train.layouts import counted

NAMED = 5


def findings(data: Dataset) -> list[str]:
    """A sentence each: how much was read, and what is missing, unreadable or contradictory."""
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
    table = data.table
    absent = {
        "ages": int(table["age"].isna().sum()),
        "sexes": int((table["sex"] == UNKNOWN).sum()),
        "sites": int((table["localization"] == UNKNOWN).sum()),
        "ways of confirmation": int((table["dx_type"] == UNKNOWN).sum()),
    }
    stated = ", ".join(f"{name} {count:,}" for name, count in absent.items() if count)
    return [f"not stated: {stated}"] if stated else []


def _lesions(data: Dataset) -> list[str]:
    """Lesions of which the table says two things."""
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
