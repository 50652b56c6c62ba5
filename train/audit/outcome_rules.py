"""Compares rules for the outcome, out of fold. Each rule has two operating points.

A rule is a pair of target sensitivities. At or above the first point an image is suspicious; below the
second it is not suspicious (see `skin_app.outcome`). `measure` compares the rules, measures a nested
choice among them, and splits the rule in use by diagnosis and age.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.calibration import calibrated, malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.gallery.patient_table import patient_groups
from skin_app.operating_points import prediction_set
from skin_app.outcome import CLEARED_BELOW, COVERAGE, GROUNDS, SUSPICIOUS_FROM, grounds
from train.audit.conformal_sets import crossfit_sets, fit_sets
from train.audit.fitted_operating_points import (
    crossfit_calls,
    crossfit_thresholds,
    fit_threshold,
    is_malignant,
)
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, mean_estimates, ratio_estimates

Rule = tuple[float, float]
IN_USE: Rule = (SUSPICIOUS_FROM, CLEARED_BELOW)
RULES: tuple[Rule, ...] = tuple((high, low) for low in (0.98, 0.99) for high in (0.8, 0.85, 0.9))
# Limits of the nested choice: shares of all images, and of the melanomas called not suspicious.
MOST_UNCERTAIN, MOST_CLEARED = 0.3, 0.02
SHOWN = ("suspicious", "not suspicious", "uncertain")
YOUNG = 40  # years


@dataclass(frozen=True)
class Outcomes:
    """Shares of the outcomes, and of right and wrong answers among them.

    `missed_melanomas`: number of melanoma images called "not suspicious"; `missed_melanoma_lesions`:
    number of their lesions; both are means over crossfits. `grounds`: share of the images by reason.
    """

    suspicious: Estimate
    not_suspicious: Estimate
    uncertain: Estimate
    malignant_not_cleared: Estimate
    benign_among_not_suspicious: Estimate
    malignant_among_suspicious: Estimate
    malignant_called_suspicious: Estimate
    benign_not_called_suspicious: Estimate
    melanomas_cleared: Estimate
    melanomas: int
    missed_melanomas: float
    missed_melanoma_lesions: float
    grounds: dict[str, float]


@dataclass(frozen=True)
class ComparedRules:
    """`rules`: name -> outcomes of each rule of `RULES`.

    `sets_and_point`: of the rule "all diagnoses of the 90 % set are malignant, or all are benign, and
    the 98 % point agrees". `chosen`: nested, each part by the rule that is best on the other parts;
    `choices`: name of a rule -> how often it was chosen.
    `groups`: axis ("diagnosis", "age band", "melanomas by age band") -> group -> outcome -> its share.
    """

    rules: dict[str, Outcomes]
    sets_and_point: Outcomes
    chosen: Outcomes
    choices: dict[str, int]
    groups: dict[str, dict[str, dict[str, Estimate]]]


def rule_name(rule: Rule) -> str:
    """Such as "85 / 99"."""
    return " / ".join(f"{100 * target:g}" for target in rule)


def measure(crossfits: Sequence[Crossfit], images: pd.DataFrame) -> ComparedRules:
    """Every number of this section; `images`: one row per image: dx, age."""
    labels, lesions = crossfits[0].labels, crossfits[0].lesions

    def scores(found: np.ndarray) -> Outcomes:
        return outcome_scores(found, labels, lesions)

    used = crossfit_grounds(crossfits, IN_USE)
    chosen, choices = chosen_inside(crossfits)
    return ComparedRules(
        rules={rule_name(rule): scores(crossfit_grounds(crossfits, rule)) for rule in RULES},
        sets_and_point=scores(grounds_of_sets(crossfits)),
        chosen=scores(chosen),
        choices=choices,
        groups=outcomes_of_groups(used, images, lesions),
    )


def crossfit_grounds(crossfits: Sequence[Crossfit], rule: Rule = IN_USE) -> np.ndarray:
    """(crossfits, images) index into `GROUNDS`, from limits fitted outside each image's part."""
    return grounds(
        malignant_probability(np.stack([crossfit.own for crossfit in crossfits])),
        crossfit_sets(crossfits, COVERAGE),
        *(crossfit_thresholds(crossfits, target) for target in rule),
    )


