"""Writes an `Analysis` as JSON record and CSV row, with the same numbers; `pdf.py` prints the record.

The machine API returns the record too, so it is always English. A value is null if the weights have no
limits for it, or if it cannot be measured in the photo.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import cast

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import CODES
from skin_app.gallery.similar_lesions import SimilarLesion
from skin_app.report.record import (
    NO_NOTES,
    NOT_JUDGED,
    CheckRecord,
    DiagnosisRecord,
    FindingRecord,
    JudgedRecord,
    Notes,
    PointRecord,
    Record,
    SimilarRecord,
)
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import REASONS
from skin_app.words.pdf import DISCLAIMER
from skin_app.words.photo import ADVICE

FORMAT = 1
MAP_DIGITS = 4
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
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
    "to_check",
    "agreement",
    "error",
)
NO_FINDING = "no finding"


def csv_row(file: Path, analysis: Analysis) -> dict[str, str]:
    """One row with the columns `CSV_COLUMNS`; probabilities are the calibrated ones, in [0, 1].

    `prediction_set`: codes of the 90 % set, joined by "+"; "none" for an empty one, nothing where it
    is switched off because the photo is novel. `novelty`: the score minus its limit, novel above 0.
    `quality`: names of findings, `to_check`: of all that is to be checked, joined by "; ", or "no
    finding". `agreement`: in [0, 1]. All are empty for weights that they were not fitted for, but for
    `quality` and `to_check` where something is known all the same.
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
        **_trust(analysis),
        "error": "",
    }


def _trust(analysis: Analysis) -> dict[str, str]:
    columns = ("outcome", "prediction_set", "novelty", "quality", "to_check", "agreement")
    cells: dict[str, str] = dict.fromkeys(columns, "")
    if analysis.findings is not None:
        cells["quality"] = _joined(finding.name for finding in analysis.findings)
    if analysis.to_check is not None:
        cells["to_check"] = _joined(check.name for check in analysis.to_check)
    if (assessment := analysis.assessment) is not None:
        cells |= {
            "outcome": assessment.decision.outcome,
            "prediction_set": _codes(assessment.decision.set_90),
            "novelty": f"{assessment.novelty.score - assessment.novelty.limit:.3f}",
            "agreement": f"{assessment.decision.agreement:.3f}",
        }
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


def record_json(record: Record) -> str:
    """The record as strict JSON (no NaN), in UTF-8 text."""
    return json.dumps(record, allow_nan=False, ensure_ascii=False, indent=1)


def record(analysis: Analysis, made_at: datetime | None = None, notes: Notes = NO_NOTES) -> Record:
    """All that an analysis says, ready for JSON.

    `made_at`: when, with its time zone, now by default; `notes`: what the clinician states. Raises
    `ValueError` for a time without a zone.
    """
    made_at = made_at or datetime.now().astimezone()
    if made_at.tzinfo is None:
        raise ValueError("Pass the time with its time zone.")
    weights = analysis.weights
    trust = weights.contract.trust
    left, top, side = analysis.square
    return {
        "format": FORMAT,
        "disclaimer": DISCLAIMER,
        "made_at": made_at.isoformat(timespec="seconds"),
        "weights": {
            "identity": weights.identity,
            "name": weights.contract.name,
            "source": weights.source,
            "sha256": weights.hash,
        },
        "device": analysis.device,
        "views": analysis.views,
        "diagnoses": _diagnoses(analysis),
        "malignant_probability": analysis.malignant_probability,
        "operating_points": _points(analysis),
        "members": [dict(zip(CODES, map(float, row), strict=True)) for row in analysis.members],
        **_judged(analysis),
        "maps_are_weak": None if trust is None else trust.maps_are_weak,
        "maps": _maps(analysis.maps),
        "square": {"left": left, "top": top, "side": side},
        "similar": [_similar(lesion) for lesion in analysis.similar],
        "notes": notes.recorded(),
    }


def _diagnoses(analysis: Analysis) -> list[DiagnosisRecord]:
    decision = None if analysis.assessment is None else analysis.assessment.decision
    in_90, in_95 = _by_code(decision and decision.set_90), _by_code(decision and decision.set_95)
    return [
        {
            "code": entry.diagnosis.code,
            "name": entry.diagnosis.name,
            "malignant": entry.diagnosis.malignant,
            "probability": entry.probability,
            "prior_adjusted": entry.prior_adjusted,
            "in_90_set": in_90.get(entry.diagnosis.code),
            "in_95_set": in_95.get(entry.diagnosis.code),
        }
        for entry in analysis.ranked
    ]


def _by_code(members: np.ndarray | None) -> dict[str, bool]:
    return {} if members is None else dict(zip(CODES, map(bool, members), strict=True))


def _maps(maps: np.ndarray | None) -> dict[str, list[list[float]]] | None:
    if maps is None:
        return None
    return dict(zip(CODES, maps.astype(np.float64).round(MAP_DIGITS).tolist(), strict=True))


def _points(analysis: Analysis) -> list[PointRecord]:
    probability = analysis.malignant_probability
    return [
        cast(PointRecord, point.model_dump(mode="json") | {"above": probability >= point.threshold})
        for point in analysis.operating_points
    ]


def _judged(analysis: Analysis) -> JudgedRecord:
    assessment, found = analysis.assessment, analysis.findings
    quality: list[FindingRecord] | None = None
    if found is not None:
        quality = [
            {"name": f.name, "sentence": ADVICE[f.fault], "value": f.value, "limit": f.limit}
            for f in found
        ]
    checks: list[CheckRecord] | None = None
    if analysis.to_check is not None:
        checks = [{"name": own.name, "sentence": own.said(ENGLISH)} for own in analysis.to_check]
    if assessment is None:
        return {**NOT_JUDGED, "to_check": checks, "quality": quality}
    decision, novelty, look = assessment.decision, assessment.novelty, assessment.look
    shares = assessment.heat_on_lesion
    return {
        "outcome": decision.outcome,
        "reason": REASONS[decision.reason],
        "agreement": decision.agreement,
        "to_check": checks,
        "quality": quality,
        "novelty": {"score": novelty.score, "limit": novelty.limit, "is_novel": novelty.is_novel},
        "skin_tone": {
            "band": look.tone,
            "angle": look.tone_angle,
            "is_rare": assessment.tone_is_rare,
        },
        "lesion_area": look.lesion_area,
        "heat_on_lesion": None
        if shares is None
        else {
            code: None if isnan(share) else float(share)
            for code, share in zip(CODES, shares, strict=True)
        },
        "heat_is_outside": assessment.heat_is_outside,
    }


def _similar(lesion: SimilarLesion) -> SimilarRecord:
    return {
        "image_id": lesion.image_id,
        "diagnosis": lesion.dx,
        "confirmed": lesion.confirmed,
        "similarity": lesion.similarity,
        "is_the_same_photo": lesion.is_the_same_photo,
        "age": lesion.age,
        "sex": lesion.sex,
        "site": lesion.site,
        "link": lesion.link,
    }
