"""What the members that had not seen an image say of each of its views, one by one.

The weights keep the average over the views alone, so the single readings are made anew, of some
lesions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_app.views import VIEWS
from train.audit.bench import Bench

LESIONS, CHUNK = 1000, 32


@dataclass(frozen=True)
class Readings:
    """Single readings of some out-of-fold images: `rows` (n,) of the bench's table, one image a lesion
    the lesions with several images more often among them; `logits` (n, kinds, 8, 7), of each kind of
    member, view by view."""

    rows: np.ndarray
    logits: np.ndarray

    def of(self, views: int) -> np.ndarray:
        """(n, readings, 7) logits of the first `views` views, of all kinds of members."""
        first = self.logits[:, :, :views]
        return first.reshape(len(first), -1, first.shape[-1])


def view_readings(bench: Bench, lesions: int = LESIONS, seed: int = 0) -> Readings:
    """Readings of one image each of `lesions` random lesions; kept in the bench's folder."""
    kept = bench.kept(f"readings-{lesions}-{seed}", lambda: _read(bench, lesions, seed), VIEWS)
    return Readings(np.array(kept["rows"]), np.array(kept["logits"], dtype=np.float64))


def random_lesions(lesions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows, sorted: one random image each of up to `count` lesions. `lesions`: (images,).

    Lesions are taken as their first image comes up, so those with several images are more often among
    them.
    """
    order = np.random.default_rng(seed).permutation(len(lesions))
    _, first = np.unique(lesions[order], return_index=True)
    return np.sort(order[np.sort(first)[:count]])


def _read(bench: Bench, lesions: int, seed: int) -> dict[str, Any]:
    rows = random_lesions(bench.lesions, lesions, seed)
    logits: list[np.ndarray] = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        photos = [bench.photo(int(row)) for row in chunk]
        answers = bench.read(chunk, photos, VIEWS)
        logits.append(np.stack([answer.by_view.double().numpy() for answer in answers], axis=1))
    return {"rows": rows.tolist(), "logits": np.concatenate(logits).round(5).tolist()}
