"""The model card of a weights folder and the score table of README.md, filled from the contract."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from skin_app.weights.contract import Contract
from skin_app.words.evidence import MEASURED
from train.data.ham10000 import DataError
from train.documents.members import epochs_kept, input_sizes
from train.documents.template import filled

RULES = ("calibrated", "prior_adjusted")
SCORES = {  # how a score is called in the tables -> in the contract
    "accuracy (top-1)": "accuracy",
    "top-2": "top_2",
    "top-3": "top_3",
    "balanced accuracy": "balanced_accuracy",
    "macro precision": "macro_precision",
    "macro F1": "macro_f1",
    "macro AUC": "macro_auc",
    "malignant AUC": "malignant_auc",
    "specificity at 95 % sensitivity, malignant": "specificity_at_95_sensitivity",
    "Brier": "brier",
    "NLL, nats": "negative_log_likelihood",
    "ECE": "expected_calibration_error",
}
HEADLINE = (
    "accuracy",
    "top_3",
    "balanced_accuracy",
    "macro_f1",
    "malignant_auc",
    "specificity_at_95_sensitivity",
    "expected_calibration_error",
)
ON_THE_HUB = (  # the Hub's name of a metric, our name, decision rule
    ("accuracy", "accuracy", "calibrated"),
    ("balanced_accuracy", "balanced_accuracy", "prior_adjusted"),
    ("f1", "macro_f1", "calibrated"),
    ("roc_auc", "malignant_auc", "calibrated"),
)
README_START = "<!-- scores: written by `python -m train readme` -->"
README_END = "<!-- end of scores -->"
QUOTED = "| outside"


def model_card(contract: Contract) -> str:
    """README.md of the weights folder, with the Hub's front matter."""
    measured = {} if contract.trust is None else contract.trust.measured
    return filled(
        "card.md",
        front_matter=front_matter(contract),
        measured={MEASURED[name]: estimate.model_dump() for name, estimate in measured.items()},
        input_sizes=input_sizes,
        epochs_kept=epochs_kept,
        **_scores(contract),
    )


def with_scores(readme: str, contract: Contract) -> str:
    """`readme` with the headline scores of `contract` between its two markers.

    Rows of the table there that begin with `QUOTED` stay: scores outside, measured by others. Raises
    `DataError` when a marker or every score is missing.
    """
    before, start, rest = readme.partition(README_START)
    table, end, after = rest.partition(README_END)
    if not start or not end:
        raise DataError(
            f"The file to write the scores into needs the lines {README_START} and {README_END}: put "
            "them where the table shall stand."
        )
    values = _scores(contract)
    if not values["columns"]:
        raise DataError(f"No scores were measured for {contract.name}: choose other --weights.")
    quoted = [row for row in table.splitlines() if row.startswith(QUOTED)]
    table = filled("score_table.md", headline=HEADLINE, quoted=quoted, **values)
    return f"{before}{start}\n\n{table}\n{end}{after}"


def front_matter(contract: Contract) -> str:
    """The card's YAML for the Hub: licence, tags, and the leading scores from most views."""
    reports = {rule: report for _, rule, report in _columns(contract)}  # the last are of most views
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="ham10000",
            dataset_name=f"HAM10000, {contract.scores['split']}",
            metric_type=metric,
            metric_name=f"{key.replace('_', ' ')}, {rule.replace('_', '-')}",
            metric_value=round(reports[rule][key], 4),
        )
        for metric, key, rule in ON_THE_HUB
        if reports and reports[rule][key] is not None
    ]
    return ModelCardData(
        license="cc-by-nc-4.0",
        pipeline_tag="image-classification",
        tags=["dermatoscopy", "skin-lesion", "ham10000"],
        model_name=contract.name,
        eval_results=results or None,
    ).to_yaml()


def _scores(contract: Contract) -> dict[str, Any]:
    """What both tables are filled with."""
    return {
        "contract": contract,
        "columns": _columns(contract),
        "names": list(SCORES.items()),
        "scored": _scored,
    }


def _columns(contract: Contract) -> list[tuple[int, str, dict[str, Any]]]:
    """Number of views, decision rule and scores, for the fewest and the most views."""
    scores = contract.scores
    views = sorted(int(key.removeprefix("views_")) for key in scores if key.startswith("views_"))
    shown = dict.fromkeys([*views[:1], *views[-1:]])
    return [(count, rule, scores[f"views_{count}"][rule]) for count in shown for rule in RULES]


def _scored(report: dict[str, Any], key: str) -> dict[str, Any]:
    return {"value": report[key], "interval_95": report["intervals_95"].get(key)}
