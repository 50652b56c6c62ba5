"""The Evidence tab: what was measured about the loaded weights, and the map of held-out lesions.

`templates/evidence.html` and `templates/lesion_map.html` show the numbers that are gathered here.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES
from skin_app.gallery.lesion_map import NEIGHBOURS, LesionMap
from skin_app.page import evidence_plots as plots
from skin_app.page.templates import fill, status
from skin_app.skin_tone import TONES, ToneBands
from skin_app.views import VIEWS
from skin_app.weights.evaluation import Reliability, confusions, read_evaluation
from skin_app.weights.folder import WeightsError, WeightsFolder
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.words import evidence as words
from skin_app.words.language import Say

# Loss of published seven-class systems outside the clinics of their training data, in points.
PUBLISHED_LOSS = (10, 30)
FEW_IMAGES = 100
PAIRS = 8
LIGHT = TONES[:2]


def evidence_tab(weights: WeightsFolder) -> Callable[[Say, Analysis | None], tuple[str, str]]:
    """A function that gives the map, with an analysed photo on it, and the rest of the tab; HTML.

    Reads and draws the map once, and the rest once for each language.
    """

    @cache
    def drawn() -> tuple[LesionMap, str] | None:
        lesions = weights.lesion_map()
        return None if lesions is None else (lesions, plots.map_picture(lesions))

    rest: dict[str, str] = {}

    def shown(say: Say, analysis: Analysis | None) -> tuple[str, str]:
        try:
            if say.code not in rest:
                rest[say.code] = evidence_panel(say, weights)
            return map_panel(say, drawn(), analysis), rest[say.code]
        except WeightsError as error:
            return "", status(str(error), level="error")

    return shown


def map_panel(say: Say, drawn: tuple[LesionMap, str] | None, analysis: Analysis | None) -> str:
    """The map with its picture (a `data:` URL), where the weights have one, and an analysed photo."""
    if drawn is None:
        return fill("lesion_map.html", say, lesions=None)
    lesions, picture = drawn
    place = None if analysis is None else lesions.place(analysis.embedding)
    assessment = analysis and analysis.assessment
    return fill(
        "lesion_map.html",
        say,
        lesions=lesions,
        picture=picture,
        counts=Counter(lesions.diagnoses.tolist()),
        outlines={diagnosis.code: plots.outline(diagnosis) for diagnosis in DIAGNOSES},
        place=place and plots.on_picture(lesions, place),
        neighbours=place and dict(Counter(place.neighbours).most_common()),
        is_novel=bool(assessment and assessment.novelty.is_novel),
        NEIGHBOURS=NEIGHBOURS,
    )


def evidence_panel(say: Say, weights: WeightsFolder) -> str:
    """All but the map. Raises `WeightsError` for files that cannot be read."""
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
    points = () if trust is None else trust.decisions.of(VIEWS).operating_points
    evaluation = read_evaluation(weights)
    figures = {}
    if evaluation is not None:
        found = {diagnosis: evaluation.roc_of(diagnosis) for diagnosis in DIAGNOSES}
        curves = {diagnosis: curve for diagnosis, curve in found.items() if curve is not None}
        malignant = evaluation.malignant_roc
        figures = {
            "bins": _bins(evaluation.reliability),
            "reliability": plots.reliability_figure(say, evaluation.reliability),
            "malignant_roc": malignant and plots.malignant_roc_figure(say, malignant, points),
            "class_roc": plots.class_roc_figure(
                say, {d: c for d, c in curves.items() if c is not None}
            ),
        }
    return fill(
        "evidence.html",
        say,
        scores=contract.scores,
        split=contract.training.recipe.get("split", "lesion"),
        members=len(contract.members),
        by_rule=by_rule,
        score_columns=(words.SCORE_COLUMN, *(words.RULES[rule] for rule in by_rule)),
        calibrated=calibrated,
        per_class=per_class,
        outside=read_outside_scores(weights.folder, contract),
        published_loss=PUBLISHED_LOSS,
        few_images=FEW_IMAGES,
        rare={code: own for code, own in per_class.items() if 0 < own.get("images", 0) < FEW_IMAGES},
        missed_melanoma="mel" in per_class and next((p for p in pairs if p.true.code == "mel"), None),
        trust=trust,
        points=points,
        confusions={rule: matrix.tolist() for rule, matrix in matrices.items()},
        pairs=pairs[:PAIRS],
        evaluation=evaluation,
        cohort=weights.cohort(),
        light_skin=trust and _share_of_light_skin(trust.tone),
        scarce_tones=[tone for tone in TONES if trust and trust.tone.scarce(tone)],
        **figures,
    )


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
