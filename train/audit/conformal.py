"""Prediction sets: which diagnoses cannot be ruled out, and how often the true one is among them.

Class-conditional (Mondrian) split conformal sets: a diagnosis is in an image's set when its calibrated
probability is at least the threshold of that diagnosis, which the given share of the diagnosis' own
images reaches (Vovk, ACML 2012). One threshold for all diagnoses would fail on the rare ones.
"""

from typing import Any

import numpy as np
import pandas as pd

from skin_app.decision import SetThresholds, prediction_set
from skin_app.diagnoses import CODES
from skin_app.patients import groups_of
from train.audit.nested import Nested, means_with_intervals
from train.documents.tables import table

COVERAGES = (0.9, 0.95)
POINTS, FEWEST_LESIONS = 0.02, 100
AXES = {"diagnosis": "dx", "sex": "sex", "age band": "age", "site": "localization"}


def kept_share_threshold(scores: np.ndarray, share: float) -> float:
    """The threshold that a new score reaches with a probability of at least `share`.

    `scores`: (n,) of the same kind. It is the floor((1 - share) * (n + 1))-th smallest of them; 0 when
    that is none, because there are too few.
    """
    # 1 - 0.9 is a little less than 0.1: without the rounding 9 scores would be too few for 90 %
    rank = int(np.floor(round((1 - share) * (len(scores) + 1), 9)))
    return float(np.sort(scores)[rank - 1]) if rank else 0.0


