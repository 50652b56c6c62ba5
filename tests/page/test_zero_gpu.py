"""ZeroGPU: what borrows the GPU, without the package `spaces` and with a stand-in of it."""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from skin_app.ensemble import Ensemble
from skin_app.page.zero_gpu import gpu_for_a_call
from skin_app.photo.read import read_photo
from tests.tiny import give_trust, write_weights

ZERO_GPU = {"SPACES_ZERO_GPU": "true"}
PHOTO = Path(__file__).parents[2] / "skin_app/page/examples/globules.jpg"


def task() -> None: ...


def test_without_zero_gpu_or_its_package_functions_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)  # so that its import fails
    for environ in ({}, ZERO_GPU):
        assert gpu_for_a_call(environ)(task) is task


def test_only_what_runs_networks_borrows_it_by_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def as_of_another_process(own: Callable[..., Any]) -> Callable[..., Any]:
        def borrowed(*args: Any, **kwargs: Any) -> Any:
            sent, named = pickle.loads(pickle.dumps((args, kwargs)))
            calls.append(own.__name__)
            return pickle.loads(pickle.dumps(own(*sent, **named)))

        return borrowed

    spaces = ModuleType("spaces")
    spaces.GPU = as_of_another_process  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    ensemble = Ensemble.load(give_trust(write_weights(tmp_path / "weights")), device="cpu")
    photo = read_photo(PHOTO)
    wanted = ensemble(photo)
    assert gpu_for_a_call({})(task) is task
    ensemble.run_networks = gpu_for_a_call(ZERO_GPU)(ensemble.run_networks)
    found = ensemble(photo)
    assert calls == ["run_networks"]
    assert found.to_json() == wanted.to_json()
    assert found.maps is not None
    assert wanted.maps is not None
    for code, own in wanted.maps.items():
        np.testing.assert_array_equal(found.maps[code], own)
