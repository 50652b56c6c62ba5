"""An `Analysis` as a CSV row: the same numbers everywhere."""

from pathlib import Path

import numpy as np

from skin_app.diagnoses import CODES
from skin_app.ensemble import Analysis
from skin_app.trust import Assessment

CSV_COLUMNS = (
    "file",
    *(f"p_{code}" for code in CODES),
    "top1",
    "top1_probability",
    "malignant_probability",
    "outcome",
    "prediction_set",
    "novelty",
    "quality",
    "agreement",
    "error",
)
NO_FINDING = "no finding"


def csv_row(file: Path, analysis: Analysis) -> dict[str, str]:
    """One row with the columns `CSV_COLUMNS`; probabilities are the calibrated ones, in [0, 1].

    `prediction_set`: codes of the 90 % set, joined by "+"; "none" for an empty one, nothing where it
    is switched off because the photo is novel. `novelty`: the score minus its limit, novel above 0.
    `quality`: kinds of findings, joined by "; ", or "no finding". `agreement`: in [0, 1]. All five are
    empty for weights that they were not fitted for.
    """
    best = analysis.ranked[0]
    probabilities = {
        f"p_{code}": f"{value:.6f}" for code, value in zip(CODES, analysis.probabilities, strict=True)
    }
    return {
        "file": str(file),
        **probabilities,
        "top1": best.diagnosis.code,
        "top1_probability": f"{best.probability:.6f}",
        "malignant_probability": f"{analysis.malignant_probability:.6f}",
        **_trust(analysis.assessment),
        "error": "",
    }


def _trust(assessment: Assessment | None) -> dict[str, str]:
    if assessment is None:
        return dict.fromkeys(("outcome", "prediction_set", "novelty", "quality", "agreement"), "")
    kinds = dict.fromkeys(finding.kind for finding in assessment.look.findings)
    return {
        "outcome": assessment.decision.outcome,
        "prediction_set": _codes(assessment.decision.set_90),
        "novelty": f"{assessment.novelty.score - assessment.novelty.limit:.3f}",
        "quality": "; ".join(kinds) or NO_FINDING,
        "agreement": f"{assessment.decision.agreement:.3f}",
    }


def _codes(members: np.ndarray | None) -> str:
    if members is None:
        return ""
    return "+".join(code for code, inside in zip(CODES, members, strict=True) if inside) or "none"


def error_row(file: Path, message: str) -> dict[str, str]:
    """The row of a photo that could not be analysed: its error, and nothing in place of numbers."""
    return dict.fromkeys(CSV_COLUMNS, "") | {"file": str(file), "error": message}
