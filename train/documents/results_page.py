"""The results document in Markdown, from the numbers of `results`: nothing is typed in."""

import os
from pathlib import Path
from typing import Any

from skin_app.diagnoses import CODES, MALIGNANT
from train.documents.runs import extent, kinds_of_members, run_table
from train.documents.tables import (
    FURTHER,
    compared_name,
    confused_pairs,
    difference_cells,
    most_views,
    per_class_table,
    score_cell,
    score_cells,
    score_header,
    strata_table,
    table,
    untouched_title,
    views_table,
)
from train.scores.crossfit import CALIBRATORS
from train.scores.metrics import RESAMPLES, RULES

Numbers = dict[str, Any]


def results_page(numbers: Numbers, evidence_folder: Path, out: Path, figures_folder: Path) -> str:
    """The whole document. Figures are linked relative to `out`."""
    figures = Path(os.path.relpath(figures_folder, out.parent)).as_posix()
    blocks = [
        _intro(numbers, evidence_folder, out),
        _contents(numbers),
        _unfinished(numbers["not_run"]),
        _weights(numbers["weights"], figures),
        *(_study(study, figures) for study in numbers["studies"]),
        _trials(numbers["trials"]),
    ]
    return _joined(*blocks) + "\n"


def study_page(study: Numbers, out: Path, figures_folder: Path) -> str:
    """One study by itself, as `compare` leaves it beside the runs."""
    return _study(study, Path(os.path.relpath(figures_folder, out.parent)).as_posix()) + "\n"


def _intro(numbers: Numbers, evidence_folder: Path, out: Path) -> str:
    malignant = ", ".join(code for code, is_so in zip(CODES, MALIGNANT, strict=True) if is_so)
    return f"""# Results

What was really run, and what it scored: HAM10000, out of fold, each image predicted by a member that
was not trained on it. Scores and figures are computed from the logits per image, and the rest (minutes,
quick trials, published numbers) taken from the records, that are kept in `{evidence_folder.as_posix()}`
and in the weights folder, without images and without a GPU:

    python -m train evaluate --evidence {evidence_folder.as_posix()} --out {out.as_posix()}

`{out.with_suffix(".json").name}` beside this page holds all numbers, with more than is shown.

How to read them:

- **Calibrated**: {RULES["calibrated"]}. The calibrator of an image was fitted on other lesions. For the
  shipped weights it is {CALIBRATORS[numbers["weights"]["bias"]]}; each study says what it is there.
  The log of class weights is taken off first; a bias makes up for trainings that were too short to have
  shifted by all of it.
- **Prior-adjusted**: {RULES["prior_adjusted"]}: as if all seven diagnoses were equally common. Only the
  columns that name it use it; macro recall is the calibrated rule's balanced accuracy.
- **In brackets**: 95 % interval, {RESAMPLES:,} bootstraps over lesions. It holds the chance of which
  lesions were scored, not that of another training run.
- **Differences** draw the lesions of both sides together. A difference whose interval spans zero is
  reported as **none**. Settings that were run on other folds are compared on the images that both have,
  calibrated anew on these alone: then the scores shown do not subtract to the difference.
- Malignant group: {malignant}. Calibration error (ECE) and Brier score: lower is better.
  Resampling adds noise to calibration errors, so their intervals sit high and can miss the score.
- Early stopping chose the kept epoch on the held-out fold that is also scored: scores are that much too
  good, the more so the more epochs there were to choose from."""


def _contents(numbers: Numbers) -> str:
    titles = ["The shipped weights", *(study["title"] for study in numbers["studies"])]
    titles += ["Quick trials of frozen backbones"] if numbers["trials"] else []
    return "\n".join(f"{number}. {title}" for number, title in enumerate(titles, 1))


def _unfinished(not_run: dict[str, list[str]]) -> str:
    said = {
        "recipes": "Recipes that nobody ran yet in full (all folds, as published)",
        "studies": "Studies that nobody ran yet",
    }
    lines = [
        f"- {sentence}: {', '.join(f'`{name}`' for name in not_run[key])}."
        for key, sentence in said.items()
        if not_run[key]
    ]
    return _joined("**What was not run:**", "\n".join(lines)) if lines else ""


def _weights(weights: Numbers, figures: str) -> str:
    about = (
        f"`{weights['name']}`: {weights['members']} members of recipe `{weights['recipe']}`: "
        f"{kinds_of_members(weights)}; seed {weights['seed']}, "
        f"data `{weights['data_fingerprint'][:16]}`."
    )
    return _joined("## The shipped weights", about, extent(weights), _depth(weights, weights, figures))


def _study(study: Numbers, figures: str) -> str:
    settings = study["settings"]
    parts = [
        f"## {study['title']}",
        "\n".join(f"- {note}" for note in study["notes"]),
        f"Made by\n\n    {study['command']}" if study["command"] else "",
        _not_run(study),
        run_table(settings),
        _scores(study),
        _differences(study),
        _average(study),
        _siblings(study),
    ]
    if "in_depth" in study:
        baseline = {**settings[study["baseline"]], **study["in_depth"], "figures": study["figures"]}
        depth = _depth(baseline, baseline, figures)
        title = f"<summary>{study['baseline']} in depth: views, diagnoses, strata, figures</summary>"
        parts.append(f"<details>{title}\n\n{depth}\n\n</details>")
    parts.append(_images(study["more_figures"], figures))
    return _joined(*parts)


