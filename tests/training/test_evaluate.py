"""What `evaluate` counts besides scores."""

import pandas as pd

from skin_app.outcome import Outcome
from train.scores.evaluate import counted_outcomes

IMAGES = pd.DataFrame({"dx": ["mel", "mel", "nv", "nv"], "age": [35.0, None, 70.0, 72.0]})
GIVEN: list[Outcome | None] = ["suspicious", "not dermatoscopic", "not suspicious", "not suspicious"]


def test_outcomes_are_counted_by_diagnosis_and_age_band() -> None:
    found = counted_outcomes(IMAGES, GIVEN)
    assert found["diagnosis"]["mel"] == {
        "suspicious": 1,
        "not suspicious": 0,
        "uncertain": 0,
        "not dermatoscopic": 1,
    }
    assert found["diagnosis"]["nv"]["not suspicious"] == 2
    by_age = {band: sum(given.values()) for band, given in found["age"].items()}
    assert sorted(by_age.values()) == [1, 1, 2]
    assert list(by_age)[-1] == "unknown"


def test_weights_without_limits_give_no_outcomes() -> None:
    assert counted_outcomes(IMAGES, [None] * 4) == {}
