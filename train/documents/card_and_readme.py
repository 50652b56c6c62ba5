"""The model card of a weights folder, and the score table of README.md, filled from the contract.

Begin at `model_card` and `with_scores`.
"""

from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from skin_app.diagnoses import DIAGNOSES
from skin_app.weights.contract import Contract
from skin_app.weights.outside_scores import OutsideScores
from skin_app.words.evidence import MEASURED
from train.data.ham10000 import DataError
from train.documents.template import filled
from train.scores.metrics import RULES

ON_THE_HUB = (  # the Hub's name of a metric, our name, decision rule
    ("accuracy", "accuracy", "calibrated"),
    ("balanced_accuracy", "balanced_accuracy", "prior_adjusted"),
    ("f1", "macro_f1", "calibrated"),
    ("roc_auc", "malignant_auc", "calibrated"),
)
README_START = "<!-- scores: written by `python -m train readme` -->"
README_END = "<!-- end of scores -->"


def model_card(contract: Contract, outside: Sequence[OutsideScores] = ()) -> str:
    """README.md of the weights folder, with the Hub's front matter."""
    measured = {} if contract.trust is None else contract.trust.measured
    return filled(
        "card.md",
        contract=contract,
        columns=_columns(contract),
        diagnoses=DIAGNOSES,
        front_matter=_front_matter(contract),
        outside=outside,
        measured={MEASURED[name]: estimate.model_dump() for name, estimate in measured.items()},
    )


def with_scores(readme: str, contract: Contract, outside: Sequence[OutsideScores] = ()) -> str:
    """`readme` with the main scores of `contract`, and those `outside`, between its two markers.

    Raises `DataError` when a marker is missing, or `contract` has no scores.
    """
    before, start, rest = readme.partition(README_START)
    _, end, after = rest.partition(README_END)
    if not start or not end:
        raise DataError(
            f"The file to write the scores into needs the lines {README_START} and {README_END}: put "
            "them where the table shall stand."
        )
    columns = _columns(contract)
    if not columns:
        raise DataError(f"No scores were measured for {contract.name}: choose other --weights.")
    measured = {} if contract.trust is None else contract.trust.model_dump()["measured"]
    table = filled(
        "readme_scores.md", contract=contract, columns=columns, outside=outside, measured=measured
    )
    return f"{before}{start}\n\n{table.strip()}\n\n{end}{after}"


def _front_matter(contract: Contract) -> str:
    """The card's YAML for the Hub: licence, tags, and the main scores from the most views."""
    by_rule = {rule: scores for _, rule, scores in _columns(contract)}  # the last: the most views
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="ham10000",
            dataset_name=f"HAM10000, {contract.scores['split']}",
            metric_type=metric,
            metric_name=f"{name.replace('_', ' ')}, {rule.replace('_', '-')}",
            metric_value=round(by_rule[rule][name], 4),
        )
        for metric, name, rule in ON_THE_HUB
        if by_rule and by_rule[rule][name] is not None
    ]
    return ModelCardData(
        license="cc-by-nc-4.0",
        pipeline_tag="image-classification",
        tags=["dermatoscopy", "skin-lesion", "ham10000"],
        model_name=contract.name,
        eval_results=results or None,
    ).to_yaml()


def _columns(contract: Contract) -> list[tuple[int, str, dict[str, Any]]]:
    """Number of views, decision rule and scores, for the fewest and the most views."""
    scores = contract.scores
    views = sorted(int(key.removeprefix("views_")) for key in scores if key.startswith("views_"))
    shown = dict.fromkeys([*views[:1], *views[-1:]])
    return [(count, rule, scores[f"views_{count}"][rule]) for count in shown for rule in RULES]
