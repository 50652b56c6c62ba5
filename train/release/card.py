"""The model card of a weights folder, generated from its contract: no number is typed in."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from skin_app.diagnoses import DIAGNOSES
from skin_app.weights.folder import Contract, Rounding, Training
from train.data.ham10000 import DataError
from train.documents.tables import most_views
from train.recipes.published import FLAGSHIP


def model_card(contract: Contract) -> str:
    """README.md of the weights folder, with the Hub's front matter."""
    training = contract.training
    evidence = contract.scores
    recipe = training.recipe
    lines = [
        "---",
        front_matter(contract),
        "---",
        "",
        f"# {contract.name}: dermatoscopic skin-lesion ensemble",
        "",
        "**A research demo, not a medical device.** Not for diagnosis, not for treatment decisions, "
        "not for photographs taken without a dermatoscope, not validated on any patient group other "
        "than HAM10000's (Austria and Australia, almost only light skin).",
        "",
        f"Weights: {contract.licence}.",
        "",
        "## What it is",
        "",
        *(line for kind in contract.trainings for line in _kind_of_member(kind)),
        f"- Stored as {contract.stored}.{_rounded(contract.rounding)}{_answering_along(contract)}",
        "- Early stopping chose the epochs on the held-out fold that is also reported."
        + _settings_chosen(recipe["name"]),
        f"- Data: HAM10000, {training.images:,} images of {training.lesions:,} lesions; fingerprint "
        f"`{training.data_fingerprint[:16]}`; seed {training.seed}.",
        f"- Calibration: {contract.calibration.fitted_on}. "
        + ", ".join(
            f"temperature {temperature:.3f}"
            + (" and a bias of each class" if views in contract.calibration.biases else "")
            + f" for {views} view{'s' if views > 1 else ''}"
            for views, temperature in contract.calibration.temperatures.items()
        )
        + ".",
        "",
        "## Use",
        "",
        "By the program that made them (its commit is `git_revision` in `ensemble.json`), with this "
        "repo's name and the full hash of its commit:",
        "",
        "    SKIN_APP_WEIGHTS=OWNER/NAME@COMMIT python app.py",
        "",
        "## Scores inside HAM10000",
        "",
        f"{evidence.get('images', 0):,} images of {evidence.get('lesions', 0):,} lesions, split: "
        f"{evidence.get('split', 'none')}; {evidence.get('predicted_by', '')}. The calibrator of an "
        f"image was fitted on {evidence.get('calibration_of', 'nothing')}. In brackets: 95 % "
        "interval, 1,000 bootstraps over lesions.",
        "",
        *score_table(evidence),
        "",
        "Outside its own clinics every such model is worse; no number outside HAM10000 was measured "
        "for these weights.",
        "",
        "`ensemble.json` holds all of this for programs; `evaluation/out_of_fold.csv` holds the logits "
        "per image, so that every score can be recomputed.",
        "",
        "## How far to trust one answer",
        "",
        *trust_table(contract),
        "",
        "## Data and licences",
        "",
        "P. Tschandl, C. Rosendahl, H. Kittler, *The HAM10000 dataset*, Scientific Data 5, 180161 "
        "(2018), CC BY-NC 4.0. No image of it is in this folder. The start weights come from a public "
        "repository that states no licence where the file name says `stages123`, `tinyimagenet` or "
        "`modelmaker_int8`.",
        "",
    ]
    return "\n".join(lines)


def _kind_of_member(training: Training) -> list[str]:
    """What one kind of member is, and how it was trained."""
    recipe = training.recipe
    member = recipe["member"]
    split = "by image" if recipe.get("split") == "image" else "lesion-grouped"
    return [
        f"- {len(training.shipped)} members: `{member['architecture']}`"
        + (f", stages 1 to {member['stages']}" if member["stages"] else "")
        + f", {input_sizes(member)}, {_head(member)}. Start weights: `{training.start_weights}`.",
        f"  Folds trained: {', '.join(map(str, training.folds))} of {recipe['folds']} ({split}); "
        f"shipped members: folds {', '.join(map(str, training.shipped))}; kept "
        f"{epochs_kept(training.kept_epochs)}.",
    ]


def epochs_kept(kept_epochs: Mapping[Any, Sequence[int]]) -> str:
    """Which epoch of each fold was kept, as "fold 0: epoch 3 of 3, ..."."""
    return ", ".join(f"fold {fold}: epoch {kept} of {ran}" for fold, (kept, ran) in kept_epochs.items())


def _rounded(rounding: Rounding | None) -> str:
    if rounding is None:
        return ""
    return (
        " The predictions that are scored were made before the weights were rounded to it: on "
        f"{rounding.images:,} of these images (8 views) that leaves the first diagnosis as it was for "
        f"{rounding.same_first:.1%}".replace("%", " %")
        + f", and changes a logit by {rounding.mean_change:.3f} on average, "
        f"{rounding.largest_change:.2f} at most."
    )


def _answering_along(contract: Contract) -> str:
    if not contract.further:
        return ""
    return " All answer along: their logits are averaged with equal weights."


def _settings_chosen(recipe: str) -> str:
    """What else of our own recipe was chosen with looks at images that are reported."""
    if recipe != FLAGSHIP.name:
        return ""
    return (
        " What else is set (what to train, the sizes of the views) was chosen with looks at some of "
        "these images too, so the scores are a little too good."
    )


def input_sizes(member: dict[str, Any]) -> str:
    """The input size in words, with those of the other views where there are any."""
    sizes = [str(size) for size in member.get("view_sizes", ())]
    others = f" (views at {', '.join(sizes[:-1])} and {sizes[-1]} px in turn)" if sizes[1:] else ""
    return f"{member['size']} px{others}"


