"""Kinds of members: unlike networks that were trained on the same folds and answer together.

An image is answered by one member of each kind, those that were not trained on its lesion. Their
logits are averaged; the evaluation table keeps each kind's own beside the average.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from train.data.ham10000 import TEXT
from train.engine.predict import views_label

WORDS = {2: "two", 3: "three", 4: "four"}


def unseen_members(kinds: int) -> str:
    """Who answers an image out of fold, in words."""
    if kinds == 1:
        return "the one member that was not trained on its lesion"
    return f"the {WORDS.get(kinds, kinds)} members that were not trained on its lesion"


def predicted_by(kinds: int) -> str:
    """Who predicted the images that scores are of, in words."""
    if kinds == 1:
        return "one member an image: the one that was not trained on its lesion"
    number = WORDS.get(kinds, str(kinds))
    return (
        f"{number} members an image, of unlike kinds and averaged: those that were not trained on its "
        "lesion"
    )


def columns_of_kind(views: int, kind: int) -> list[str]:
    """Names of the columns that hold the logits of one kind of member (0: the first) alone."""
    return [f"logit_{views_label(views)}_{code}_of_{kind}" for code in CODES]


def logits_of_kinds(table: Path, views: Iterable[int], kinds: int) -> dict[int, np.ndarray]:
    """Number of views -> (images, kinds, 7), of the `out_of_fold.csv` of a weights folder.

    Of weights with one kind of member these are its averages.
    """
    read = pd.read_csv(table, dtype=TEXT)
    found = {}
    for count in views:
        names = [columns_of_kind(count, kind) for kind in range(kinds)]
        if kinds == 1:
            names = [[f"logit_{views_label(count)}_{code}" for code in CODES]]
        found[count] = np.stack([read[own].to_numpy(np.float64) for own in names], axis=1)
    return found
