"""Whether the probabilities mean what they say: expected calibration error out of fold."""

from typing import Any

import numpy as np

from train.audit.bench import Bench
from train.audit.conformal import with_interval
from train.documents.tables import table
from train.scores.crossfit import Bias, chosen_calibration, cross_fitted
from train.scores.metrics import BINS, percentiles_95, resampled_scores, weighted_scores

TARGET = 0.02
CALIBRATORS: dict[str, Bias] = {"temperature": "none", "temperature and bias, where it helps": "chosen"}
SCORES = ("expected_calibration_error", "negative_log_likelihood", "accuracy", "malignant_auc")


def measure(bench: Bench) -> dict[str, Any]:
    """Nested scores of both calibrators for each number of views; intervals draw lesions.

    The bias is adopted where it lowers the nested negative log-likelihood; then prior-adjusted balanced
    accuracy is that of the same probabilities.
    """
    return {str(views): _measured(bench, views) for views in bench.logits}


def _measured(bench: Bench, views: int) -> dict[str, Any]:
    base = bench.weights.contract.calibration
    logits, shift = bench.logits[views], np.array(base.log_prior_shift)
    report: dict[str, Any] = {}
    for name, bias in CALIBRATORS.items():
        probabilities = cross_fitted(logits, bench.labels, bench.lesions, shift, bias, bench.parts)
        scores = _scores(probabilities, bench, SCORES)
        adjusted = bench.prior_adjusted(probabilities)
        report[name] = scores | _scores(adjusted, bench, ("balanced_accuracy",))
    fitted = chosen_calibration(base, {views: logits}, bench.labels, bench.lesions, "all images")
    return {
        "calibrators": report,
        "adopted": list(CALIBRATORS)[int(views in fitted.biases)],
        "temperature": fitted.temperatures[views],
        "bias": list(fitted.biases.get(views, ())),
        "images": len(bench.labels),
        "lesions": len(np.unique(bench.lesions)),
    }


def _scores(probabilities: np.ndarray, bench: Bench, names: tuple[str, ...]) -> dict[str, Any]:
    value = weighted_scores(probabilities, bench.labels, np.ones((1, len(probabilities))))
    drawn = resampled_scores(probabilities, bench.labels, bench.lesions)
    return {
        name: {"value": float(value[name][0]), "interval_95": percentiles_95(drawn[name])}
        for name in names
    }


def render(by_views: dict[str, dict[str, Any]]) -> str:
    """The part on calibration. `by_views`: what `measure` gave."""
    names = [*SCORES, "balanced_accuracy"]
    titles = [name.replace("_", " ") for name in SCORES]
    header = ["views", "calibrator", *titles, "balanced accuracy, prior-adjusted"]
    rows = [
        [views, name, *(with_interval(scores[score], 4) for score in names)]
        for views, found in by_views.items()
        for name, scores in found["calibrators"].items()
    ]
    lines = [
        "### Calibration",
        "",
        f"Expected calibration error of the top diagnosis, {BINS} equal bins (Guo et al. 2017), "
        "nested: an image's calibrator was fitted on other lesions, and whether a bias of each class "
        "is used was decided there too. Resampling adds noise to every bin, so the intervals lie "
        "higher than the values. Scores in results.md are made in the same way with another division "
        "of the lesions, so they differ a little.",
        "",
        table(header, rows),
        "",
    ]
    for views, found in by_views.items():
        error = found["calibrators"][found["adopted"]]["expected_calibration_error"]
        verdict = "met" if error["value"] <= TARGET else "missed"
        lines.append(
            f"- {views} view(s): adopted: {found['adopted']} ({found['images']} images of "
            f"{found['lesions']} lesions). ECE {with_interval(error, 4)}; target of {TARGET}: "
            f"**{verdict}**."
        )
    return "\n".join([*lines, ""])