def _trials(trials: list[Numbers]) -> str:
    """Frozen backbones side by side, as tees3r/HAM10K tried them."""
    if not trials:
        return ""
    header = ["backbone, size", "start weights", "images", "balanced accuracy, prior-adjusted"]
    header += ["macro AUC", "top-3", "minutes per 1,000 images", "seconds an answer", "hardware"]
    rows = [
        [
            f"{trial['backbone']}, {trial['size']} px",
            trial["start_weights"],
            f"{trial['images']:,}",
            score_cell(trial["prior_adjusted"], "balanced_accuracy"),
            score_cell(trial["calibrated"], "macro_auc"),
            score_cell(trial["calibrated"], "top_3"),
            f"{trial['minutes_per_1000_images']:.2f}",
            f"{trial['answer_seconds']:.2f}",
            trial["hardware"],
        ]
        for trial in trials
    ]
    about = (
        "Nothing of the backbone is trained: class-weighted logistic regression on its pooled "
        "features, one view, five lesion-grouped folds (`python -m train trial`). The images are a "
        "stratified part in which rare diagnoses are over-represented, so accuracies are not those of "
        "the whole data. "
        f"Times are one reading on the machine at hand. Target of {trials[0]['target']}."
    )
    return _joined("## Quick trials of frozen backbones", about, table(header, rows))


def _not_run(study: Numbers) -> str:
    names = ", ".join(f"`{name}`" for name in study["not_run"])
    return f"**Not run:** {names}." if names else ""


def _scores(study: Numbers) -> str:
    rows = []
    for name, run in study["settings"].items():
        rows.append([f"**{name}**", *score_cells(most_views(run))])
        if study["published"].get(name):
            rows.append(["*published*", *score_cells(study["published"][name])])
    if "average" in study:
        rows.append(["**average of all**", *score_cells(most_views(study["average"]))])
    return f"### Scores\n\n{table(['setting', *score_header()], rows)}"


def _differences(study: Numbers) -> str:
    if "differences" not in study:
        return f"The baseline {study['baseline']} was not run: there are no differences to it."
    if not study["differences"]:
        return "Only the baseline was run: there is nothing to compare it with."
    rows = [
        [compared_name(study, name), *_difference_row(by_rule)]
        for name, by_rule in study["differences"].items()
    ]
    header = ["setting", "images shared", *score_header()]
    parts = [f"### Difference to {study['baseline']}", table(header, rows)]
    if study.get("untouched"):
        rows = [
            [compared_name(study, name), *_difference_row(by_rule)]
            for name, by_rule in study["untouched"]["differences"].items()
        ]
        parts += [untouched_title(study), table(header, rows)]
    return _joined(*parts)


def _difference_row(by_rule: Numbers) -> list[str]:
    compared = by_rule["calibrated"]
    one, other = compared["images"]
    shared = compared["shared_images"]
    count = f"{shared:,}" if shared == one == other else f"{shared:,} ({one:,} and {other:,})"
    return [count, *difference_cells(by_rule)]


def _average(study: Numbers) -> str:
    if "average" not in study:
        return ""
    rows = [
        [f"minus {name}", *_difference_row(by_rule)]
        for name, by_rule in study["average"]["against"].items()
    ]
    return "### The average of all settings against each of them\n\n" + table(
        ["average", "images shared", *score_header()], rows
    )


def _siblings(study: Numbers) -> str:
    parts = []
    for name, numbers in study.get("siblings", {}).items():
        seen, unseen = numbers["with_sibling"], numbers["without"]
        parts.append(
            f"### What the split by image lets through ({name})\n\nThe lesion-grouped split is the "
            f"headline; the split by image is for comparison only. {seen:,} of {seen + unseen:,} "
            f"held-out images ({seen / (seen + unseen):.1%}) have another image of their lesion in the "
            "training data. The two groups also differ in their mix of diagnoses."
        )
        if "difference" in numbers:
            rows = [
                ["with such an image", *score_cells(numbers["scores_with"])],
                ["without", *score_cells(numbers["scores_without"])],
                ["difference", *_difference_row(numbers["difference"])[1:]],
            ]
            parts.append(table(["held-out images", *score_header()], rows))
    return "\n\n".join(parts)


def _depth(scores: Numbers, depth: Numbers, figures: str) -> str:
    report = most_views(scores)
    return _joined(
        f"Views averaged:\n\n{views_table(scores, depth)}\n\n{views_table(scores, depth, FURTHER)}",
        f"By diagnosis:\n\n{per_class_table(report)}",
        f"Leading confusions (calibrated):\n\n{confused_pairs(report['calibrated'])}",
        "<details><summary>By sex, age, site and how the diagnosis was made</summary>\n\n"
        f"{strata_table(depth['strata'])}\n\n</details>",
        _images(depth["figures"], figures),
    )


def _images(drawn: list[dict[str, str]], figures: str) -> str:
    return "\n".join(f"![{figure['caption']}]({figures}/{figure['file']})" for figure in drawn)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
