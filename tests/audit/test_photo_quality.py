"""Limits of photo quality: fitted as quantiles, counted on other lesions, measured on damage."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from skin_app.photo.read import read_photo
from skin_app.quality import CHECKS, MEASUREMENTS, measurements
from tests.audit.drawn import unseen_of
from tests.tiny import write_data
from train.audit import photo_quality
from train.data.damage import DAMAGE
from train.data.ham10000 import read_dataset
from train.documents.template import filled
from train.scores.intervals import plain


def made_up(lesions: int = 1500) -> pd.DataFrame:
    """Normal measurements of two images a lesion."""
    generator = np.random.default_rng(0)
    columns = {name: generator.normal(10, 1, 2 * lesions) for name in MEASUREMENTS}
    lesion = np.repeat(np.arange(lesions), 2)
    return pd.DataFrame({**columns, "lesion": lesion, "label": lesion % 7})


def test_limits_are_quantiles_and_false_alarms_on_other_lesions_come_near_their_rate() -> None:
    measured = made_up()
    limits = photo_quality.fit_quality(measured, input_size=5)
    assert limits.low["shorter side"] == 5
    assert limits.low["sharpness"] == np.quantile(measured["sharpness"], photo_quality.RATE)
    assert limits.high["clipped"] == np.quantile(measured["clipped"], 1 - photo_quality.RATE)
    assert set(limits.low) | set(limits.high) == set(MEASUREMENTS)
    counts = Counter(check.name for check in CHECKS) | Counter(any=12)
    counts["size"] = 0  # its limit is no quantile
    for name, rate in limits.measured_false_alarms.items():
        expected = 1 - (1 - photo_quality.RATE) ** counts[name]
        assert rate == pytest.approx(expected, abs=0.02 if name == "any" else 0.007), name


def test_what_a_lesion_looks_like_does_not_move_its_own_limit() -> None:
    measured = made_up(100)
    measured.loc[6:11, ["lesion", "label"]] = 3
    blurred = measured["lesion"] == 3
    measured.loc[blurred, "sharpness"] = np.linspace(0.1, 0.2, 6)
    on_all = np.quantile(measured["sharpness"], 0.01)
    assert (measured.loc[blurred, "sharpness"] < on_all).sum() == 2  # it hides itself
    found = photo_quality.crossfit_alarms(measured, input_size=5, rate=0.01)
    assert found["blur"][blurred].all()


def test_the_whole_measurement_on_tiny_data(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_dataset(write_data(tmp_path_factory.mktemp("data"), lesions_per_class=5))
    table = data.table.assign(lesion=data.groups.astype(str), fold=0, member=0)
    unseen = unseen_of(table, tmp_path_factory.mktemp("work"))
    few = {name: DAMAGE[name] for name in ("gaussian blur", "jpeg")}
    monkeypatch.setattr(photo_quality, "DAMAGE", few)
    monkeypatch.setattr(photo_quality, "GRADES", (1, 5))
    monkeypatch.setattr(photo_quality, "SCORED_GRADES", (5,))
    measured = photo_quality.measure(unseen, data, images=21, scored=14)
    found = measured.detection.found["gaussian blur"]
    assert 0 < measured.detection.images <= 21
    assert found["5"]["blur"] >= found["1"]["blur"]
    assert measured.answers.images == 14
    text = filled("trust/quality.md", numbers=plain(measured))
    for shown in ("| gaussian blur | blur | ", "| jpeg | none | ("):
        assert shown in text
    assert f"| blur | sharpness < {measured.limits['low']['sharpness']:.3g} | " in text
    monkeypatch.setattr(photo_quality, "measurements", None)  # so what is kept must serve
    row = data.table.iloc[11]
    own = photo_quality.measured_images(unseen, data).set_index("image_id").loc[row["image_id"]]
    expected = measurements(read_photo(row["path"]))
    assert own["skin lightness"] == pytest.approx(expected["skin lightness"])
    assert own["lesion"] == row["group"]
