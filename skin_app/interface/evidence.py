"""What was measured about the loaded weights: every number comes from their contract."""

from html import escape
from typing import Any

from skin_app.diagnoses import DIAGNOSES
from skin_app.interface import words
from skin_app.interface.fragments import named, percent, table
from skin_app.interface.trust import with_interval
from skin_app.trust import Trust
from skin_app.views import VIEWS
from skin_app.weights import Contract

SHARES = {
    "accuracy": "Right at first place (accuracy)",
    "top_2": "Right among the first two",
    "top_3": "Right among the first three",
    "balanced_accuracy": "Balanced accuracy (mean over the seven diagnoses)",
}
AREAS = {
    "macro_auc": "Area under the ROC curve, mean over the diagnoses",
    "malignant_auc": "Area under the ROC curve, malignant against benign",
}
RULES = {"calibrated": "By probability", "prior_adjusted": "As if all seven were equally common"}


def evidence(contract: Contract) -> str:
    """Scores with their intervals, per diagnosis, and where the numbers come from."""
    return (
        f'<section class="panel"><h2>Measured scores</h2>{_scores(contract.scores)}'
        f"{_trust(contract.trust)}<h3>Limits</h3>{words.LIMITS}</section>"
    )


def about(contract: Contract) -> str:
    """Weights, data and licence, as the contract states them."""
    training = contract.training
    rows = [
        ("Weights", escape(contract.name)),
        ("Members", str(len(contract.members))),
        (
            "Trained on",
            f"HAM10000 (Tschandl et al. 2018): {training.images:,} images of {training.lesions:,} "
            "lesions, dermatoscopic",
        ),
        ("Start of training", escape(training.start_weights)),
        ("Probabilities calibrated on", escape(contract.calibration.fitted_on)),
        ("Licence of the weights", escape(contract.licence)),
    ]
    return f'<section class="panel">{table(("What", "Which"), rows, stacked=True)}</section>'


def _trust(trust: Trust | None) -> str:
    if trust is None or not trust.measured:
        return ""
    rows = [
        (escape(name[0].upper() + name[1:]), with_interval(own), f"{own.images:,}")
        for name, own in trust.measured.items()
    ]
    columns = ("What", "Measured (95 % interval)", "Images")
    return "<h3>How far to trust one answer</h3>" + table(
        columns, rows, numbers=(1, 2), caption=words.TRUST_CAPTION, stacked=True
    )


def _scores(scores: dict[str, Any]) -> str:
    by_rule = scores.get(f"views_{VIEWS}", {})
    rules = [rule for rule in RULES if rule in by_rule]
    if not rules:
        return f"<p>{words.NO_SCORES}</p>"
    rows = [
        (name, *(_measured(by_rule[rule], key, as_share=True) for rule in rules))
        for key, name in SHARES.items()
    ] + [
        (name, *(_measured(by_rule[rule], key, as_share=False) for rule in rules))
        for key, name in AREAS.items()
    ]
    columns = ("Score (95 % interval)", *(RULES[rule] for rule in rules))
    return (
        f"<p>{_origin(scores)}</p>"
        + table(columns, rows, numbers=tuple(range(1, len(columns))), stacked=True)
        + _by_diagnosis(by_rule, rules)
    )


def _origin(scores: dict[str, Any]) -> str:
    parts = [
        f"{scores['images']:,} images of {scores['lesions']:,} lesions"
        if "images" in scores and "lesions" in scores
        else "",
        str(scores.get("split", "")),
        str(scores.get("predicted_by", "")),
        f"{VIEWS} views an image",
    ]
    return escape("; ".join(part for part in parts if part)) + "."


def _by_diagnosis(by_rule: dict[str, Any], rules: list[str]) -> str:
    tables = [by_rule[rule].get("per_class", {}) for rule in rules]
    rows = [
        (
            named(diagnosis),
            _count(tables[0].get(diagnosis.code, {}).get("images")),
            *(_share(per_class.get(diagnosis.code, {}).get("recall")) for per_class in tables),
        )
        for diagnosis in DIAGNOSES
    ]
    columns = ("Diagnosis", "Images", *(f"Found, {RULES[rule].lower()}" for rule in rules))
    return "<h3>How many of each diagnosis were put first</h3>" + table(
        columns, rows, numbers=tuple(range(1, len(columns))), stacked=True
    )


def _measured(scores: dict[str, Any], key: str, as_share: bool) -> str:
    shown = _share if as_share else _area
    text = shown(scores.get(key))
    interval = scores.get("intervals_95", {}).get(key)
    return text + (f" ({shown(interval[0])} to {shown(interval[1])})" if interval else "")


def _share(value: float | None) -> str:
    return "not measured" if value is None else percent(value)


def _area(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _count(value: int | None) -> str:
    return "not measured" if value is None else f"{value:,}"
