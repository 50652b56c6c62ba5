import numpy as np
import pytest

from skin_app.calibration import softmax
from train.scores.fitted_calibration import fit_temperature


def test_the_temperature_is_found_again() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(size=(20_000, 7)) * 2
    labels = np.array([random.choice(7, p=p) for p in softmax(logits)])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)
