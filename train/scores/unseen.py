"""Out-of-fold answers: which members had not seen the lesion of an image.

A weights folder holds one run, or several runs of different architectures on the same folds. Each run
has one member that had not seen the lesion; the logits of these members are averaged. With several
runs, the evaluation table holds the logits of each run beside the average.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from train.data.ham10000 import TEXT
from train.engine.fold import views_label


def unseen_members(runs: int) -> str:
    """In words, the members that answer an image."""
    if runs == 1:
        return "the one member that was not trained on its lesion"
    return f"the {runs} members that were not trained on its lesion"


def predicted_by(runs: int) -> str:
    """In words, the members that predicted the scored images, as the weights state it."""
    if runs == 1:
        return "one member an image: the one that was not trained on its lesion"
    return f"{runs} members an image, averaged: those that were not trained on its lesion"


def columns_of_run(views: int, run: int) -> list[str]:
    """The columns of `out_of_fold.csv` that hold the logits of one run (from 0) alone."""
    return [f"logit_{views_label(views)}_{code}_of_{run}" for code in CODES]


def logits_by_run(table: Path, views: Iterable[int], runs: int) -> dict[int, np.ndarray]:
    """Number of views -> (images, runs, 7), from the `out_of_fold.csv` of a weights folder."""
    read = pd.read_csv(table, dtype=TEXT)
    found = {}
    for count in views:
        average = [f"logit_{views_label(count)}_{code}" for code in CODES]
        names = [columns_of_run(count, run) for run in range(runs)] if runs > 1 else [average]
        found[count] = np.stack([read[own].to_numpy(np.float64) for own in names], axis=1)
    return found
