"""One CSV row for each photo, as the command line, the page and the machine API give them."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import CODES

FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
CSV_COLUMNS = (
    "file",
    *(f"p_{code}" for code in CODES),
    "top1",
    "top1_probability",
    "malignant_probability",
    "outcome",
    "without_refusal",
    "prediction_set",
    "novelty",
    "quality",
    "to_check",
    "agreement",
    "age",
    "sex",
    "photo_outcome",
    *(f"p_{code}_in_context" for code in CODES),
    "top1_in_context",
    "malignant_probability_in_context",
    "error",
)
NUMBER_COLUMNS = (
    *(f"p_{code}" for code in CODES),
    *("top1_probability", "malignant_probability", "novelty", "agreement", "age"),
    *(f"p_{code}_in_context" for code in CODES),
    "malignant_probability_in_context",
)
NO_FINDING = "no finding"


def csv_row(file: Path, analysis: Analysis) -> dict[str, str]:
    """One row with the columns `CSV_COLUMNS`; probabilities are the calibrated ones, in [0, 1].

    `without_refusal`: the outcome if the photo were not novel; else equal to `outcome`.
    `prediction_set`: codes of the 90 % set, joined by "+"; "none" for an empty one, nothing where it is
    switched off because the photo is novel. `novelty`: the score minus its limit, novel above 0.
    `quality`: names of findings, `to_check`: of all that is to be checked, joined by "; ", or "no
    finding". `agreement`: in [0, 1]. `outcome`, `without_refusal` and `prediction_set` take the
    patient's `age` and `sex` into account; all else but the columns `..._in_context` is of the photo
    alone. Those are empty without an age. Columns are empty for weights that they were not fitted for,
    but for `quality` and `to_check` where something is known all the same.
    """
    best = analysis.ranked[0]
    row = dict.fromkeys(CSV_COLUMNS, "") | {
        "file": str(file),
        "top1": best.diagnosis.code,
        "top1_probability": f"{best.probability:.6f}",
        "malignant_probability": f"{analysis.malignant_probability:.6f}",
    }
    for code, value in zip(CODES, analysis.probabilities, strict=True):
        row[f"p_{code}"] = f"{value:.6f}"
    if analysis.findings is not None:
        row["quality"] = _joined(finding.name for finding in analysis.findings)
    if analysis.to_check is not None:
        row["to_check"] = _joined(check.name for check in analysis.to_check)
    if (assessment := analysis.assessment) is not None:
        row["outcome"] = assessment.decision.outcome
        row["without_refusal"] = assessment.decision.without_refusal
        row["prediction_set"] = _codes(assessment.decision.set_90)
        row["novelty"] = f"{assessment.novelty.score - assessment.novelty.limit:.3f}"
        row["agreement"] = f"{assessment.decision.agreement:.3f}"
    return row | _context_cells(analysis)


def _context_cells(analysis: Analysis) -> dict[str, str]:
    """The cells on the patient, and on the answer with age and sex."""
    patient, in_context = analysis.patient, analysis.in_context
    cells = {
        "age": "" if patient.age is None else f"{patient.age:g}",
        "sex": patient.sex or "",
        "photo_outcome": analysis.photo_outcome or "",
    }
    if in_context is not None:
        for code, value in zip(CODES, in_context.probabilities, strict=True):
            cells[f"p_{code}_in_context"] = f"{value:.6f}"
        cells["top1_in_context"] = CODES[int(in_context.probabilities.argmax())]
        cells["malignant_probability_in_context"] = f"{in_context.malignant_probability:.6f}"
    return cells


def _joined(names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(names)) or NO_FINDING


def _codes(members: np.ndarray | None) -> str:
    if members is None:
        return ""
    return "+".join(code for code, inside in zip(CODES, members, strict=True) if inside) or "none"


def error_row(file: Path, message: str) -> dict[str, str]:
    """The row of a photo that could not be analysed: its error, and nothing in place of numbers."""
    return dict.fromkeys(CSV_COLUMNS, "") | {"file": str(file), "error": message}


def with_numbers(row: Mapping[str, str]) -> dict[str, str | float | None]:
    """A row of `csv_row` or `error_row` with numbers for `NUMBER_COLUMNS`, None where it has none."""
    return {**row, **{name: float(row[name]) if row[name] else None for name in NUMBER_COLUMNS}}


def csv_text(rows: Iterable[Mapping[str, str]]) -> str:
    """A header and `rows` (as `csv_row` and `error_row` give them) for a spreadsheet.

    File names come from outside: a cell that a spreadsheet would take for a formula gets a leading
    apostrophe.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow(without_formulas(row))
    return text.getvalue()


def without_formulas(row: Mapping[str, str]) -> dict[str, str]:
    """A CSV row in which no cell is one that a spreadsheet would run."""
    return {column: _no_formula(cell) for column, cell in row.items()}


def _no_formula(cell: str) -> str:
    if not cell.startswith(FORMULA_MARKS):
        return cell
    try:
        float(cell)  # a negative number starts like a formula but is none
    except ValueError:
        return f"'{cell}"
    return cell
