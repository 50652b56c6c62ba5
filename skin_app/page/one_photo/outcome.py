"""The outcome and the thresholds of one photo as HTML; every number comes from the weights."""

from html import escape

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES
from skin_app.operating_points import OperatingPoint, predictive_values
from skin_app.outcome import Outcome
from skin_app.page.html import estimate as estimated
from skin_app.page.html import percent, said, share_with_interval, table
from skin_app.trust import Measured, Trust
from skin_app.views import VIEWS
from skin_app.words import page as words
from skin_app.words.language import Say
from skin_app.words.outcome import OUTCOME_MEANING, OUTCOMES, REASONS

MARKS: dict[Outcome, str] = {
    "suspicious": "▲",
    "not suspicious": "●",
    "uncertain": "?",
    "not dermatoscopic": "⊘",
}
MEASURED: dict[Outcome, Measured] = {
    "suspicious": "ppv_of_suspicious",
    "not suspicious": "melanomas_not_suspicious",
    "uncertain": "uncertain",
}


def outcome_panel(say: Say, analysis: Analysis, trust: Trust | None) -> str:
    """The outcome with its reason, and what to check before relying on it."""
    assessment = analysis.assessment
    if assessment is None or trust is None:
        checks = _to_check(say, analysis)
        return f'<section class="panel outcome missing"><p>{say(words.NO_TRUST)}</p>{checks}</section>'
    decision = assessment.decision
    style = decision.outcome.replace(" ", "-")
    details = [escape(say(REASONS[decision.reason])), say(OUTCOME_MEANING[decision.outcome])]
    if analysis.views == VIEWS:  # the measured scores are those of the full answer
        details.append(_measured_meaning(say, decision.outcome, trust))
    facts = [_set_sentence(say, decision.set_90)]
    if not assessment.novelty.is_novel:
        readings = len(analysis.members) * analysis.views
        agreeing = round(decision.agreement * readings)
        facts.append(say(words.AGREEMENT, agreeing=agreeing, readings=readings))
    if assessment.look.tone is None:
        facts.append(say(words.NO_TONE))
    return (
        f'<section class="panel outcome {style}" aria-label="{say(words.OUTCOME)}"><h2>'
        f'<span class="mark" aria-hidden="true">{MARKS[decision.outcome]}</span> '
        f"{say(OUTCOMES[decision.outcome])}</h2><p>{' '.join(details)}</p>"
        f'<p class="quiet">{" ".join(facts)}</p>{_to_check(say, analysis)}</section>'
    )


def _measured_meaning(say: Say, outcome: Outcome, trust: Trust) -> str:
    name = MEASURED.get(outcome)
    if name is None or name not in trust.measured:
        return ""
    return say(words.OUTCOME_MEASURED[outcome], share=estimated(say, trust.measured[name]))


def in_set(analysis: Analysis) -> tuple[bool, ...] | None:
    """Whether each of the ranked diagnoses is in the 90 % set; None where there is no set."""
    assessment = analysis.assessment
    if assessment is None or assessment.decision.set_90 is None:
        return None
    members = dict(zip(DIAGNOSES, assessment.decision.set_90, strict=True))
    return tuple(bool(members[entry.diagnosis]) for entry in analysis.ranked)


def operating_points(say: Say, analysis: Analysis, trust: Trust | None, prevalence: float) -> str:
    """The thresholds for the malignant probability: what each finds and misses, and this photo's side.

    `prevalence`: share of malignant lesions among those that the reader sees, in [0, 1].
    """
    if trust is None or analysis.assessment is None:
        return ""
    if analysis.assessment.novelty.is_novel:
        return f'<section class="panel points"><p>{say(words.POINTS_OFF)}</p></section>'
    limits = trust.decisions.of(analysis.views)
    rows = [
        _point(say, point, analysis.malignant_probability, prevalence)
        for point in limits.operating_points
    ]
    note = say(words.POINTS_NOTE, prevalence=percent(say, prevalence))
    return (
        f'<section class="panel points"><h2>{say(words.POINTS_TITLE)}</h2>'
        f"<p>{say(words.POINTS, probability=percent(say, analysis.malignant_probability))}</p>"
        + table(said(say, words.POINT_COLUMNS), rows, numbers=(1, 2, 3, 4), stacked=True)
        + f'<p class="quiet">{note}</p></section>'
    )


def has_points(analysis: Analysis) -> bool:
    """Whether there are thresholds: not for photos unlike the training images."""
    return analysis.assessment is not None and not analysis.assessment.novelty.is_novel


def _point(say: Say, point: OperatingPoint, probability: float, prevalence: float) -> tuple[str, ...]:
    above = probability >= point.threshold
    values = predictive_values(point.sensitivity, point.specificity, prevalence)
    return (
        escape(say.percent(point.target_sensitivity, digits=0)),
        share_with_interval(say, point.sensitivity, point.sensitivity_interval),
        share_with_interval(say, point.specificity, point.specificity_interval),
        *(say(words.NOT_DEFINED) if value is None else percent(say, value) for value in values),
        say(words.ABOVE if above else words.BELOW, threshold=percent(say, point.threshold)),
    )


def _set_sentence(say: Say, members: np.ndarray | None) -> str:
    if members is None:
        return say(words.SET_OFF)
    names = [say(d.name) for d, inside in zip(DIAGNOSES, members, strict=True) if inside]
    if not names:
        return say(words.SET_EMPTY)
    if len(names) == len(DIAGNOSES):
        return say(words.SET_WHOLE)
    return say(words.SET, names=escape(", ".join(names)))


def _to_check(say: Say, analysis: Analysis) -> str:
    """What to check before relying on the answer, as a list; empty when nothing."""
    if not analysis.to_check:
        return ""
    items = "".join(f"<li>{escape(check.said(say))}</li>" for check in analysis.to_check)
    return f'<h3>{say(words.CHECK_FIRST)}</h3><ul class="checks">{items}</ul>'
