"""How each photo correction changes the answers, on undamaged and on damaged images."""

from dataclasses import dataclass

import numpy as np

from skin_app.corrections import CORRECTIONS
from train.audit.changed_photos import (
    Change,
    answers,
    balanced_accuracy,
    balanced_accuracy_change,
    right,
    unchanged,
)
from train.audit.out_of_fold import OutOfFold
from train.data.damage import damaged
from train.scores.estimate import Estimate, mean_estimate

UNDAMAGED, DAMAGED = 400, 200  # images: in each of two undamaged samples, and in the damaged sample
GRADES = (2, 4)
MADE_FOR = {
    "gamma": "under-exposure",
    "illumination": "uneven illumination",
    "colour constancy": "colour cast",
    "field of view": "dark corners",
}


@dataclass(frozen=True)
class Before:
    """Scores without any correction, each on its own sample."""

    balanced_accuracy: float
    accuracy: float


@dataclass(frozen=True)
class Gains:
    """Corrected minus uncorrected on the same images."""

    balanced_accuracy: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class Repair:
    """Balanced accuracy of damaged photos, of the same photos corrected, and the paired difference."""

    damage: str
    damaged: float
    corrected: float
    difference: Estimate


@dataclass(frozen=True)
class CorrectionEffects:
    """`undamaged`: by correction; `damaged`: by correction and grade of the damage that it addresses.

    Balanced accuracy uses prior-adjusted probabilities, accuracy calibrated ones.
    `undamaged_of_damaged`: balanced accuracy of the damaged sample before the damage.
    """

    images: dict[str, int]
    before: Before
    undamaged: dict[str, Gains]
    damaged: dict[str, dict[str, Repair]]
    undamaged_of_damaged: float


@dataclass(frozen=True)
class Sample:
    """Images to be answered after each change: their rows, and the decision rule to score."""

    unseen: OutOfFold
    name: str
    rows: np.ndarray
    rule: str

    def correct(self, name: str, change: Change) -> np.ndarray:
        """(rows,) 1.0 where the answer to the changed photo is right; stores logits under `name`."""
        kept = self.unseen.kept(
            f"corrections-{self.name}-{len(self.rows)}-{name}",
            lambda: {"logits": answers(self.unseen, self.rows, change).tolist()},
        )
        return right(self.unseen, self.rows, np.array(kept["logits"]))[self.rule]

    def score(self, correct: np.ndarray) -> float:
        """Balanced accuracy."""
        return balanced_accuracy(correct, self.unseen.labels[self.rows])

    def gain(self, after: np.ndarray, before: np.ndarray) -> Estimate:
        """Balanced accuracy after minus before."""
        labels, lesions = self.unseen.labels[self.rows], self.unseen.lesions[self.rows]
        return balanced_accuracy_change(after, before, labels, lesions)


def measure(unseen: OutOfFold, images: int = UNDAMAGED, harmed: int = DAMAGED) -> CorrectionEffects:
    """`images`: size of each of the two undamaged samples; `harmed`: size of the damaged sample."""
    balanced = Sample(unseen, "balanced", unseen.sample(images), "prior_adjusted")
    natural = Sample(unseen, "natural", random_lesions(unseen, images), "calibrated")
    spoilt = Sample(unseen, "damaged", unseen.sample(harmed, seed=1), "prior_adjusted")
    before = {of.name: of.correct("plain", unchanged) for of in (balanced, natural, spoilt)}
    undamaged = {}
    for name in CORRECTIONS:
        after = {of.name: of.correct(name, corrected(name)) for of in (balanced, natural)}
        undamaged[name] = Gains(
            balanced.gain(after["balanced"], before["balanced"]),
            mean_estimate(after["natural"] - before["natural"], unseen.lesions[natural.rows]),
        )
    return CorrectionEffects(
        images={of.name: len(of.rows) for of in (balanced, natural, spoilt)},
        before=Before(balanced.score(before["balanced"]), float(before["natural"].mean())),
        undamaged=undamaged,
        damaged={
            name: {str(grade): repair(spoilt, name, grade) for grade in GRADES} for name in CORRECTIONS
        },
        undamaged_of_damaged=spoilt.score(before["damaged"]),
    )


def repair(sample: Sample, name: str, grade: int) -> Repair:
    """The effect of correction `name` on the damage that it addresses."""
    harmed = harm(name, grade)
    broken = sample.correct(f"{name}-{grade}", harmed)
    mended = sample.correct(
        f"{name}-{grade}-corrected", lambda photo, row: CORRECTIONS[name](harmed(photo, row))
    )
    return Repair(
        MADE_FOR[name], sample.score(broken), sample.score(mended), sample.gain(mended, broken)
    )


def harm(name: str, grade: int) -> Change:
    """The damage that correction `name` addresses."""
    return lambda photo, row: damaged(photo, MADE_FOR[name], grade, row)


def corrected(name: str) -> Change:
    """The photo after correction `name`."""
    return lambda photo, _row: CORRECTIONS[name](photo)


def random_lesions(unseen: OutOfFold, count: int) -> np.ndarray:
    """One image of each of `count` random lesions, with HAM10000's mix of diagnoses."""
    order = np.random.default_rng(0).permutation(len(unseen.table))
    _, first = np.unique(unseen.lesions[order], return_index=True)
    return np.sort(np.random.default_rng(1).permutation(order[first])[:count])
