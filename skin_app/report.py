"""An `Analysis` as a CSV row: the same numbers everywhere."""

from pathlib import Path

from skin_app.diagnoses import CODES
from skin_app.ensemble import Analysis

CSV_COLUMNS = (
    "file",
    *(f"p_{code}" for code in CODES),
    "top1",
    "top1_probability",
    "malignant_probability",
    "error",
)


def csv_row(file: Path, analysis: Analysis) -> dict[str, str]:
    """One row with the columns `CSV_COLUMNS`; probabilities are the calibrated ones, in [0, 1]."""
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
        "error": "",
    }


def error_row(file: Path, message: str) -> dict[str, str]:
    """The row of a photo that could not be analysed: its error, and nothing in place of numbers."""
    return dict.fromkeys(CSV_COLUMNS, "") | {"file": str(file), "error": message}
