"""How often each outcome is given, and how often it is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES
from skin_app.outcome import COVERAGE, GROUNDS, SENSITIVITY, grounds
from train.audit.conformal_sets import COVERAGES, crossfit_sets
from train.audit.operating_points import SENSITIVITIES, crossfit_thresholds, is_malignant
from train.scores.crossfit import Crossfit
from train.scores.estimate import Estimate, ratio_estimates

MELANOMA = CODES.index("mel")


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


def rule_name(coverage: float = COVERAGE, sensitivity: float = SENSITIVITY) -> str:
    """The name of a pair of prediction set and operating point; by default the pair in use."""
    return f"{coverage:g} set, {sensitivity:g} point"


def crossfit_grounds(
    crossfits: Sequence[Crossfit],
    coverage: float,
    sensitivity: float,
    disagree: np.ndarray | None = None,
) -> np.ndarray:
    """(crossfits, images) index into `GROUNDS`, from limits fitted outside each image's part.

    `disagree`: (images,) bool, whether the readings disagree; None counts as False for all images.
    """
    no = np.array(False)
    return grounds(
        malignant_probability(np.stack([crossfit.own for crossfit in crossfits])),
        crossfit_sets(crossfits, coverage),
        crossfit_thresholds(crossfits, sensitivity),
        disagree=no if disagree is None else disagree,
        novel=no,
    )


def outcome_scores(found: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> Outcomes:
    """`found`: (crossfits, images) index into `GROUNDS`; `labels`, `lesions`: (images,)."""
    names = np.array([outcome for outcome, _ in GROUNDS])[found]
    called, cleared, unsure = (
        (names == name).mean(axis=0) for name in ("suspicious", "not suspicious", "uncertain")
    )
    malignant, melanoma = is_malignant(labels), labels == MELANOMA
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
    missed = [(row == "not suspicious") & melanoma for row in names]
    return Outcomes(
        **measured,
        melanomas=int(melanoma.sum()),
        missed_melanomas=float(np.mean([rows.sum() for rows in missed])),
        missed_melanoma_lesions=float(np.mean([len(np.unique(lesions[rows])) for rows in missed])),
        grounds={reason: float((found == place).mean()) for place, (_, reason) in enumerate(GROUNDS)},
    )


def measure(crossfits: Sequence[Crossfit]) -> dict[str, Outcomes]:
    """Outcomes of all images for every pair of set and point; ignores the agreement of readings."""
    labels, lesions = crossfits[0].labels, crossfits[0].lesions
    return {
        rule_name(coverage, sensitivity): outcome_scores(
            crossfit_grounds(crossfits, coverage, sensitivity), labels, lesions
        )
        for coverage in COVERAGES
        for sensitivity in SENSITIVITIES
    }


def measure_with_agreement(
    crossfit: Crossfit, rows: np.ndarray, disagree: np.ndarray
) -> dict[str, Outcomes]:
    """Outcomes of the images `rows`, without and with the agreement of their readings.

    `disagree`: (n,) bool, whether the readings of each of these images disagree.
    """
    below = np.zeros(len(crossfit.labels), dtype=bool)
    below[rows] = disagree
    return {
        name: outcome_scores(
            crossfit_grounds([crossfit], COVERAGE, SENSITIVITY, asked)[:, rows],
            crossfit.labels[rows],
            crossfit.lesions[rows],
        )
        for name, asked in (("without agreement", None), ("with agreement", below))
    }
