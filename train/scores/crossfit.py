"""Crossfit: fits parameters on some lesions and applies them to others.

Whole lesions are divided into parts. For each part, a parameter (a temperature, a bias, a threshold) is
fitted on the other parts and applied to this one. `held_out` gives both sets of images for each part.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from skin_app.calibration import Calibration, calibrated, softmax
from train.data.ham10000 import DataError
from train.recipes.recipe import Bias
from train.scores.temperature import fit_temperature, fit_temperature_and_bias, negative_log_likelihood

PARTS = 5
CALIBRATED_ON = f"the other {PARTS - 1} of {PARTS} lesion-grouped parts of the predicted images"


def lesion_parts(lesions: np.ndarray) -> np.ndarray:
    """Divides whole lesions into 5 parts of about equally many images: (images,) part in [0, 5).

    Raises `DataError` for fewer than 5 lesions.
    """
    count = len(np.unique(lesions))
    if count < PARTS:
        raise DataError(
            f"Predictions of {count} lesions cannot be calibrated by their own parts: predict at least "
            f"{PARTS} lesions."
        )
    parts = np.zeros(len(lesions), dtype=np.int64)
    for part, (_, inside) in enumerate(GroupKFold(PARTS).split(lesions, groups=lesions)):
        parts[inside] = part
    return parts


def stratified_parts(labels: np.ndarray, lesions: np.ndarray, seed: int = 0) -> np.ndarray:
    """Divides whole lesions into 5 parts stratified by class: (images,) part in [0, 5).

    If a class has few images, results depend on the division; other seeds give other divisions.
    """
    parts = np.zeros(len(labels), dtype=np.int64)
    division = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed)
    for part, (_, inside) in enumerate(division.split(labels, labels, lesions)):
        parts[inside] = part
    return parts


def held_out(parts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each part, from 0: the images to fit on and the images to apply to, (images,) bool each."""
    for part in np.unique(parts):
        yield parts != part, parts == part


def cross_fitted(
    logits: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    shift: np.ndarray,
    bias: Bias = "none",
    parts: np.ndarray | None = None,
) -> np.ndarray:
    """Probabilities (images, 7), each image calibrated by a fit on other lesions.

    `logits`: (images, 7); `labels`, `lesions`: (images,); `shift`: (7,) shift of the logits by the
    loss's class weights. `parts`: (images,) parts of whole lesions, by default `lesion_parts`. Raises
    `DataError` for fewer than 5 lesions.
    """
    parts = lesion_parts(lesions) if parts is None else parts
    shifted = logits.astype(np.float64) - shift
    probabilities = np.zeros_like(shifted)
    for fit, apply in held_out(parts):
        temperature, added = _fitted(shifted[fit], labels[fit], lesions[fit], bias)
        probabilities[apply] = softmax(shifted[apply] / temperature + added)
    return probabilities


def bias_helps(shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> bool:
    """Whether a bias for each class lowers the crossfit negative log-likelihood.

    `shifted`: (images, 7) logits without the prior shift; `labels`, `lesions`: (images,). Raises
    `DataError` for fewer than 5 lesions.
    """
    none = np.zeros(shifted.shape[1])
    plain, biased = (cross_fitted(shifted, labels, lesions, none, bias) for bias in ("none", "always"))
    return negative_log_likelihood(biased, labels) < negative_log_likelihood(plain, labels)


def chosen_calibration(
    base: Calibration,
    logits_by_views: dict[int, np.ndarray],
    labels: np.ndarray,
    lesions: np.ndarray,
    fitted_on: str,
) -> Calibration:
    """`base` with temperatures fitted on all these predictions, and biases if `bias_helps`.

    `logits_by_views`: number of views -> (images, 7); `labels`, `lesions`: (images,). Keeps prior
    shift and frequencies of `base`. Raises `DataError` for fewer than 5 lesions.
    """
    shift = np.array(base.log_prior_shift)
    fits = {
        views: _fitted(logits - shift, labels, lesions, "chosen")
        for views, logits in logits_by_views.items()
    }
    return base.model_copy(
        update={
            "temperatures": {views: temperature for views, (temperature, _) in fits.items()},
            "biases": {views: tuple(bias.tolist()) for views, (_, bias) in fits.items() if bias.any()},
            "fitted_on": fitted_on,
        }
    )


def _fitted(
    shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray, bias: Bias
) -> tuple[float, np.ndarray]:
    if bias == "always" or (bias == "chosen" and bias_helps(shifted, labels, lesions)):
        return fit_temperature_and_bias(shifted, labels)
    return fit_temperature(shifted, labels), np.zeros(shifted.shape[1])


@dataclass(frozen=True)
class Crossfit:
    """Predictions divided into parts of whole lesions, with one calibration fitted outside each part.

    `labels`, `lesions`, `parts`: (images,). `calibrations`: one per part, fitted on the other parts.
    `probabilities`: (parts, images, 7), all images under each of these calibrations.
    """

    labels: np.ndarray
    lesions: np.ndarray
    parts: np.ndarray
    calibrations: tuple[Calibration, ...]
    probabilities: np.ndarray

    @classmethod
    def of(
        cls,
        base: Calibration,
        logits: np.ndarray,
        labels: np.ndarray,
        lesions: np.ndarray,
        views: int,
        seed: int = 0,
    ) -> "Crossfit":
        """`logits`: (images, 7) averaged over `views` views; `seed`: passed to `stratified_parts`."""
        parts = stratified_parts(labels, lesions, seed=seed)
        fits = tuple(
            chosen_calibration(base, {views: logits[fit]}, labels[fit], lesions[fit], "other parts")
            for fit, _ in held_out(parts)
        )
        probabilities = np.stack([calibrated(logits, fit, views) for fit in fits])
        return cls(labels, lesions, parts, fits, probabilities)

    @property
    def own(self) -> np.ndarray:
        """(images, 7) probabilities of each image under the calibration fitted outside its part."""
        return self.probabilities[self.parts, np.arange(len(self.parts))]

    def each_part(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each part: both sets of images from `held_out`, and its (images, 7) probabilities."""
        for (fit, apply), probabilities in zip(held_out(self.parts), self.probabilities, strict=True):
            yield fit, apply, probabilities

    def apply(self, rule: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """Applies `rule` to each image, fitted outside the image's part: (images, ...).

        `rule(probabilities, labels, own)` fits on `probabilities` and `labels`, and returns (n, ...)
        for `own`, (n, 7).
        """
        pieces = [
            (apply, rule(probabilities[fit], self.labels[fit], probabilities[apply]))
            for fit, apply, probabilities in self.each_part()
        ]
        result = np.zeros((len(self.parts), *pieces[0][1].shape[1:]), pieces[0][1].dtype)
        for apply, values in pieces:
            result[apply] = values
        return result
