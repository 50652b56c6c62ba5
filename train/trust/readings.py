"""What the member that had not seen an image says of each of its views, one by one.

The weights keep the average over the views alone, so the single readings are made anew, of some
lesions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skin_app.photo import Photo
from skin_app.views import VIEWS, turn
from train.trust.bench import Bench

LESIONS, CHUNK = 1000, 32


@dataclass(frozen=True)
class Readings:
    """Single readings of some out-of-fold images: `rows` (n,) of the bench's table, one image a lesion
    the lesions with several images more often among them; `logits` (n, 8, 7), view by view."""

    rows: np.ndarray
    logits: np.ndarray


def view_readings(bench: Bench, lesions: int = LESIONS, seed: int = 0) -> Readings:
    """Readings of one image each of `lesions` random lesions; kept in the bench's folder.

    View 0 is what `bench.logits[1]` has, so seven passes an image are made.
    """
    kept = bench.kept(f"view-readings-{lesions}-{seed}", lambda: _read(bench, lesions, seed))
    return Readings(np.array(kept["rows"]), np.array(kept["logits"], dtype=np.float64))


def random_lesions(lesions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows, sorted: one random image each of up to `count` lesions. `lesions`: (images,).

    Lesions are taken as their first image comes up, so those with several images are more often among
    them.
    """
    order = np.random.default_rng(seed).permutation(len(lesions))
    _, first = np.unique(lesions[order], return_index=True)
    return np.sort(order[np.sort(first)[:count]])


def turned(photo: Photo, view: int) -> Photo:
    """The photo as view number `view` shows it."""
    pixels = turn(torch.from_numpy(photo.pixels).permute(2, 0, 1), view)
    return Photo(pixels.permute(1, 2, 0).contiguous().numpy())


def _read(bench: Bench, lesions: int, seed: int) -> dict[str, Any]:
    rows = random_lesions(bench.lesions, lesions, seed)
    answers = [bench.logits[1][rows][:, None]]
    others: list[np.ndarray] = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        photos = [bench.photo(int(row)) for row in chunk]
        views = [turned(photo, view) for photo in photos for view in range(1, VIEWS)]
        logits = bench.read(np.repeat(chunk, VIEWS - 1), views).logits.double().numpy()
        others.append(logits.reshape(len(chunk), VIEWS - 1, -1))
    answers.append(np.concatenate(others))
    return {"rows": rows.tolist(), "logits": np.concatenate(answers, axis=1).round(5).tolist()}