def fit_sets(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> SetThresholds:
    """Thresholds from (images, 7) calibrated probabilities of images that the networks had not seen."""
    least = [kept_share_threshold(probabilities[labels == k, k], coverage) for k in range(len(CODES))]
    return SetThresholds(coverage=coverage, least=tuple(least))


def nested_sets(nested: Nested, coverage: float) -> np.ndarray:
    """(divisions, images, 7) bool: each image's set by thresholds fitted outside its part."""
    sets = np.zeros((len(nested.divisions), len(nested.labels), len(CODES)), dtype=bool)
    for own, division in zip(sets, nested.divisions, strict=True):
        for inside, probabilities in division.halves():
            thresholds = fit_sets(probabilities[~inside], nested.labels[~inside], coverage)
            own[inside] = prediction_set(probabilities[inside], thresholds)
    return sets


def measure(nested: Nested, images: pd.DataFrame) -> dict[str, Any]:
    """Coverage and size of the sets, overall and by group, for each of `COVERAGES`.

    `images`: one row an image with the columns dx, sex, age, localization.
    """
    return {f"{coverage:g}": _measured(nested, images, coverage) for coverage in COVERAGES}


def _measured(nested: Nested, images: pd.DataFrame, coverage: float) -> dict[str, Any]:
    sets = nested_sets(nested, coverage)
    sizes = sets.sum(axis=2)
    covered = sets[:, np.arange(len(nested.labels)), nested.labels].mean(axis=0)
    kinds = [sizes.mean(axis=0), (sizes == 0).mean(axis=0), (sizes == len(CODES)).mean(axis=0)]
    overall = np.stack([covered, *kinds], axis=1)
    groups = [(axis, name, rows) for axis in AXES for name, rows in groups_of(images, AXES[axis])]
    columns = [np.where(rows, values, np.nan) for *_, rows in groups for values in (covered, kinds[0])]
    found = means_with_intervals(np.column_stack([overall, *columns]), nested.lesions)
    names = ("coverage", "mean_size", "empty", "all_seven")
    report: dict[str, Any] = dict(zip(names, found, strict=False))
    report["groups"] = {axis: {} for axis in AXES}
    for place, (axis, name, _) in enumerate(groups):
        at = len(names) + 2 * place
        report["groups"][axis][name] = {"coverage": found[at], "mean_size": found[at + 1]}
    classes = report["groups"]["diagnosis"]
    judged = {
        c: g["coverage"] for c, g in classes.items() if g["coverage"]["lesions"] >= FEWEST_LESIONS
    }
    report["judged"] = sorted(judged)
    report["missed"] = sorted(c for c, g in judged.items() if abs(g["value"] - coverage) > POINTS)
    fitted = fit_sets(nested.divisions[0].own, nested.labels, coverage)
    report["always_in"] = [c for c, least in zip(CODES, fitted.least, strict=True) if least == 0]
    return report


def render(by_views: dict[str, dict[str, Any]]) -> str:
    """The part on prediction sets. `by_views`: number of views -> what `measure` gave."""
    lines = [
        "### Prediction sets",
        "",
        "A set holds every diagnosis that cannot be ruled out. Each diagnosis has a threshold of its "
        "own, so that the stated share of *its own* images keeps it (class-conditional conformal "
        "sets). The guarantee is for new images like these, image by image; several photos of one "
        "lesion are not independent of each other, so the intervals draw whole lesions.",
        "",
    ]
    header = ["views", "nominal", "coverage", "mean size", "empty", "all seven"]
    rows, verdicts = [], []
    for views, by_coverage in by_views.items():
        for coverage, found in by_coverage.items():
            cells = [with_interval(found[n]) for n in ("coverage", "mean_size", "empty", "all_seven")]
            rows.append([views, coverage, *cells])
            verdicts.append(_verdict(views, coverage, found))
    lines += [table(header, rows), "", *verdicts, ""]
    lines += [
        "An empty set means that no diagnosis reaches what is usual for its own images: the photo is "
        "of none of the seven kinds as the networks know them (or of several at once, each too "
        "weakly). A set of all seven means that nothing can be ruled out: the answer holds no "
        "information. Both are shown as uncertain.",
        "",
    ]
    short = _falling_short(by_views)
    lines += [
        "No coverage is promised for a sex, an age or a site, only for a diagnosis. Groups whose "
        f"coverage is clearly below nominal (interval below it): {'; '.join(short) or 'none'}.",
        "",
    ]
    for axis in AXES:
        lines += [f"#### By {axis}", "", _group_table(by_views, axis), ""]
    return "\n".join(lines)


def _verdict(views: str, coverage: str, found: dict[str, Any]) -> str:
    who = f"{views} view(s), {float(coverage):.0%}"
    target = f"every diagnosis of {FEWEST_LESIONS}+ lesions within {POINTS:.0%} of nominal"
    judged = ", ".join(found["judged"])
    verdict = f"**missed** for {', '.join(found['missed'])}" if found["missed"] else "**met**"
    if not judged:
        judged, verdict = "none", "**not judged**"
    always = found["always_in"]
    note = (
        f" Too few images for a threshold, so always in the set: {', '.join(always)}." if always else ""
    )
    return f"- {who}: target ({target}; here {judged}): {verdict}.{note}"


def _falling_short(by_views: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{axis} {name} ({coverage} sets, {views} view(s): {with_interval(group['coverage'])})"
        for views, by_coverage in by_views.items()
        for coverage, found in by_coverage.items()
        for axis, groups in found["groups"].items()
        for name, group in groups.items()
        if group["coverage"]["interval_95"] and group["coverage"]["interval_95"][1] < float(coverage)
    ]


def _group_table(by_views: dict[str, dict[str, Any]], axis: str) -> str:
    settings = [(v, c, found["groups"][axis]) for v, by in by_views.items() for c, found in by.items()]
    header = [axis, "images", "lesions"]
    header += [f"{c} sets, {v} view(s): coverage; size" for v, c, _ in settings]
    rows = []
    for name, first in settings[0][2].items():
        cells = [
            f"{with_interval(groups[name]['coverage'])}; {groups[name]['mean_size']['value']:.2f}"
            for *_, groups in settings
        ]
        rows.append([name, str(first["coverage"]["images"]), str(first["coverage"]["lesions"]), *cells])
    return table(header, rows)


def with_interval(measured: dict[str, Any], digits: int = 3) -> str:
    """As "0.901 [0.890, 0.912]", or n/a without images."""
    if measured["value"] is None:
        return "n/a"
    interval = measured["interval_95"]
    shown = f"{measured['value']:.{digits}f}"
    return f"{shown} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else shown