def _head(member: dict[str, Any]) -> str:
    """What stands between a member's last feature map and its logits."""
    pool = "global average pool" if member.get("pool", "average") == "average" else "no pooling"
    dense = "two dense layers" if member.get("hidden") else "one dense layer"
    return f"{pool}, dropout, {dense}"


ON_THE_HUB = (  # the Hub's name of a metric, our name, decision rule
    ("accuracy", "accuracy", "calibrated"),
    ("balanced_accuracy", "balanced_accuracy", "prior_adjusted"),
    ("f1", "macro_f1", "calibrated"),
    ("roc_auc", "malignant_auc", "calibrated"),
)


def front_matter(contract: Contract) -> str:
    """The card's YAML for the Hub: licence, tags, and the leading scores from most views."""
    views = most_views(contract.scores)
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="ham10000",
            dataset_name=f"HAM10000, {contract.scores['split']}",
            metric_type=metric,
            metric_name=f"{key.replace('_', ' ')}, {rule.replace('_', '-')}",
            metric_value=round(views[rule][key], 4),
        )
        for metric, key, rule in ON_THE_HUB
        if views and views[rule].get(key) is not None
    ]
    return ModelCardData(
        license="cc-by-nc-4.0",
        pipeline_tag="image-classification",
        tags=["dermatoscopy", "skin-lesion", "ham10000"],
        model_name=contract.name,
        eval_results=results or None,
    ).to_yaml()


README_START = "<!-- scores: written by `python -m train readme` -->"
README_END = "<!-- end of scores -->"


def with_scores(readme: str, contract: Contract) -> str:
    """`readme` with the score table of `contract` between its two markers.

    Raises `DataError` when a marker is missing.
    """
    before, start, rest = readme.partition(README_START)
    _, end, after = rest.partition(README_END)
    if not start or not end:
        raise DataError(
            f"The file to write the scores into needs the lines {README_START} and {README_END}: put "
            "them where the table shall stand."
        )
    evidence = contract.scores
    about = (
        f"{evidence.get('images', 0):,} images of {evidence.get('lesions', 0):,} lesions, predicted by "
        f"{evidence.get('predicted_by', 'nothing')}; weights `{contract.name}`, "
        f"{len(contract.members)} members shipped of "
        f"{sum(len(kind.folds) for kind in contract.trainings)} trained."
    )
    table = "\n".join(score_table(evidence))
    trust = "\n".join(trust_table(contract))
    return f"{before}{start}\n\n{about}\n\n{table}\n\n{trust}\n\n{end}{after}"


def trust_table(contract: Contract) -> list[str]:
    """Markdown: what was measured of outcomes, sets, novelty and maps, or that nothing was."""
    if contract.trust is None:
        return ["Nothing was fitted or measured: run `python -m train audit`."]
    rows = [
        "How far one answer can be trusted, measured by limits that were fitted on other lesions, each "
        "answered only by members that had not seen it, outcomes before disagreement was asked (the "
        "document that `python -m train audit` wrote says more):",
        "",
        "| measured | value | images |",
        "|---|---|---|",
    ]
    for name, own in contract.trust.measured.items():
        value, low, high = (
            f"{number:.1%}".replace("%", " %") if own.is_share else f"{number:.2f}"
            for number in (own.value, *own.interval_95)
        )
        rows.append(f"| {name} | {value} [{low}, {high}] | {own.images:,} |")
    return rows


def score_table(evidence: dict[str, Any]) -> list[str]:
    """Markdown rows: the main scores of both decision rules, for the fewest and the most views."""
    views = sorted(
        (key for key in evidence if key.startswith("views_")),
        key=lambda view: int(view.removeprefix("views_")),
    )
    if not views:
        return ["No scores were measured for these weights."]
    views = list(dict.fromkeys([views[0], views[-1]]))  # what the page answers with: quick and full
    columns = [(view, rule) for view in views for rule in ("calibrated", "prior_adjusted")]
    header = " | ".join(
        f"{view.removeprefix('views_')} view{'s' if view != 'views_1' else ''}, "
        f"{rule.replace('_', '-')}"
        for view, rule in columns
    )
    rows = [f"| score | {header} |", "|---|" + "---|" * len(columns)]
    names = {
        "accuracy": "accuracy (top-1)",
        "top_2": "top-2",
        "top_3": "top-3",
        "balanced_accuracy": "balanced accuracy",
        "macro_precision": "macro precision",
        "macro_f1": "macro F1",
        "macro_auc": "macro AUC",
        "malignant_auc": "malignant AUC",
        "specificity_at_95_sensitivity": "specificity at 95 % sensitivity, malignant",
        "brier": "Brier",
        "negative_log_likelihood": "NLL, nats",
        "expected_calibration_error": "ECE",
    }
    measured = evidence[views[0]]["calibrated"]
    for key, title in names.items():
        if key not in measured:
            continue  # scored by an earlier version of the trainer
        cells = [_cell(evidence[view][rule], key) for view, rule in columns]
        rows.append(f"| {title} | " + " | ".join(cells) + " |")
    for diagnosis in DIAGNOSES:
        cells = []
        for view, rule in columns:
            value = evidence[view][rule]["per_class"][diagnosis.code]["recall"]
            cells.append("n/a" if value is None else f"{value:.3f}")
        rows.append(f"| recall {diagnosis.code} | " + " | ".join(cells) + " |")
    return rows


def _cell(report: dict[str, Any], key: str) -> str:
    value = report[key]
    if value is None:
        return "n/a"
    interval = report["intervals_95"].get(key)
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
