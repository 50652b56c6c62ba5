"""The record of one analysis: what the JSON report and the machine API hold, always in English.

gradio derives the machine API's JSON schema from these types. A value is null if the weights have no
limits for it, or if it cannot be measured in the photo.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from math import isnan
from typing import TypedDict, cast

import numpy as np

from skin_app.analysis import NO_NOTES, Analysis, Notes, ToCheck
from skin_app.context import NOT_STATED_PATIENT, InContext, Patient, Sex
from skin_app.diagnoses import CODES
from skin_app.gallery.similar_lesions import SimilarLesion
from skin_app.outcome import Outcome
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import REASONS
from skin_app.words.pdf import DISCLAIMER
from skin_app.words.photo import ADVICE

FORMAT = 2  # 1 kept age and sex in `notes`, as text
MAP_DIGITS = 4


class NotesRecord(TypedDict):
    """What the clinician stated; null where nothing was."""

    site: str | None
    own_diagnosis: str | None
    text: str | None


class PatientRecord(TypedDict):
    """The patient's age in years and sex; null where not stated, or not readable (see `to_check`)."""

    age: float | None
    sex: Sex | None


class InContextRecord(TypedDict):
    """The answer with the patient's age and sex; `photo_...`: the outcomes of the photo alone."""

    probabilities: dict[str, float]
    prior_adjusted: dict[str, float]
    malignant_probability: float
    photo_outcome: Outcome | None
    photo_without_refusal: Outcome | None


class WeightsRecord(TypedDict):
    """`sha256`: of `ensemble.json`, which holds the hashes of all other files of the weights."""

    identity: str
    name: str
    source: str
    sha256: str


class DiagnosisRecord(TypedDict):
    """Both probabilities in [0, 1]; the sets are null where the weights or the photo allow none."""

    code: str
    name: str
    malignant: bool
    probability: float
    prior_adjusted: float
    in_90_set: bool | None
    in_95_set: bool | None


class PointRecord(TypedDict):
    """An operating point; intervals are [low, high] of 95 %.

    `above`: the malignant probability is at or above it, that of the photo alone or with age and sex.
    """

    target_sensitivity: float
    threshold: float
    sensitivity: float
    sensitivity_interval: list[float]
    specificity: float
    specificity_interval: list[float]
    above: bool


class FindingRecord(TypedDict):
    """What to change about the photo: `value` is beyond `limit`; both null for a fault of the file."""

    name: str
    sentence: str
    value: float | None
    limit: float | None


class CheckRecord(TypedDict):
    """Something to look at before the answer is relied on: in a few words, and as a sentence."""

    name: str
    sentence: str


class NoveltyRecord(TypedDict):
    """`score` is about 0 for images like the training data; novel above `limit`."""

    score: float
    limit: float
    is_novel: bool


class SkinToneRecord(TypedDict):
    """Of the skin around the lesion: band, angle in degrees (ITA); null where too little is seen,
    or it is grey or bluer."""

    band: str | None
    angle: float | None
    is_rare: bool


class SquareRecord(TypedDict):
    """The centre square that the networks saw, in pixels of the photo."""

    left: int
    top: int
    side: int


class SimilarRecord(TypedDict):
    """A confirmed lesion of the training data; `diagnosis` is a code, `similarity` at most 1."""

    image_id: str
    diagnosis: str
    confirmed: str
    similarity: float
    is_the_same_photo: bool
    age: float | None
    sex: str | None
    site: str | None
    link: str


class JudgedRecord(TypedDict):
    """How far to trust the answer, with age and sex where stated; null for weights without limits to
    judge it by, but for `to_check` and `quality` where something is known whatever the weights, such as
    a damaged file.

    `without_refusal`: the outcome if the photo were like the training images; else equal to `outcome`.
    `agreement`: share of readings on the answer's side of "suspicious". `to_check`: the gravest first;
    `not_checked`: which of its checks were not made, such as those of maps in an answer without maps.
    `quality`: what is wrong with the photo. `lesion_area`: share of the square. `heat_on_lesion`: share
    of each map's heat that lies on the lesion, by code, null where there is no map; null where no
    lesion stands out, or in an answer without maps. `heat_is_outside`: the first diagnosis's share is
    too small; null where it is not known.
    """

    outcome: Outcome | None
    without_refusal: Outcome | None
    reason: str | None
    agreement: float | None
    to_check: list[CheckRecord] | None
    not_checked: list[CheckRecord] | None
    quality: list[FindingRecord] | None
    novelty: NoveltyRecord | None
    skin_tone: SkinToneRecord | None
    lesion_area: float | None
    heat_on_lesion: dict[str, float | None] | None
    heat_is_outside: bool | None


