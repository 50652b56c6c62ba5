"""The model card of a weights folder, and the score table of README.md, filled from the contract.

Begin at `model_card` and `with_scores`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import timm
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
        front_matter=_front_matter(contract, outside),
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


def _front_matter(contract: Contract, outside: Sequence[OutsideScores]) -> str:
    """The card's YAML for the Hub: licence, data, tags and main scores (inside from the most views).

    `inference: false`: the Hub shows no widget, because it cannot run these networks.
    """
    inside = {rule: scores for _, rule, scores in _columns(contract)}  # the last: the most views
    results = _results("ham10000", f"HAM10000, {contract.scores.get('split')}", inside)
    for report in outside:
        if report.members_changed:  # then the scores are those of other weights
            continue
        shown = {rule: _shown(report, scores) for rule, scores in report.rules.items()}
        results += _results(report.name.lower().replace(" ", "-"), report.name, shown)
    return ModelCardData(
        license="cc-by-nc-4.0",
        datasets=["ham10000"],
        base_model=_base_models(contract) or None,
        pipeline_tag="image-classification",
        tags=["dermatoscopy", "skin-lesion", "ham10000"],
        inference=False,
        model_name=contract.name,
        eval_results=results or None,
    ).to_yaml()


def _results(dataset: str, name: str, by_rule: Mapping[str, Mapping[str, Any]]) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=dataset,
            dataset_name=name,
            metric_type=metric,
            metric_name=f"{score.replace('_', ' ')}, {rule.replace('_', '-')}",
            metric_value=round(by_rule[rule][score], 4),
        )
        for metric, score, rule in ON_THE_HUB
        if by_rule.get(rule, {}).get(score) is not None
    ]


def _shown(report: OutsideScores, scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if report.shows(name)}


def _base_models(contract: Contract) -> list[str]:
    """The Hub's ids of the start weights that are timm's own; a file has none."""
    starts = (own.start_weights for own in contract.trainings)
    names = (start.split()[1].strip(",") for start in starts if start.startswith("timm "))
    known = (timm.get_pretrained_cfg(name) for name in names)
    return list(dict.fromkeys(own.hf_hub_id for own in known if own and own.hf_hub_id))


def _columns(contract: Contract) -> list[tuple[int, str, dict[str, Any]]]:
    """Number of views, decision rule and scores, for the fewest and the most views."""
    scores = contract.scores
    views = sorted(int(key.removeprefix("views_")) for key in scores if key.startswith("views_"))
    shown = dict.fromkeys([*views[:1], *views[-1:]])
    return [(count, rule, scores[f"views_{count}"][rule]) for count in shown for rule in RULES]
