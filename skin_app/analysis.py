"""The result for one photo, `Analysis`. Every screen, report, file and API answer is made from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np

from skin_app.calibration import malignant_probability, prior_adjusted
from skin_app.context import NOT_STATED_PATIENT, ContextModel, InContext, Patient, patient_notes
from skin_app.diagnoses import CODES, DIAGNOSES, Diagnosis
from skin_app.gallery.similar_lesions import SimilarLesion
from skin_app.operating_points import OperatingPoint
from skin_app.outcome import Outcome, decide
from skin_app.overlay import for_display, overlay
from skin_app.photo.read import Photo
from skin_app.quality import Finding
from skin_app.trust import Assessment
from skin_app.weights.folder import WeightsFolder
from skin_app.words.language import ENGLISH, Say
from skin_app.words.outcome import HEAT_NOT_CHECKED, TO_CHECK
from skin_app.words.patient import PATIENT_NOTES
from skin_app.words.photo import ADVICE

NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})


@dataclass(frozen=True)
class Ranked:
    """One diagnosis with its calibrated and its prior-adjusted probability, both in [0, 1].

    `in_context`: the calibrated one with the patient's age and sex, None without an age.
    """

    diagnosis: Diagnosis
    probability: float
    prior_adjusted: float
    in_context: float | None = None


@dataclass(frozen=True)
class ToCheck:
    """Something to check before relying on the answer.

    `name`: a few words, for tables. `sentence`: what to check, in English; `values`: shares in [0, 1]
    or words that fill the sentence's placeholders.
    """

    name: str
    sentence: str
    values: Mapping[str, float | str] = field(default_factory=dict)

    def said(self, say: Say) -> str:
        """The sentence in a language, with its values filled in."""
        values = {
            place: say(value) if isinstance(value, str) else say.percent(value)
            for place, value in self.values.items()
        }
        return say(self.sentence, **values)


@dataclass(frozen=True)
class Notes:
    """What the clinician states: printed and kept in the JSON, never shown to the networks."""

    site: str | None = None
    own_diagnosis: str | None = None
    text: str | None = None


NO_NOTES = Notes()


@dataclass(frozen=True, eq=False)
class Analysis:
    """The complete result for one photo. (7,) is in the order of `DIAGNOSES`; shares are in [0, 1].

    The answer:
        probabilities           (7,) float64, calibrated: under HAM10000's class frequencies; sums to 1
        prior_adjusted          (7,) float64, as if all seven were equally common; sums to 1
        malignant_probability   `probabilities` of akiec, bcc and mel together
        members                 (members, 7) float64: each network's own calibrated probabilities
        views                   how many views were averaged: 1, 4 or 8
    Where it was seen:
        maps                    code -> (rows, columns) float32 in [0, 1], on one scale for all, of the
                                upright view (embedded weights: 20 x 20), most probable first; of the
                                first `heatmap.count_with_map` diagnoses; None in an answer without maps
        grad_cam_maps           the same diagnoses' Grad-CAM, mean of all networks and views, on a scale
                                of its own and a coarser grid (embedded weights: 14 x 14)
        square                  (left, top, side) in pixels of the photo: what both kinds of maps cover
    What it rests on:
        embedding               (channels,) float32 of the first member and view (embedded weights: 384)
        similar                 the nearest confirmed lesions, most similar first
        assessment              how far to trust it; None where the weights carry no limits to judge by
        file_findings           faults of the photo's file, which are known without limits
        weights, device         what computed it
        gpu_was_full            whether the CPU computed it because the memory of the GPU was full
        photo                   the photo or a smaller copy; None where it was not kept
    The patient, from `with_patient`:
        patient                 age and sex, where stated
        in_context              the answer with them; None where no age is stated, or the weights have
                                no model of age and sex
    """

    probabilities: np.ndarray
    prior_adjusted: np.ndarray
    malignant_probability: float
    members: np.ndarray = field(repr=False)
    maps: Mapping[str, np.ndarray] | None = field(repr=False)
    square: tuple[int, int, int] = field(repr=False)
    embedding: np.ndarray = field(repr=False)
    similar: tuple[SimilarLesion, ...] = field(repr=False)
    views: int
    assessment: Assessment | None = field(repr=False)
    weights: WeightsFolder = field(repr=False)
    device: str = field(repr=False)
    gpu_was_full: bool = field(default=False, repr=False, kw_only=True)
    file_findings: tuple[Finding, ...] = field(default=(), repr=False)
    photo: Photo | None = field(default=None, repr=False)
    patient: Patient = NOT_STATED_PATIENT
    in_context: InContext | None = field(default=None, repr=False)
    grad_cam_maps: Mapping[str, np.ndarray] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The outcome, and the seven diagnoses with their calibrated probabilities, one a line.

        If the patient's age is stated, a second column has the probabilities with it.
        """
        rows = [
            f"{own.probability:6.1%}  "
            + ("" if own.in_context is None else f"{own.in_context:6.1%}  ")
            + own.diagnosis.name
            for own in self.ranked
        ]
        outcome = "no outcome: the weights carry no limits"
        if self.assessment is not None:
            outcome = self.assessment.decision.shown
        return "\n".join([outcome, *rows])

    @property
    def ranked(self) -> tuple[Ranked, ...]:
        """The seven diagnoses, most probable (calibrated, photo alone) first."""
        return ranked(self.probabilities, self.prior_adjusted, self.in_context)

    @property
    def outcome(self) -> Outcome | None:
        """ "suspicious", "not suspicious", "uncertain" or "not dermatoscopic"; None where the weights
        carry no limits to judge by.

        "not dermatoscopic" means: unlike the training images. The outcome that the answer would have
        otherwise is in `assessment.decision.without_refusal`.
        """
        return None if self.assessment is None else self.assessment.decision.outcome

    @property
    def photo_outcome(self) -> Outcome | None:
        """The outcome of the photo alone, whatever the patient's age and sex."""
        return self.outcome if self.in_context is None else self.in_context.photo_outcome

    @property
    def highest_malignant_probability(self) -> float:
        """Compared with the thresholds: the higher of photo alone and with age and sex, in [0, 1]."""
        in_context = 0.0 if self.in_context is None else self.in_context.malignant_probability
        return max(self.malignant_probability, in_context)

    @property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        """The measured thresholds for "malignant". Empty where they do not apply: for weights without
        limits, and for photos unlike the training images."""
        trust = self.weights.contract.trust
        if trust is None or self.assessment is None or self.assessment.novelty.is_novel:
            return ()
        return trust.decisions.of(self.views).operating_points

    @property
    def findings(self) -> tuple[Finding, ...] | None:
        """Faults of the photo; None where the weights carry no limits and the file has no fault."""
        if self.assessment is not None:
            return self.assessment.look.findings
        return self.file_findings or None

    @property
    def to_check(self) -> tuple[ToCheck, ...] | None:
        """What to check before relying on the answer, most serious first.

        None where the weights carry no limits and nothing is known without them. The page, the report,
        the command line and the API all use this list.
        """
        found = [ToCheck(own.name, ADVICE[own.fault]) for own in self.file_findings]
        known = [lesion.image_id for lesion in self.similar if lesion.is_the_same_photo]
        found += [_check("training image", image_id=known[0])] if known else []
        assessment = self.assessment
        if assessment is None:
            return (*found, *self._patient_checks) or None
        look = assessment.look
        if not look.mask.any():
            found.append(_check("no lesion found"))
        elif assessment.heat_is_outside and assessment.heat_on_lesion is not None:
            share = float(assessment.heat_on_lesion[int(self.probabilities.argmax())])
            found.append(_check("heat beside the lesion", share=share, area=look.lesion_area))
        if assessment.tone_is_rare and look.tone is not None:
            found.append(_check("rare skin tone", tone=look.tone))
        found += [ToCheck(own.name, ADVICE[own.fault]) for own in look.findings]
        found += self._patient_checks
        return tuple({check.sentence: check for check in found}.values())

    @property
    def not_checked(self) -> tuple[ToCheck, ...] | None:
        """Which checks of `to_check` were not made, and why.

        None where the weights carry no limits, so that none of them can be made.
        """
        if self.assessment is None:
            return None
        has_heat = self.maps is not None or not self.assessment.look.mask.any()
        return () if has_heat else (ToCheck("heat beside the lesion", HEAT_NOT_CHECKED),)

    @property
    def _patient_checks(self) -> list[ToCheck]:
        """Which of the stated age and sex is not used or is changed."""
        trust = self.weights.contract.trust
        return checks_of_patient(self.patient, trust and trust.context)

    def with_patient(self, patient: Patient) -> "Analysis":
        """This analysis with the patient's age and sex, which replace any stated before.

        `probabilities` stay those of the photo; `in_context` holds those with age and sex. The outcome
        and the prediction sets can become more suspicious, never less. Without an age, or with weights
        without a model of age and sex, the answer is that of the photo alone.
        """
        trust, assessment = self.weights.contract.trust, self.assessment
        if trust is None or assessment is None:
            return replace(self, patient=patient, in_context=None)
        before = assessment.decision
        probabilities = trust.context and trust.context.of_patient(self.probabilities, patient)
        alone, decision = (
            decide(
                self.probabilities,
                before.agreement,
                trust.decisions,
                self.views,
                assessment.novelty.is_novel,
                assessment.look.damaged,
                in_context,
            )
            for in_context in (None, probabilities)
        )
        in_context = None
        if probabilities is not None:
            frequencies = self.weights.contract.calibration.frequencies
            in_context = InContext(
                probabilities,
                prior_adjusted(probabilities, frequencies),
                float(malignant_probability(probabilities)),
                alone.outcome,
                alone.without_refusal,
            )
        return replace(
            self,
            patient=patient,
            in_context=in_context,
            assessment=replace(assessment, decision=decision),
        )

    def overlay(self, code: str | None = None, opacity: float = 0.6) -> np.ndarray:
        """One diagnosis's heatmap over the photo at screen size, (height, width, 3) uint8 sRGB.

        `code`: such as "mel"; None takes the most probable diagnosis. `opacity`: of the map, in [0, 1].
        Raises `ValueError` for an unknown code, for a diagnosis too improbable for a map, and for an
        answer without maps or without its photo.
        """
        if self.maps is None or self.photo is None:
            raise ValueError("This answer has no maps or no photo: call the model with with_maps=True.")
        if code is not None and code not in CODES:
            raise ValueError(f"There is no diagnosis {code}: use one of {', '.join(CODES)}.")
        class_map = self.maps.get(code or self.ranked[0].diagnosis.code)
        if class_map is None:
            raise ValueError(f"{code} is too improbable for a map: use one of {', '.join(self.maps)}.")
        return overlay(for_display(self.photo), class_map, opacity)

    def to_json(self, notes: Notes = NO_NOTES, made_at: datetime | None = None) -> str:
        """The report as JSON in English: all numbers and maps (docs/api.md lists the fields)."""
        from skin_app.report.json_record import record  # it reads analyses

        made = record(self, made_at, notes)
        return json.dumps(made, allow_nan=False, ensure_ascii=False, indent=1)

    def to_pdf(
        self,
        say: Say = ENGLISH,
        notes: Notes = NO_NOTES,
        made_at: datetime | None = None,
        thumbnails: Mapping[str, np.ndarray] = NOTHING,
        opacity: float = 0.6,
    ) -> bytes:
        """The report as a PDF of one page, in a language of `skin_app.words.language`.

        `notes`: the clinician's notes; `made_at`: time with its zone, now by default; `thumbnails`:
        image id -> (height, width, 3) uint8 of similar lesions; `opacity`: of the map, in [0, 1].
        Raises `ValueError` where the photo was not kept.
        """
        from skin_app.report.pdf import one_page  # it reads analyses

        return one_page(say, self, made_at, notes, thumbnails, opacity)


def ranked(
    probabilities: np.ndarray, prior_adjusted: np.ndarray, in_context: InContext | None = None
) -> tuple[Ranked, ...]:
    """The seven diagnoses, most probable first; both (7,) in the order of `DIAGNOSES`."""
    order = np.argsort(-probabilities, kind="stable")
    beside = [None] * len(order) if in_context is None else in_context.probabilities.tolist()
    return tuple(
        Ranked(DIAGNOSES[i], float(probabilities[i]), float(prior_adjusted[i]), beside[i])
        for i in order
    )


def checks_of_patient(patient: Patient, model: ContextModel | None) -> list[ToCheck]:
    """Which of the stated age and sex is not used or is changed; `model`: that of the weights."""
    values: dict[str, float | str] = {}
    if model is not None and patient.age is not None:
        values["nearest"] = f"{min(max(patient.age, model.youngest), model.oldest):g}"
    return [ToCheck(note, PATIENT_NOTES[note], values) for note in patient_notes(patient, model)]


def _check(name: str, **values: float | str) -> ToCheck:
    return ToCheck(name, TO_CHECK[name], values)
