"""What can be measured on kept evidence: how it was run, scores, strata, differences."""

from typing import Any

import numpy as np

from skin_app.decision import prior_adjusted
from train.data.ham10000 import DataError
from train.engine.run import start_name
from train.recipes.published import changed_fields
from train.scores.crossfit import CALIBRATED_ON
from train.scores.evidence import Evidence, on_shared_images
from train.scores.metrics import RULES, score_report
from train.scores.paired import Side, compare, has_sibling_in_training
from train.scores.strata import strata_scores
from train.scores.unseen import predicted_by


def run_numbers(evidence: Evidence) -> dict[str, Any]:
    """What was really run for one setting."""
    settings, recipe = evidence.settings, evidence.settings["recipe"]
    try:
        changed = changed_fields(recipe)
    except KeyError as error:
        raise DataError(f"{evidence.folder} was run with the recipe {error}: there is none.") from error
    histories = list(evidence.histories.values())
    return {
        "recipe": recipe["name"],
        "changed": {field: list(pair) for field, pair in changed.items()},
        "split": recipe["split"],
        "of_folds": recipe["folds"],
        "epochs": [
            {
                "stage": stage["name"],
                "ran": [len(h["stages"][number]["epochs"]) for h in histories],
                "kept": [h["stages"][number]["kept"] for h in histories],
            }
            for number, stage in enumerate(histories[0]["stages"])
        ],
        "curves": {
            str(fold): [epoch for stage in history["stages"] for epoch in stage["epochs"]]
            for fold, history in evidence.histories.items()
        },
        "size": recipe["member"]["size"],
        "backbone": recipe["member"]["architecture"],
        "start_weights": start_name(settings),
        "hardware": sorted({h["hardware"] for h in histories}),
        "processes": sorted({h["processes"] for h in histories}),
        "minutes": sum(h["minutes"] for h in histories),
        "seed": settings["seed"],
        "data_fingerprint": settings["data_fingerprint"],
        "versions": settings["versions"],
    }


def score_numbers(evidence: Evidence) -> dict[str, Any]:
    """Counts, and the score report of every number of views."""
    return {
        "folds": np.unique(evidence.folds).tolist(),
        "images": len(evidence.labels),
        "lesions": len(np.unique(evidence.lesions)),
        "calibration_of": CALIBRATED_ON,
        **{
            f"views_{views}": score_report(
                evidence.calibrated(views),
                evidence.adjusted(views),
                evidence.labels,
                evidence.lesions,
            )
            for views in sorted(evidence.logits)
        },
    }


def out_of_fold_scores(evidence: Evidence, architectures: int = 1) -> dict[str, Any]:
    """What weights say of their scores: who predicted the images, and `score_numbers`.

    `architectures`: how many members, each of another run, answered an image on average.
    """
    split = "lesion-grouped, stratified, out of fold"
    answered = predicted_by(architectures)
    if evidence.settings["recipe"].get("split") == "image":  # leaks: for comparison only
        split = "by image (an image's lesion may have been trained on), stratified, out of fold"
        answered = answered.replace("its lesion", "this image")
    return {"split": split, "predicted_by": answered, **score_numbers(evidence)}


def in_depth(evidence: Evidence) -> dict[str, Any]:
    """Strata with all views, and all views against one."""
    most = max(evidence.logits)
    report: dict[str, Any] = {
        "strata": strata_scores(evidence.table, evidence.calibrated(most), evidence.labels)
    }
    if most > 1 and 1 in evidence.logits:
        views = (_sides(evidence, most), _sides(evidence, 1))
        report["gain_of_views"] = {
            rule: compare(views[0][rule], views[1][rule]).to_dict() for rule in RULES
        }
    return report


def differences(evidence: Evidence, baseline: Evidence) -> dict[str, Any]:
    """Paired on shared images, on which alone both are calibrated; jointly by lesion where the two were
    split in different ways."""
    recipes = [e.settings.get("recipe", {}) for e in (evidence, baseline)]
    both = evidence, baseline
    if recipes[0].get("split") == recipes[1].get("split") or not all(recipes):
        both = on_shared_images(*both)
    one, other = (_sides(e, max(e.logits)) for e in both)
    return {rule: compare(one[rule], other[rule]).to_dict() for rule in RULES}


def sibling_numbers(evidence: Evidence) -> dict[str, Any]:
    """Held-out images with an image of the same lesion in training, against those without."""
    seen = has_sibling_in_training(evidence)
    sides = _sides(evidence, max(evidence.logits))
    if seen.all() or not seen.any():
        return {"with_sibling": int(seen.sum()), "without": int((~seen).sum())}
    parts = {
        name: score_report(
            sides["calibrated"].probabilities[rows],
            sides["prior_adjusted"].probabilities[rows],
            evidence.labels[rows],
            evidence.lesions[rows],
        )
        for name, rows in (("scores_with", seen), ("scores_without", ~seen))
    }
    return {
        "with_sibling": int(seen.sum()),
        "without": int((~seen).sum()),
        **parts,
        "difference": {
            rule: compare(side.only(seen), side.only(~seen)).to_dict() for rule, side in sides.items()
        },
    }


def _sides(evidence: Evidence, views: int) -> dict[str, Side]:
    calibrated = evidence.calibrated(views)
    adjusted = prior_adjusted(calibrated, evidence.frequencies)
    both = zip(RULES, (calibrated, adjusted), strict=True)
    return {rule: Side.of(evidence, probabilities) for rule, probabilities in both}
