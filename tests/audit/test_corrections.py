"""What corrections do to the answers: paired, with a verdict, and told in words."""

from pathlib import Path

import numpy as np
import pytest

from skin_app.photo.read import Photo
from skin_app.weights.folder import open_weights
from tests.tiny import write_data, write_weights
from train.audit import corrections
from train.audit.bench import Bench
from train.data.ham10000 import read_dataset


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    data = read_dataset(write_data(tmp_path / "data", lesions_per_class=3))
    weights = open_weights(write_weights(tmp_path / "weights"))
    table = data.table.assign(lesion=data.groups.astype(str), fold=0, member=0)
    members = tuple(weights.member(name) for name in weights.contract.members)
    (tmp_path / "work").mkdir()
    return Bench(weights, members, table, {}, labels=data.labels, work=tmp_path / "work")


def test_random_lesions_are_one_image_a_lesion_and_repeatable(bench: Bench) -> None:
    rows = corrections.random_lesions(bench, 12)
    assert len(rows) == len(np.unique(bench.lesions[rows])) == 12
    assert np.array_equal(rows, corrections.random_lesions(bench, 12))
    assert len(corrections.random_lesions(bench, 1000)) == len(np.unique(bench.lesions))


def test_a_correction_that_does_nothing_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        corrections, "CORRECTIONS", dict.fromkeys(corrections.MADE_FOR, lambda photo: photo)
    )
    numbers = corrections.measure(bench, images=14, harmed=7)
    for name in corrections.MADE_FOR:
        changes = [*numbers["undamaged"][name].values()]
        changes += [found["difference"] for found in numbers["damaged"][name].values()]
        assert all(change["value"] == 0 and change["verdict"] == "none" for change in changes)
    assert "Where they help: nowhere" in corrections.render(numbers)


def test_a_correction_that_blackens_everything_is_seen_and_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(14)
    plain = corrections.answered(bench, rows, lambda photo, _: photo)
    black = corrections.answered(bench, rows, lambda photo, _: Photo(np.zeros_like(photo.pixels)))
    assert np.ptp(black, axis=0).max() < 1e-4 < np.ptp(plain, axis=0).min()
    first = corrections.measure(bench, images=7, harmed=7)
    monkeypatch.setattr(corrections, "answered", None)
    assert corrections.measure(bench, images=7, harmed=7) == first
    text = corrections.render(first)
    assert text.startswith("## Photo corrections")
    assert all(name in text for name in corrections.MADE_FOR)


@pytest.mark.parametrize(
    ("interval", "verdict"), [((-0.2, -0.1), "worse"), ((0.1, 0.2), "better"), ((-0.1, 0.2), "none")]
)
def test_the_verdict_asks_whether_zero_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, interval: tuple[float, float], verdict: str
) -> None:
    change = {"value": 0.0, "interval_95": interval}
    monkeypatch.setattr(corrections, "paired_change", lambda *_: change)
    rows = np.arange(5)
    assert corrections._difference(bench, rows, rows * 0.0, rows * 0.0)["verdict"] == verdict
