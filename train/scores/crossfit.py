"""Crossfit: fits parameters on some lesions and applies them to others, part by part."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from skin_app.calibration import Calibration, calibrated
from train.scores.fitted_calibration import chosen_calibration
from train.scores.lesion_parts import held_out, stratified_parts


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

    def without(self, part: int) -> "Crossfit":
        """The other parts alone, all under the calibration that was fitted on them together."""
        fit = self.parts != part
        _, parts = np.unique(self.parts[fit], return_inverse=True)
        count = int(parts.max()) + 1
        own = np.stack([self.probabilities[part, fit]] * count)
        calibrations = (self.calibrations[part],) * count
        return Crossfit(self.labels[fit], self.lesions[fit], parts, calibrations, own)

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