class Record(JudgedRecord):
    """All that is said of one photo.

    `made_at`: ISO 8601 with time zone. `diagnoses`: seven, most probable first. `members`: each
    network's probabilities by code. `operating_points`: empty for a photo that is unlike those learnt
    from, and for weights without limits. `maps`: by code, rows of numbers in [0, 1] on one scale that
    all share, over `square`; null for a diagnosis too improbable for a map, and in an answer without
    maps. `maps_are_weak`: they were not shown to beat a spot in the middle; null where that was not
    measured. `notes`: what the clinician stated; null when nothing. `patient`: null when nothing was
    stated. `in_context`: null without an age, and for weights without a model of age and sex; all other
    probabilities are those of the photo alone.
    """

    format: int
    disclaimer: str
    made_at: str
    weights: WeightsRecord
    device: str
    views: int
    diagnoses: list[DiagnosisRecord]
    malignant_probability: float
    operating_points: list[PointRecord]
    members: list[dict[str, float]]
    maps: dict[str, list[list[float]] | None] | None
    maps_are_weak: bool | None
    square: SquareRecord
    similar: list[SimilarRecord]
    patient: PatientRecord | None
    in_context: InContextRecord | None
    notes: NotesRecord | None


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
        "patient": _patient(analysis.patient),
        "in_context": _in_context(analysis.in_context),
        "notes": _notes(notes),
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


def _patient(patient: Patient) -> PatientRecord | None:
    return None if patient == NOT_STATED_PATIENT else {"age": patient.age, "sex": patient.sex}


def _in_context(in_context: InContext | None) -> InContextRecord | None:
    if in_context is None:
        return None
    return {
        "probabilities": dict(zip(CODES, in_context.probabilities.tolist(), strict=True)),
        "prior_adjusted": dict(zip(CODES, in_context.prior_adjusted.tolist(), strict=True)),
        "malignant_probability": in_context.malignant_probability,
        "photo_outcome": in_context.photo_outcome,
        "photo_without_refusal": in_context.photo_without_refusal,
    }


def _by_code(members: np.ndarray | None) -> dict[str, bool]:
    return {} if members is None else dict(zip(CODES, map(bool, members), strict=True))


def _maps(maps: Mapping[str, np.ndarray] | None) -> dict[str, list[list[float]] | None] | None:
    if maps is None:
        return None
    rounded = {code: own.astype(np.float64).round(MAP_DIGITS).tolist() for code, own in maps.items()}
    return {code: rounded.get(code) for code in CODES}


def _points(analysis: Analysis) -> list[PointRecord]:
    probability = analysis.highest_malignant_probability
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
    checks = _checks(analysis.to_check)
    if assessment is None:
        unknown = cast(JudgedRecord, dict.fromkeys(JudgedRecord.__annotations__))
        return {**unknown, "to_check": checks, "quality": quality}
    decision, novelty, look = assessment.decision, assessment.novelty, assessment.look
    shares = assessment.heat_on_lesion
    by_code = {} if shares is None else dict(zip(CODES, map(float, shares), strict=True))
    return {
        "outcome": decision.outcome,
        "without_refusal": decision.without_refusal,
        "reason": REASONS[decision.reason],
        "agreement": decision.agreement,
        "to_check": checks,
        "not_checked": _checks(analysis.not_checked),
        "quality": quality,
        "novelty": {"score": novelty.score, "limit": novelty.limit, "is_novel": novelty.is_novel},
        "skin_tone": {"band": look.tone, "angle": look.tone_angle, "is_rare": assessment.tone_is_rare},
        "lesion_area": look.lesion_area,
        "heat_on_lesion": {c: None if isnan(own) else own for c, own in by_code.items()} or None,
        "heat_is_outside": assessment.heat_is_outside,
    }


def _checks(checks: Iterable[ToCheck] | None) -> list[CheckRecord] | None:
    if checks is None:
        return None
    return [{"name": own.name, "sentence": own.said(ENGLISH)} for own in checks]


def _similar(lesion: SimilarLesion) -> SimilarRecord:
    fields = asdict(lesion)
    return cast(SimilarRecord, {"diagnosis": fields.pop("dx"), **fields, "link": lesion.link})


def _notes(notes: Notes) -> NotesRecord | None:
    """Without blanks around the texts; None when nothing was stated."""
    stated = {name: (text or "").strip() or None for name, text in asdict(notes).items()}
    return cast(NotesRecord, stated) if any(stated.values()) else None
