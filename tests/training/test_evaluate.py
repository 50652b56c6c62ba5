"""What `evaluate` counts besides scores."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from skin_app.ensemble import Ensemble
from skin_app.novelty import Novelty
from skin_app.outcome import Outcome
from tests.tiny import give_trust, write_data, write_weights
from train.data.ham10000 import read_dataset
from train.scores.evaluate import counted_outcomes, evaluate

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


def test_refused_images_are_counted_by_what_they_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = Ensemble.load(give_trust(write_weights(tmp_path / "weights")))
    few = read_dataset(write_data(tmp_path / "data"))
    few = replace(few, table=few.table.head(8))
    usual = evaluate(ensemble, few, views=1)
    assert sum(sum(own.values()) for own in usual.refused["age"].values()) == sum(
        own["not dermatoscopic"] for own in usual.outcomes["age"].values()
    )
    monkeypatch.setattr(Novelty, "is_novel", True)
    refused = evaluate(ensemble, few, views=1)
    assert sum(own["not dermatoscopic"] for own in refused.outcomes["diagnosis"].values()) == 8
    assert sum(sum(own.values()) for own in refused.refused["diagnosis"].values()) == 8
    assert all(not own["not dermatoscopic"] for own in refused.refused["diagnosis"].values())


def test_weights_without_limits_give_no_outcomes() -> None:
    assert counted_outcomes(IMAGES, [None] * 4) == {}