def grounds_of_changed(crossfit: Crossfit, rows: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(n,) index into `GROUNDS` for changed copies of the images `rows`, (n,); refusal is ignored.

    `logits`: (n, 7) of the copies, 1 view; `crossfit`: of the images, 1 view. Calibration and limits
    are fitted outside each image's part.
    """
    found = np.zeros(len(rows), dtype=np.int64)
    for (fit, apply, images), calibration in zip(
        crossfit.each_part(), crossfit.calibrations, strict=True
    ):
        here, labels = apply[rows], crossfit.labels[fit]
        probabilities = calibrated(logits[here], calibration, 1)
        sets = prediction_set(probabilities, fit_sets(images[fit], labels, COVERAGE))
        points = (fit_threshold(images[fit], labels, target) for target in IN_USE)
        found[here] = grounds(malignant_probability(probabilities), sets, *points)
    return found


def grounds_of_sets(crossfits: Sequence[Crossfit]) -> np.ndarray:
    """The same for the rule `sets_and_point` of `ComparedRules`."""
    sets, malignant = crossfit_sets(crossfits, COVERAGE), np.array(MALIGNANT)
    bad, good = ((sets & own).any(axis=2) for own in (malignant, ~malignant))
    above = crossfit_calls(crossfits, 0.98)
    suspicious, unsure, _, cleared = range(len(GROUNDS))
    return np.select([bad & ~good & above, good & ~bad & ~above], [suspicious, cleared], unsure)


def chosen_inside(crossfits: Sequence[Crossfit]) -> tuple[np.ndarray, dict[str, int]]:
    """As `crossfit_grounds`, by the rule chosen on the other parts; and how often each was chosen."""
    found = np.zeros((len(crossfits), len(crossfits[0].labels)), dtype=np.int64)
    choices = dict.fromkeys(map(rule_name, RULES), 0)
    for place, crossfit in enumerate(crossfits):
        by_rule = {rule: crossfit_grounds([crossfit], rule)[0] for rule in RULES}
        for part in np.unique(crossfit.parts):
            rule = best_rule(crossfit.without(part))
            own = crossfit.parts == part
            found[place, own] = by_rule[rule][own]
            choices[rule_name(rule)] += 1
    return found, choices


def best_rule(crossfit: Crossfit) -> Rule:
    """The rule with the highest PPV of "suspicious" among those within both limits.

    The limits are `MOST_UNCERTAIN` and `MOST_CLEARED`; if no rule is within them, all are compared.
    """
    malignant, melanoma = is_malignant(crossfit.labels), crossfit.labels == CODES.index("mel")
    precision, kept = {}, []
    for rule in RULES:
        suspicious, cleared, unsure = by_outcome(crossfit_grounds([crossfit], rule))[:, 0]
        precision[rule] = malignant[suspicious].mean() if suspicious.any() else 0.0
        if unsure.mean() <= MOST_UNCERTAIN and cleared[melanoma].mean() <= MOST_CLEARED:
            kept.append(rule)
    return max(kept or RULES, key=precision.__getitem__)


def by_outcome(found: np.ndarray) -> np.ndarray:
    """(3, ...) bool, in the order of `SHOWN`; `found`: (...) index into `GROUNDS`."""
    names = np.array([outcome for outcome, _ in GROUNDS])[found]
    return np.stack([names == name for name in SHOWN])


def outcomes_of_groups(
    found: np.ndarray, images: pd.DataFrame, lesions: np.ndarray
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """See `ComparedRules.groups`; `found`: (crossfits, images) index into `GROUNDS`."""
    shares = by_outcome(found).mean(axis=1)
    melanoma, ages = (images["dx"] == "mel").to_numpy(), patient_groups(images, "age")
    under = f"under {YOUNG}", (images["age"] < YOUNG).to_numpy()
    axes = {
        "diagnosis": patient_groups(images, "dx"),
        "age band": ages,
        "melanomas by age band": [
            (name, rows & melanoma) for name, rows in (*ages, under) if (rows & melanoma).any()
        ],
    }
    masks = [rows for groups in axes.values() for _, rows in groups]
    columns = [np.where(rows, own, np.nan) for rows in masks for own in shares]
    estimates = iter(mean_estimates(np.column_stack(columns), lesions))
    return {
        axis: {name: {shown: next(estimates) for shown in SHOWN} for name, _ in groups}
        for axis, groups in axes.items()
    }


def outcome_scores(found: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> Outcomes:
    """`found`: (crossfits, images) index into `GROUNDS`; `labels`, `lesions`: (images,)."""
    called, cleared, unsure = by_outcome(found).mean(axis=1)
    malignant, melanoma = is_malignant(labels), labels == CODES.index("mel")
    every = np.ones(len(labels))
    ratios = {
        "suspicious": (called, every),
        "not_suspicious": (cleared, every),
        "uncertain": (unsure, every),
        "malignant_not_cleared": (malignant * (1 - cleared), malignant),
        "benign_among_not_suspicious": (cleared * ~malignant, cleared),
        "malignant_among_suspicious": (called * malignant, called),
        "malignant_called_suspicious": (called * malignant, malignant),
        "benign_not_called_suspicious": ((1 - called) * ~malignant, ~malignant),
        "melanomas_cleared": (cleared * melanoma, melanoma),
    }
    above, below = (np.column_stack(columns) for columns in zip(*ratios.values(), strict=True))
    measured = dict(zip(ratios, ratio_estimates(above, below, lesions), strict=True))
    missed = by_outcome(found)[1] & melanoma
    return Outcomes(
        **measured,
        melanomas=int(melanoma.sum()),
        missed_melanomas=float(np.mean([rows.sum() for rows in missed])),
        missed_melanoma_lesions=float(np.mean([len(np.unique(lesions[rows])) for rows in missed])),
        grounds={reason: float((found == place).mean()) for place, (_, reason) in enumerate(GROUNDS)},
    )
