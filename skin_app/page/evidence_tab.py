"""The Evidence tab: what was measured about the loaded weights, and the map of held-out lesions.

`templates/evidence.html` shows the numbers that are gathered here.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.gallery.lesion_map import NEIGHBOURS, LesionMap
from skin_app.page import evidence_plots as plots
from skin_app.page.templates import fill, status
from skin_app.skin_tone import TONES, ToneBands
from skin_app.views import VIEWS
from skin_app.weights.evaluation import Reliability, confusions, read_evaluation
from skin_app.weights.folder import WeightsError, WeightsFolder
from skin_app.weights.outside_scores import OutsideScores, read_outside_scores
from skin_app.words import evidence as words
from skin_app.words.language import ENGLISH, Say

# Loss of published seven-class systems outside the clinics of their training data, in points.
PUBLISHED_LOSS = (10, 30)
CALIBRATED_WITHIN = 0.05  # expected calibration error up to which probabilities are called frequencies
FEW_IMAGES = 100
PAIRS = 8
LIGHT = TONES[:2]


@dataclass(frozen=True)
class SystemScore:
    """One row of the figure of published systems. `value`: the score, in [0, 1]."""

    name: str
    value: float
    is_own: bool = False
    with_patient: bool = False


def evidence_tab(weights: WeightsFolder) -> Callable[[Say, Analysis | None], str]:
    """A function that gives the tab as HTML, with the place of an analysed photo on its map.

    All is read and computed here, once, so that opening the tab only fills the templates.
    """
    try:
        lesions, measured = weights.lesion_map(), _measured(weights)
        shared = {**measured, "lesions": lesions, **({} if lesions is None else _drawn(lesions))}
    except WeightsError as error:
        failed = str(error)
        return lambda say, analysis: status(failed, level="error")  # noqa: ARG005

    def shown(say: Say, analysis: Analysis | None) -> str:
        return fill("evidence.html", say, **shared, **_placed(lesions, analysis))

    shown(ENGLISH, None)  # Jinja compiles its templates now, not for the first visitor
    return shown


def _drawn(lesions: LesionMap) -> dict[str, Any]:
    _ = lesions.placing  # takes half a second
    ways = [words.CONFIRMED_BY.get(how, how) for how in plots.ways_to_confirm(lesions)]
    return {
        "groups": plots.map_groups(lesions),
        "ways": ways,
        "SIGNS": plots.SIGNS,
        "MAP_SIZE": plots.MAP_SIZE,
        "NEIGHBOURS": NEIGHBOURS,
    }


def _placed(lesions: LesionMap | None, analysis: Analysis | None) -> dict[str, Any]:
    """Where an analysed photo lies on the map, what is near, and whether that means anything."""
    if lesions is None or analysis is None:
        return {"place": None}
    place, assessment = lesions.place(analysis.embedding), analysis.assessment
    return {
        "place": plots.on_map(lesions, place),
        "neighbours": dict(Counter(place.neighbours).most_common()),
        "is_novel": bool(assessment and assessment.novelty.is_novel),
    }


def _measured(weights: WeightsFolder) -> dict[str, Any]:
    """All numbers but those of the map. Raises `WeightsError` for files that cannot be read."""
    contract, trust = weights.contract, weights.contract.trust
    scores = contract.scores.get(f"views_{VIEWS}", {})
    by_rule = {rule: scores[rule] for rule in words.RULES if rule in scores}
    matrices = {
        rule: np.array(own["confusion_matrix"]["counts"])
        for rule, own in by_rule.items()
        if "confusion_matrix" in own
    }
    pairs = confusions(matrices["calibrated"]) if "calibrated" in matrices else []
    calibrated = by_rule.get("calibrated", {})
    per_class = calibrated.get("per_class", {})
    outside = read_outside_scores(weights.folder, contract)
    return {
        "scores": contract.scores,
        "split": contract.training.recipe.get("split", "lesion"),
        "members": len(contract.members),
        "by_rule": by_rule,
        "score_columns": (words.SCORE_COLUMN, *(words.RULES[rule] for rule in by_rule)),
        "calibrated": calibrated,
        "calibrated_within": CALIBRATED_WITHIN,
        "per_class": per_class,
        "outside": outside,
        **_official(outside),
        "published_loss": PUBLISHED_LOSS,
        "few_images": FEW_IMAGES,
        "rare": {code: own for code, own in per_class.items() if 0 < own.get("images", 0) < FEW_IMAGES},
        "missed_melanoma": next((p for p in pairs if p.true.code == "mel"), None),
        "MEL": CODES.index("mel"),
        "trust": trust,
        "points": () if trust is None else trust.decisions.of(VIEWS).operating_points,
        "confusions": {rule: matrix.tolist() for rule, matrix in matrices.items()},
        "pairs": pairs[:PAIRS],
        "cohort": weights.cohort(),
        "light_skin": trust and _share_of_light_skin(trust.tone),
        "scarce_tones": [tone for tone in TONES if trust and trust.tone.scarce(tone)],
        **_curves(weights),
    }


def _curves(weights: WeightsFolder) -> dict[str, Any]:
    evaluation = read_evaluation(weights)
    drawn: dict[str, Any] = {"evaluation": evaluation, "malignant_curve": "", "class_curves": {}}
    if evaluation is None:
        return drawn
    malignant = evaluation.malignant_roc
    curves = {diagnosis: evaluation.roc_of(diagnosis) for diagnosis in DIAGNOSES}
    return drawn | {
        "SIDE": plots.SIDE,
        "DASHES": plots.DASHES,
        "bins": plots.bin_marks(evaluation.reliability),
        "bin_rows": _bins(evaluation.reliability),
        "malignant_curve": malignant and plots.curve(malignant),
        "class_curves": {own: plots.curve(found) for own, found in curves.items() if found},
    }


def _official(outside: tuple[OutsideScores, ...]) -> Mapping[str, Any]:
    """The test whose balanced accuracy others published, all systems on it (best first), and how many
    are better than this program."""
    for report in outside:
        test = report.published
        if test is None or test.score != "balanced_accuracy":
            continue
        own = float(report.own_score_on(test)[test.score])
        others = [SystemScore(s.system, s.value, with_patient=s.with_patient) for s in test.systems]
        systems = sorted([SystemScore("", own, is_own=True), *others], key=lambda s: -s.value)
        return {"official": report, "systems": systems, "better": sum(s.value > own for s in others)}
    return {"official": None}


def _bins(reliability: Reliability) -> list[tuple[float, ...]]:
    """Of each bin with images: its ends in percent, its images, mean probability and share right."""
    images, width = reliability.images, 100 / len(reliability.images)
    return [
        (i * width, (i + 1) * width, images[i], reliability.probability[i], reliability.right[i])
        for i in np.flatnonzero(images)
    ]


def _share_of_light_skin(tone: ToneBands) -> float | None:
    known = sum(tone.images.values())
    return sum(tone.images.get(name, 0) for name in LIGHT) / known if known else None
