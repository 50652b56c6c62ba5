"""What measurements of trust keep on disk, and what makes them be measured anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skin_app.weights import read_folder
from tests.tiny import MOBILENET, write_weights
from train.trust.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    weights = read_folder(write_weights(tmp_path / "weights", (MOBILENET,)), "test")
    members = tuple(weights.member(name) for name in weights.contract.members)
    work = tmp_path / "work"
    work.mkdir()
    return Bench(weights, members, pd.DataFrame(), {}, np.zeros(0, dtype=np.int64), work)


def calibrated_otherwise(bench: Bench, **values: Any) -> Bench:
    calibration = bench.weights.contract.calibration.model_copy(update=values)
    contract = bench.weights.contract.model_copy(update={"calibration": calibration})
    return replace(bench, weights=replace(bench.weights, contract=contract))


def test_what_is_kept_is_reused_until_what_it_rests_on_changes(bench: Bench) -> None:
    def kept(of: Bench, number: int, views: int = 1) -> int:
        return of.kept("x", lambda: {"number": number}, views)["number"]

    assert kept(bench, 1) == 1
    assert kept(bench, 2) == 1
    assert kept(calibrated_otherwise(bench, temperatures={1: 1.0, 8: 0.5}), 2) == 1
    assert kept(calibrated_otherwise(bench, biases={8: (0.1,) * 7}), 2) == 1
    assert kept(calibrated_otherwise(bench, temperatures={1: 1.1, 8: 0.9}), 3) == 3
    assert kept(calibrated_otherwise(bench, biases={1: (0.1,) * 7}), 4) == 4
    assert kept(calibrated_otherwise(bench, log_prior_shift=(0.1,) * 7), 5) == 5


def test_readings_of_several_views_are_those_of_their_sizes(bench: Bench) -> None:
    def kept(of: Bench, number: int, views: int) -> int:
        return of.kept("x", lambda: {"number": number}, views)["number"]

    (member,) = bench.members
    assert kept(bench, 1, 1) == 1
    assert kept(bench, 8, 8) == 8
    member.config = member.config.model_copy(update={"view_sizes": (64, 96)})
    assert kept(bench, 9, 1) == 1
    assert kept(bench, 9, 8) == 9
