"""What measurements of trust keep on disk, and what makes them be measured anew."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skin_app import heatmap, lesion
from skin_app.report import pdf
from skin_app.weights.folder import read_folder
from tests.tiny import MOBILENET, write_weights
from train.audit import heat
from train.audit.bench import Bench
from train.audit.code_version import code_version


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


def test_a_changed_constant_makes_what_rests_on_it_be_measured_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(heat, "_read_heat", lambda *_: {"number": measured.append(1) or len(measured)})
    monkeypatch.setattr(heat, "random_lesions", lambda *_, **__: np.arange(3))
    assert heat.read_heat(bench) == {"number": 1}
    assert heat.read_heat(bench) == {"number": 1}
    monkeypatch.setattr(heat, "IMAGES", 7)  # its own
    assert heat.read_heat(bench) == {"number": 2}
    monkeypatch.setattr(lesion, "SIDE", 300)  # of a module that it imports
    assert heat.read_heat(bench) == {"number": 3}
    monkeypatch.setattr(heatmap, "WEAKEST", 0.5, raising=False)  # that its imports import
    assert heat.read_heat(bench) == {"number": 4}
    monkeypatch.setattr(pdf, "MARGIN", 1, raising=False)  # of a module that plays no part
    assert heat.read_heat(bench) == {"number": 4}


def test_changed_code_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measuring(folder: str, source: str) -> Callable[[], int]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "measuring.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path / folder)
        monkeypatch.delitem(sys.modules, "measuring", raising=False)
        return importlib.import_module("measuring").measure

    source = "LIMITS = {'b', 'a'}\ndef measure():\n    return 1\n"
    first = code_version(measuring("first", source))
    assert code_version(measuring("copy", source)) == first
    assert code_version(measuring("changed", source.replace("return 1", "return 2"))) != first
    looks_on = measuring("importing", "from skin_app.lesion import SIDE\n" + source)
    before = code_version(looks_on)
    monkeypatch.setattr(pdf, "MARGIN", 1, raising=False)  # which plays no part there
    assert code_version(looks_on) == before
    monkeypatch.setattr(lesion, "SIDE", 300)
    assert code_version(looks_on) != before
