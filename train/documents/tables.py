"""Markdown tables of scores, differences, diagnoses, strata and confusions."""

from typing import Any

import numpy as np

from skin_app.diagnoses import CODES
from train.scores.strata import AXES, FEWEST_LESIONS, SHOWN

Numbers = dict[str, Any]
COLUMNS = (
    ("accuracy", "calibrated", "accuracy"),
    ("macro precision", "calibrated", "macro_precision"),
    ("macro recall", "calibrated", "macro_recall"),
    ("macro F1", "calibrated", "macro_f1"),
    ("balanced accuracy, prior-adjusted", "prior_adjusted", "balanced_accuracy"),
    ("macro AUC", "calibrated", "macro_auc"),
    ("malignant AUC", "calibrated", "malignant_auc"),
    ("ECE", "calibrated", "expected_calibration_error"),
)
FURTHER = (
    ("top-2", "calibrated", "top_2"),
    ("top-3", "calibrated", "top_3"),
    ("specificity at 95 % sensitivity", "calibrated", "specificity_at_95_sensitivity"),
    ("Brier", "calibrated", "brier"),
    ("negative log-likelihood, nats", "calibrated", "negative_log_likelihood"),
)
Columns = tuple[tuple[str, str, str], ...]
PAIRS = 8


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def score_header(columns: Columns = COLUMNS) -> list[str]:
    """Titles of the score columns."""
    return [title for title, _, _ in columns]


def score_cells(scores: Numbers, columns: Columns = COLUMNS) -> list[str]:
    """Each score with its interval.

    `scores`: a report by decision rule, or published scores by name, which state no rule and no
    interval; what is not there stays empty.
    """
    if "calibrated" in scores:
        return [score_cell(scores[rule], key) for _, rule, key in columns]
    return [
        f"*{scores[key]:.3f}*" if key in scores and rule == "calibrated" else ""
        for _, rule, key in columns
    ]


def score_cell(report: Numbers, key: str) -> str:
    """As "0.840 [0.825, 0.854]", or n/a where the score is undefined."""
    value = report[key]
    if value is None:
        return "n/a"
    interval = report["intervals_95"].get(key)
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def difference_cells(by_rule: Numbers, columns: Columns = COLUMNS) -> list[str]:
    """Each as "**worse** -0.021 [-0.034, -0.008]"; "none" when the interval spans zero."""
    return [_difference_cell(by_rule[rule]["differences"].get(key)) for _, rule, key in columns]


def _difference_cell(found: Numbers | None) -> str:
    if found is None:
        return "n/a"
    low, high = found["interval_95"]
    verdict = found["verdict"] if found["verdict"] == "none" else f"**{found['verdict']}**"
    return f"{verdict} {found['value']:+.3f} [{low:+.3f}, {high:+.3f}]"


def most_views(scores: Numbers) -> Numbers:
    """The report of the largest number of views among `views_1`, `views_8`, ...; empty for none."""
    views = [int(key.removeprefix("views_")) for key in scores if key.startswith("views_")]
    return scores[f"views_{max(views)}"] if views else {}


def compared_name(study: Numbers, name: str) -> str:
    """The name of a setting, with what it was compared with where that is not the study's baseline."""
    other = study["against"].get(name)
    return f"**{name}**" + (f" less {other}" if other else "")


def untouched_title(study: Numbers) -> str:
    """What stands above the differences on folds that were not looked at before."""
    folds = study["untouched"]["folds"]
    return (
        f"On fold{'s' if folds[1:] else ''} {', '.join(map(str, folds))} alone, not looked at when the "
        "settings were chosen, calibrated on it alone:"
    )


def views_table(scores: Numbers, depth: Numbers, columns: Columns = COLUMNS) -> str:
    """One row a number of views, and the gain of the most over one."""
    counts = sorted(int(key.removeprefix("views_")) for key in scores if key.startswith("views_"))
    rows = [[str(n), *score_cells(scores[f"views_{n}"], columns)] for n in counts]
    if "gain_of_views" in depth:
        rows.append([f"{counts[-1]} minus 1", *difference_cells(depth["gain_of_views"], columns)])
    return table(["views", *score_header(columns)], rows)


def per_class_table(report: Numbers) -> str:
    """Recall of both rules, and the calibrated rule's precision, F1, AUC and calibration error."""
    header = [
        "diagnosis",
        "images",
        "recall",
        "recall, prior-adjusted",
        "precision",
        "F1",
        "AUC",
        "ECE",
    ]
    rows = []
    for code in CODES:
        plain = report["calibrated"]["per_class"][code]
        adjusted = report["prior_adjusted"]["per_class"][code]
        keys = ("precision", "f1", "auc", "calibration_error")
        cells = [score_cell(plain, "recall"), score_cell(adjusted, "recall")]
        rows.append([code, f"{plain['images']:,}", *cells, *(score_cell(plain, key) for key in keys)])
    return table(header, rows)


def confused_pairs(report: Numbers) -> str:
    """The most frequent errors: true class, predicted class, count, share of the true class."""
    counts = np.array(report["confusion_matrix"]["counts"])
    wrong = counts * (1 - np.eye(len(CODES), dtype=int))
    rows = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]:
        true, predicted = divmod(int(place), len(CODES))
        if wrong[true, predicted]:
            share = wrong[true, predicted] / counts[true].sum()
            of_class = f"{share:.0%} of {counts[true].sum():,} {CODES[true]}"
            rows.append([CODES[true], CODES[predicted], str(wrong[true, predicted]), of_class])
    return table(["true", "predicted", "images", "share"], rows)


def strata_table(strata: Numbers) -> str:
    """All axes in one table; small strata with their counts only."""
    header = [
        "",
        "stratum",
        "images",
        "lesions",
        "diagnoses",
        *(name.replace("_", " ") for name in SHOWN),
    ]
    header[-1] = "malignant AUC"
    rows = []
    for axis, groups in strata.items():
        for name, group in groups.items():
            if "accuracy" in group:
                cells = [score_cell(group, key) for key in SHOWN]
            else:
                cells = [f"fewer than {FEWEST_LESIONS} lesions", "", ""]
            counts = [f"{group['images']:,}", f"{group['lesions']:,}", str(len(group["classes"]))]
            rows.append([AXES[axis], name, *counts, *cells])
    return (
        table(header, rows)
        + "\n\nCalibrated rule. Balanced accuracy is the mean recall over the diagnoses that the "
        "stratum holds (their number is in the table), so strata of other diagnoses do not compare."
    )
