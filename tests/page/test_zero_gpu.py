"""ZeroGPU: what borrows the GPU, without the package `spaces` and with a stand-in of it."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from skin_app.ensemble import Ensemble
from skin_app.page.zero_gpu import gpu_for_a_call
from skin_app.photo.read import read_photo
from tests.tiny import give_trust, write_weights

ZERO_GPU = {"SPACES_ZERO_GPU": "true"}
PHOTO = Path(__file__).parents[2] / "skin_app/page/examples/globules.jpg"
FORK = multiprocessing.get_context("fork")


def task() -> None: ...


@pytest.fixture
def two_threads() -> Iterator[None]:
    """So that the networks have started threads before a process is forked."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def forked(calls: list[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs what it decorates as `spaces` does: in a forked process, by pickles."""

    def gpu(own: Callable[..., Any]) -> Callable[..., Any]:
        def borrowed(*args: Any, **kwargs: Any) -> Any:
            sent, answered = FORK.SimpleQueue(), FORK.SimpleQueue()

            def work() -> None:
                args, kwargs = sent.get()
                answered.put(own(*args, **kwargs))
                sent.get()  # tensors are fetched from this process

            calls.append(own.__name__)
            process = FORK.Process(target=work, daemon=True)
            process.start()
            sent.put((args, kwargs))
            result = answered.get()
            sent.put(None)
            process.join()
            return result

        return borrowed

    return gpu


def test_without_zero_gpu_or_its_package_functions_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)  # so that its import fails
    for environ in ({}, ZERO_GPU):
        assert gpu_for_a_call(environ)(task) is task


@pytest.mark.usefixtures("two_threads")
@pytest.mark.timeout(60)
def test_only_what_runs_networks_borrows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    spaces = ModuleType("spaces")
    spaces.GPU = forked(calls)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    ensemble = Ensemble.load(give_trust(write_weights(tmp_path / "weights")), device="cpu")
    photo = read_photo(PHOTO)
    wanted = ensemble(photo)
    assert gpu_for_a_call({})(task) is task
    ensemble.run_networks = gpu_for_a_call(ZERO_GPU)(ensemble.run_networks)
    found = ensemble(photo)
    assert calls == ["run_networks"]
    np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=0.01)
    assert found.outcome == wanted.outcome
    assert found.maps is not None
    assert wanted.maps is not None
    for code, own in wanted.maps.items():
        np.testing.assert_allclose(found.maps[code], own, atol=0.05)
