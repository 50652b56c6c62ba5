"""Measures the shipped weights from the out-of-fold predictions stored in them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skin_app.weights.evaluation import confusions
from skin_app.weights.folder import open_weights
from train.scores.crossfit import CALIBRATED_ON, Bias
from train.scores.estimate import Estimate, shown
from train.scores.evidence import Evidence, weights_evidence
from train.scores.metrics import Scores, scores_by_rule
from train.scores.paired import Compared, compared, sides
from train.scores.plain import plain
from train.scores.strata import Stratum, strata
from train.scores.unseen import predicted_by

CONFUSED = 6


@dataclass(frozen=True)
class Members:
    """The members of one run in the weights. `kept_epochs`: fold -> epoch kept, and epochs run."""

    members: int
    backbone: str
    size: int
    view_sizes: tuple[int, ...]
    start_weights: str
    kept_epochs: dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Confused:
    """Images of class `true` predicted as `called`; `share`: of all images of class `true`."""

    true: str
    called: str
    images: int
    share: float


@dataclass(frozen=True)
class WeightsNumbers:
    """How the shipped weights were trained, and the scores of their out-of-fold predictions.

    `scores`: number of views -> the scores shown; `by_rule`: all scores from the largest number of
    views; `confused`: the most frequent errors; `gain_of_views`: the largest number of views minus one
    view.
    """

    name: str
    recipe: str
    runs: tuple[Members, ...]
    seed: int
    data_fingerprint: str
    folds: tuple[int, ...]
    of_folds: int
    images: int
    lesions: int
    bias: Bias
    scores: dict[int, dict[str, Estimate]]
    by_rule: dict[str, Scores]
    confused: tuple[Confused, ...]
    gain_of_views: Compared
    strata: tuple[Stratum, ...]


def measure_weights(folder: Path, evidence: Evidence) -> WeightsNumbers:
    """The numbers of a weights folder. `evidence`: its `shipped_evidence`."""
    contract = open_weights(folder).contract
    training = contract.training
    scored = {
        views: scores_by_rule(evidence.by_rule(views), evidence.labels, evidence.lesions)
        for views in (1, evidence.views)
    }
    counts = np.array(scored[evidence.views]["calibrated"].confusion_matrix.counts)
    return WeightsNumbers(
        name=contract.name,
        recipe=training.recipe["name"],
        runs=tuple(
            Members(
                len(run.shipped),
                run.recipe["member"]["architecture"],
                run.recipe["member"]["size"],
                tuple(run.recipe["member"].get("view_sizes", ())),
                run.start_weights,
                dict(run.kept_epochs),
            )
            for run in contract.trainings
        ),
        seed=training.seed,
        data_fingerprint=training.data_fingerprint,
        folds=evidence.fold_numbers,
        of_folds=training.recipe["folds"],
        images=len(evidence.labels),
        lesions=len(np.unique(evidence.lesions)),
        bias=evidence.bias,
        scores={views: shown(scores) for views, scores in scored.items()},
        by_rule=scored[evidence.views],
        confused=tuple(
            Confused(pair.true.code, pair.called.code, pair.images, pair.share)
            for pair in confusions(counts)[:CONFUSED]
        ),
        gain_of_views=compared("all views", "one view", sides(evidence), sides(evidence, views=1)),
        strata=strata(evidence.table, evidence.calibrated(), evidence.labels),
    )


def shipped_evidence(folder: Path) -> Evidence:
    """The evidence in a weights folder; uses the calibration of `train audit` if that was run."""
    evidence = weights_evidence(folder)
    audited = open_weights(folder).contract.trust is not None
    return replace(evidence, bias="chosen") if audited else evidence


def out_of_fold_scores(evidence: Evidence, runs: int = 1) -> dict[str, Any]:
    """The scores block of a weights folder: which members predicted the images, all scores as JSON.

    `runs`: how many members, each of another run, answered an image on average.
    """
    split = "lesion-grouped, stratified, out of fold"
    answered = predicted_by(runs)
    if evidence.settings["recipe"].get("split") == "image":  # leaks: for comparison only
        split = "by image (an image's lesion may have been trained on), stratified, out of fold"
        answered = answered.replace("its lesion", "this image")
    report: dict[str, Any] = {
        "split": split,
        "predicted_by": answered,
        "folds": list(evidence.fold_numbers),
        "images": len(evidence.labels),
        "lesions": len(np.unique(evidence.lesions)),
        "calibration_of": CALIBRATED_ON,
    }
    for views in sorted(evidence.logits):
        found = scores_by_rule(evidence.by_rule(views), evidence.labels, evidence.lesions)
        report[f"views_{views}"] = plain(found)
    return report
