"""How far to trust the answer, as fragments of HTML; every number comes from the weights."""

from collections.abc import Sequence
from html import escape

import numpy as np

from skin_app.decision import OperatingPoint, predictive_values
from skin_app.diagnoses import DIAGNOSES
from skin_app.ensemble import Analysis
from skin_app.interface import words
from skin_app.interface.fragments import percent, table
from skin_app.outcome import Outcome
from skin_app.trust import MAP_AGAINST_CENTRE, Assessment, Estimate, Trust
from skin_app.views import VIEWS

MARKS: dict[Outcome, str] = {
    "suspicious": "▲",
    "not suspicious": "●",
    "uncertain": "?",
    "not dermatoscopic": "⊘",
}
COVERAGE = 0.9


def outcome_panel(analysis: Analysis, trust: Trust | None) -> str:
    """The outcome in one line with its reason, and whatever speaks against relying on it."""
    assessment = analysis.assessment
    if assessment is None or trust is None:
        return f'<section class="panel outcome missing"><p>{words.NO_TRUST}</p></section>'
    decision = assessment.decision
    kind = decision.outcome.replace(" ", "-")
    details = [escape(decision.reason), words.OUTCOME_MEANING[decision.outcome]]
    if analysis.views == VIEWS:  # what was measured is the full answer
        details.append(_measured_meaning(decision.outcome, trust))
    facts = [_set_sentence(decision.set_90)]
    if not assessment.novelty.is_novel:
        readings = len(analysis.members) * analysis.views
        agreeing = round(decision.agreement * readings)
        facts.append(words.AGREEMENT.format(agreeing=agreeing, readings=readings))
    if assessment.look.tone is None:
        facts.append(words.NO_TONE)
    return (
        f'<section class="panel outcome {kind}" aria-label="Outcome"><h2>'
        f'<span class="mark" aria-hidden="true">{MARKS[decision.outcome]}</span> '
        f"{words.OUTCOMES[decision.outcome]}</h2><p>{' '.join(details)}</p>"
        f'<p class="quiet">{" ".join(facts)}</p>{_warnings(analysis, assessment)}</section>'
    )


def _measured_meaning(outcome: Outcome, trust: Trust) -> str:
    name, sentence = words.OUTCOME_MEASURED.get(outcome, ("", ""))
    estimate = trust.measured.get(name)
    return "" if estimate is None else sentence.format(share=with_interval(estimate))


def with_interval(estimate: Estimate) -> str:
    """A measured share or number with its interval, as HTML."""
    low, high = estimate.interval_95
    if estimate.is_share:
        return _with_interval(estimate.value, (low, high))
    return f"{estimate.value:.2f} ({low:.2f} to {high:.2f})"


def map_is_weak(trust: Trust | None) -> bool:
    """Whether the maps were not shown to beat a spot in the middle of the photo."""
    estimate = None if trust is None else trust.measured.get(MAP_AGAINST_CENTRE)
    return estimate is not None and estimate.interval_95[0] <= 0


def in_set(analysis: Analysis) -> tuple[bool, ...] | None:
    """Whether each of the ranked diagnoses is in the 90 % set; None where there is no set."""
    assessment = analysis.assessment
    if assessment is None or assessment.decision.set_90 is None:
        return None
    members = dict(zip(DIAGNOSES, assessment.decision.set_90, strict=True))
    return tuple(bool(members[entry.diagnosis]) for entry in analysis.ranked)


def operating_points(analysis: Analysis, trust: Trust | None, prevalence: float) -> str:
    """Where the line can be drawn through the malignant probability, and what it would mean.

    `prevalence`: share of malignant lesions among those that the reader sees, in [0, 1].
    """
    if trust is None or analysis.assessment is None:
        return ""
    if analysis.assessment.novelty.is_novel:
        return f'<section class="panel points"><p>{words.POINTS_OFF}</p></section>'
    limits = trust.decisions.of(analysis.views)
    rows = [
        _point(point, analysis.malignant_probability, prevalence) for point in limits.operating_points
    ]
    return (
        '<section class="panel points"><h2>Malignant or benign: where to draw the line</h2>'
        f"<p>{words.POINTS.format(probability=percent(analysis.malignant_probability))}</p>"
        + table(words.POINT_COLUMNS, rows, numbers=(1, 2, 3, 4), stacked=True)
        + f'<p class="quiet">{words.POINTS_NOTE.format(prevalence=percent(prevalence))}</p></section>'
    )


def _point(point: OperatingPoint, probability: float, prevalence: float) -> tuple[str, ...]:
    above = probability >= point.threshold
    values = predictive_values(point.sensitivity, point.specificity, prevalence)
    return (
        f"{point.target_sensitivity:.0%}".replace("%", "&nbsp;%"),
        _with_interval(point.sensitivity, point.sensitivity_interval),
        _with_interval(point.specificity, point.specificity_interval),
        *("not defined" if value is None else percent(value) for value in values),
        f"<strong>{'above' if above else 'below'}</strong> (line at {percent(point.threshold)})",
    )


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{percent(value)} ({percent(low)} to {percent(high)})"


def _set_sentence(members: np.ndarray | None) -> str:
    if members is None:
        return words.SET_OFF
    names = [d.name for d, inside in zip(DIAGNOSES, members, strict=True) if inside]
    if not names:
        return words.SET_EMPTY
    if len(names) == len(DIAGNOSES):
        return words.SET_WHOLE
    return words.SET.format(names=escape(", ".join(names)))


def _warnings(analysis: Analysis, assessment: Assessment) -> str:
    """What the reader should check before relying on the answer, as a list; empty when nothing."""
    sentences = [finding.sentence for finding in assessment.look.findings]
    if assessment.heat_on_lesion is None:
        sentences.append(words.NO_LESION)
    elif assessment.heat_is_outside:
        share = float(assessment.heat_on_lesion[int(analysis.probabilities.argmax())])
        sentences.append(words.HEAT_OUTSIDE.format(share=share, area=assessment.look.lesion_area))
    if assessment.tone_is_rare:
        sentences.append(words.RARE_TONE.format(tone=assessment.look.tone))
    return _listed(sentences)


def _listed(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in dict.fromkeys(sentences))
    return f'<h3>{words.CHECK_FIRST}</h3><ul class="checks">{items}</ul>'
