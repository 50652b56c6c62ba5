"""The answer to one photo as HTML: outcome, thresholds, ranking, members, similar lesions.

Each function fills the template of its name in `templates/`. Every number comes from the `Analysis` or
from its weights.
"""

from collections import Counter
from collections.abc import Sequence

from skin_app.analysis import Analysis, ranked
from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.gallery.similar_lesions import NOT_STATED, LesionPictures, SimilarLesion
from skin_app.operating_points import predictive_values
from skin_app.outcome import CLEARED_BELOW, SUSPICIOUS_FROM, Outcome
from skin_app.overlay import data_url
from skin_app.page.templates import fill, status
from skin_app.trust import Measured
from skin_app.words import page as words
from skin_app.words.language import Say

MEASURED: dict[Outcome, Measured] = {
    "suspicious": "ppv_of_suspicious",
    "not suspicious": "melanomas_not_suspicious",
    "uncertain": "uncertain",
}


def answer_status(say: Say, analysis: Analysis, refining: bool) -> str:
    """Which answer is shown, from how much, where it was computed and by which weights."""
    members = len(analysis.members)
    sentence = say(
        words.QUICK_ANSWER if refining else words.FULL_ANSWER,
        members=say.plural(words.MEMBERS, members),
        views=say.plural(words.VIEWS, analysis.views),
    )
    return status(
        sentence, say(words.COMPUTED_ON, device=analysis.device, weights=analysis.weights.identity)
    )


def outcome_panel(say: Say, analysis: Analysis) -> str:
    """The outcome with its reason, and what to check before relying on it."""
    return fill(
        "outcome.html",
        say,
        analysis=analysis,
        trust=analysis.weights.contract.trust,
        measured_name=MEASURED.get(analysis.outcome) if analysis.outcome else None,
        prediction_set=diagnoses_in_set(analysis),
    )


def diagnoses_in_set(analysis: Analysis) -> tuple[Diagnosis, ...] | None:
    """The diagnoses in the 90 % set; None where there is no set."""
    assessment = analysis.assessment
    if assessment is None or assessment.decision.set_90 is None:
        return None
    return tuple(d for d, inside in zip(DIAGNOSES, assessment.decision.set_90, strict=True) if inside)


def thresholds_panel(say: Say, analysis: Analysis, prevalence: float) -> str:
    """The thresholds for the malignant probability: what each finds and misses, and this photo's side.

    `prevalence`: share of malignant lesions among those that the reader sees, in [0, 1].
    """
    if analysis.assessment is None:
        return ""
    return fill(
        "thresholds.html",
        say,
        is_novel=analysis.assessment.novelty.is_novel,
        analysis=analysis,
        prevalence=prevalence,
        SUSPICIOUS_FROM=SUSPICIOUS_FROM,
        CLEARED_BELOW=CLEARED_BELOW,
        points=[
            (point, *predictive_values(point.sensitivity, point.specificity, prevalence))
            for point in analysis.operating_points
        ],
    )


def ranking_panel(say: Say, analysis: Analysis, token: str) -> str:
    """The seven diagnoses, most probable first; each is a button for its map. And the malignant total.

    `token`: names the photo, whose maps the buttons show.
    """
    return fill(
        "ranking.html", say, analysis=analysis, prediction_set=diagnoses_in_set(analysis), token=token
    )


def members_panel(say: Say, analysis: Analysis) -> str:
    """Each member's own first two answers, beside the ensemble's."""
    rows = (analysis.probabilities, *analysis.members)
    return fill("members.html", say, answers=[ranked(row, row)[:2] for row in rows])


def similar_lesions(say: Say, lesions: Sequence[SimilarLesion], pictures: LesionPictures) -> str:
    """Counts by diagnosis, then one card for each lesion with its picture where there is one."""
    thumbnails = [pictures.thumbnail(lesion.image_id) for lesion in lesions]
    return fill(
        "similar_lesions.html",
        say,
        lesions=[
            (lesion, None if thumbnail is None else data_url(thumbnail, 82))
            for lesion, thumbnail in zip(lesions, thumbnails, strict=True)
        ],
        counts=[
            (code, number, Counter(each.confirmed for each in lesions if each.dx == code).most_common())
            for code, number in Counter(lesion.dx for lesion in lesions).most_common()
        ],
        training_image=next((each.image_id for each in lesions if each.is_the_same_photo), None),
        no_pictures=len(pictures) == 0,
        NOT_STATED=NOT_STATED,
    )
