"""The Evidence tab: what was measured about the loaded weights. Every number comes from them."""

from functools import lru_cache

from skin_app.diagnoses import DIAGNOSES
from skin_app.page.evidence.cohort import cohort_section
from skin_app.page.evidence.curves import confusion_section, reliability_section, roc_section
from skin_app.page.evidence.failures import failures_section
from skin_app.page.evidence.lesion_map import map_panel
from skin_app.page.evidence.measured import Asked, scores_by_rule
from skin_app.page.html import area, count, estimate, named, said, share, status, table, with_interval
from skin_app.views import VIEWS
from skin_app.weights.evaluation import read_evaluation
from skin_app.weights.folder import WeightsError, WeightsFolder
from skin_app.words import evidence as words
from skin_app.words.language import Say

__all__ = ["map_panel", "panel"]
# Loss of published seven-class systems outside the clinics of their training data, in points.
PUBLISHED_LOSS = (10, 30)


def panel(say: Say, weights: WeightsFolder) -> str:
    """The whole tab but the map. Drawn once for each language and weights, then kept."""
    try:
        return _panel(Asked.of(say, weights))
    except WeightsError as error:
        return status(str(error), level="error")


@lru_cache(maxsize=8)
def _panel(asked: Asked) -> str:
    say, weights = asked.say, asked.weights
    evaluation = read_evaluation(weights)
    sections = (
        _scores(say, weights),
        _outside(say),
        _by_diagnosis(say, weights),
        failures_section(say, weights),
        _trust(say, weights),
        confusion_section(say, weights),
        reliability_section(say, weights, evaluation),
        roc_section(say, weights, evaluation),
        cohort_section(say, weights),
    )
    return "".join(
        f'<section class="panel evidence">{section}</section>' for section in sections if section
    )


def _scores(say: Say, weights: WeightsFolder) -> str:
    by_rule = scores_by_rule(weights)
    rules = [rule for rule in words.RULES if rule in by_rule]
    title = f"<h2>{say(words.INSIDE)}</h2>"
    if not rules:
        return f"{title}<p>{say(words.NO_SCORES)}</p>"
    rows = [
        (say(name), *(with_interval(say, by_rule[rule], key, shown) for rule in rules))
        for names, shown in ((words.SHARES, share), (words.AREAS, area))
        for key, name in names.items()
    ]
    columns = (say(words.SCORE_COLUMN), *(say(words.RULES[rule]) for rule in rules))
    numbers = tuple(range(1, len(columns)))
    members = len(weights.contract.members)
    average = say(words.NOT_THE_AVERAGE, members=members) if members > 1 else ""
    return (
        f"{title}{_origin(say, weights)}{table(columns, rows, numbers=numbers, stacked=True)}"
        f'<p class="quiet">{average}</p>'
    )


def _origin(say: Say, weights: WeightsFolder) -> str:
    scores, split = weights.contract.scores, weights.contract.training.recipe.get("split", "lesion")
    origin = say(
        words.ORIGIN,
        images=count(say, scores.get("images")),
        lesions=count(say, scores.get("lesions")),
        views=VIEWS,
    )
    return (
        f"<p>{origin} {say(words.PREDICTED[split])}</p><p class='quiet'>{say(words.EPOCH_CHOSEN)}</p>"
    )


def _outside(say: Say) -> str:
    least, most = PUBLISHED_LOSS
    note = say(words.OUTSIDE_NOTE, least=say.number(least), most=say.number(most))
    return f"<h2>{say(words.OUTSIDE)}</h2><p>{note}</p>"


def _by_diagnosis(say: Say, weights: WeightsFolder) -> str:
    by_rule = scores_by_rule(weights)
    if not set(words.RULES) <= set(by_rule):
        return ""
    calibrated, adjusted = (by_rule[rule].get("per_class", {}) for rule in words.RULES)
    rows = []
    for diagnosis in DIAGNOSES:
        own, other = (scores.get(diagnosis.code, {}) for scores in (calibrated, adjusted))
        rows.append(
            (
                named(say, diagnosis),
                count(say, own.get("images")),
                with_interval(say, own, "recall", share),
                with_interval(say, other, "recall", share),
                with_interval(say, own, "precision", share),
                with_interval(say, own, "auc", area),
            )
        )
    columns = said(say, words.BY_DIAGNOSIS_COLUMNS)
    return f"<h2>{say(words.BY_DIAGNOSIS)}</h2>" + table(
        columns, rows, numbers=(1, 2, 3, 4, 5), stacked=True
    )


def _trust(say: Say, weights: WeightsFolder) -> str:
    trust, title = weights.contract.trust, f"<h2>{say(words.TRUST)}</h2>"
    if trust is None:
        return f"{title}<p>{say(words.NO_TRUST)}</p>"
    if not trust.measured:
        return f"{title}<p>{say(words.NOTHING_MEASURED)}</p>"
    rows = [
        (
            say(words.MEASURED[name]),
            estimate(say, own),
            say.number(own.images),
        )
        for name, own in trust.measured.items()
    ]
    columns = said(say, words.TRUST_COLUMNS)
    caption = say(words.TRUST_CAPTION)
    return title + table(columns, rows, numbers=(1, 2), caption=caption, stacked=True)
