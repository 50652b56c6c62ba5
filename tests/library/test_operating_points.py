import numpy as np
import pytest
from pydantic import ValidationError

from skin_app.operating_points import DecisionLimits, SetThresholds, prediction_set, predictive_values
from tests.library.test_outcome import LIMITS


def test_limits_survive_json_and_say_what_they_lack() -> None:
    assert DecisionLimits.model_validate_json(LIMITS.model_dump_json()) == LIMITS
    with pytest.raises(ValueError, match="decision limits for 1, 8 views, not for 4"):
        LIMITS.of(4)
    with pytest.raises(ValueError, match="no prediction sets of 80% coverage"):
        LIMITS.of(8).set_of(0.8)
    with pytest.raises(ValueError, match="no operating point for 50% sensitivity"):
        LIMITS.of(8).point_of(0.5)
    with pytest.raises(ValidationError):
        DecisionLimits.model_validate({**LIMITS.model_dump(), "more": 1})


def test_a_set_holds_what_reaches_its_own_threshold() -> None:
    thresholds = SetThresholds(coverage=0.9, least=(0.1, 0.1, 0.2, 0.0, 0.3, 0.5, 0.1))
    probabilities = np.array([0.1, 0.05, 0.1, 0.0, 0.35, 0.4, 0.0])
    expected = [True, False, False, True, True, False, False]
    assert prediction_set(np.stack([probabilities] * 3), thresholds).tolist() == [expected] * 3
    with pytest.raises(ValidationError):
        SetThresholds(coverage=0.9, least=(0.1,) * 6)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ((180 / 200, 560 / 800, 200 / 1000), (180 / 420, 560 / 580)),  # counted lesions
        ((0.9, 0.7, 0), (0, 1)),
        ((0.9, 0.7, 1), (1, 0)),
        ((1, 0, 0.2), (0.2, None)),  # everything is called
        ((0, 1, 0.2), (None, 0.8)),  # nothing is
    ],
)
def test_predictive_values_are_those_of_counted_lesions(
    arguments: tuple[float, float, float], values: tuple[float | None, float | None]
) -> None:
    assert predictive_values(*arguments) == pytest.approx(values)
    with pytest.raises(ValueError, match="pass them in"):
        predictive_values(0.9, 0.7, 20)
