"""The answer to one photo as HTML: status, outcome, thresholds, ranking, and all numbers.

Each function fills the template of its name in `templates/`. Every number comes from the `Analysis` or
from its weights.
"""

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.operating_points import of_hundred, predictive_values
from skin_app.outcome import CLEARED_BELOW, SUSPICIOUS_FROM, Outcome
from skin_app.page.templates import fill
from skin_app.trust import Measured
from skin_app.words import outcome as words_of_outcome
from skin_app.words import page as words
from skin_app.words.language import Say

MEASURED: dict[Outcome, Measured] = {
    "suspicious": "ppv_of_suspicious",
    "not suspicious": "melanomas_not_suspicious",
    "uncertain": "uncertain",
}
ZONE_ENDS = (CLEARED_BELOW, SUSPICIOUS_FROM)
TICKS = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1)
TICK_ROOM = 7  # percent of the line that a threshold's number takes on each side


def answer_status(say: Say, analysis: Analysis, refining: bool) -> str:
    """Which answer is shown, from how much, where it was computed and by which weights."""
    members = len(analysis.members)
    sentence = say(words.QUICK_ANSWER if refining else words.FULL_ANSWER)
    computed = say(
        words.COMPUTED_ON,
        members=say.plural(words.MEMBERS, members),
        views=say.plural(words.VIEWS, analysis.views),
        device=analysis.device,
        weights=analysis.weights.identity,
    )
    note = say(words.GPU_WAS_FULL) if analysis.gpu_was_full else ""
    return fill("answer_status.html", say, sentence=sentence, computed=computed, note=note)


def outcome_panel(say: Say, analysis: Analysis, token: str) -> str:
    """The outcome with one line on it; the reason and what to check first open on a click.

    `token`: names the photo.
    """
    return fill(
        "outcome.html",
        say,
        analysis=analysis,
        token=token,
        headline=_headline(say, analysis),
        trust=analysis.weights.contract.trust,
        measured_name=MEASURED.get(analysis.outcome) if analysis.outcome else None,
        prediction_set=diagnoses_in_set(analysis),
    )


def _headline(say: Say, analysis: Analysis) -> str:
    """The line under the outcome: what cannot be ruled out, or how probable a malignant lesion is."""
    if analysis.assessment is None or analysis.assessment.decision.outcome is None:
        return ""
    outcome, inside = analysis.assessment.decision.outcome, diagnoses_in_set(analysis) or ()
    open_ones = [
        say(entry.diagnosis.short)
        for entry in analysis.ranked
        if entry.diagnosis.malignant and entry.diagnosis in inside
    ]
    key = "nothing ruled out" if outcome == "uncertain" and not open_ones else outcome
    share = say.percent(analysis.highest_malignant_probability, digits=0)
    return say(words_of_outcome.HEADLINES[key], names=", ".join(open_ones), share=share)


def diagnoses_in_set(analysis: Analysis) -> tuple[Diagnosis, ...] | None:
    """The diagnoses in the 90 % set; None where there is no set."""
    assessment = analysis.assessment
    if assessment is None or assessment.decision.set_90 is None:
        return None
    return tuple(d for d, inside in zip(DIAGNOSES, assessment.decision.set_90, strict=True) if inside)


def thresholds_panel(say: Say, analysis: Analysis, prevalence: float) -> str:
    """The malignant probability on a line with the thresholds, and what each finds and misses.

    `prevalence`: share of malignant lesions among those that the reader sees, in [0, 1].
    """
    if analysis.assessment is None:
        return ""
    points = sorted(analysis.operating_points, key=lambda point: point.threshold)
    reached = [point for point in points if analysis.highest_malignant_probability >= point.threshold]
    nearest = reached[-1] if reached else points[0] if points else None
    marks = [on_scale(point.threshold) for point in points]
    return fill(
        "thresholds.html",
        say,
        analysis=analysis,
        points=points,
        predictive=[predictive_values(own.sensitivity, own.specificity, prevalence) for own in points],
        reached=reached,
        nearest=nearest,
        of_hundred=nearest and of_hundred(nearest.sensitivity, nearest.specificity, prevalence),
        limits=[point.threshold for point in points if point.target_sensitivity in ZONE_ENDS],
        on_scale=on_scale,
        ticks=[tick for tick in TICKS if all(abs(on_scale(tick) - mark) > TICK_ROOM for mark in marks)],
        SUSPICIOUS_FROM=SUSPICIOUS_FROM,
        CLEARED_BELOW=CLEARED_BELOW,
    )


def on_scale(share: float) -> float:
    """Where a probability in [0, 1] lies on the line, in percent of its length (its cube root)."""
    return 100 * share ** (1 / 3)


def ranking_panel(say: Say, analysis: Analysis, token: str) -> str:
    """The seven diagnoses, most probable first; each is a button for its map. And the malignant total.

    `token`: names the photo, whose maps the buttons show.
    """
    return fill(
        "ranking.html", say, analysis=analysis, prediction_set=diagnoses_in_set(analysis), token=token
    )


def members_panel(say: Say, analysis: Analysis) -> str:
    """All numbers with one decimal: the ensemble's, with equal class frequencies, and each member's."""
    return fill("members.html", say, analysis=analysis)
