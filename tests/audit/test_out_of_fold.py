"""What an audit keeps on disk, and what makes it be measured anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.audit import out_of_fold
from train.audit.out_of_fold import OutOfFold, code_version


def with_contract(unseen: OutOfFold, **values: Any) -> OutOfFold:
    contract = unseen.weights.contract.model_copy(update=values)
    return replace(unseen, weights=replace(unseen.weights, contract=contract))


def test_what_is_kept_is_reused_until_what_it_rests_on_changes(
    unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(of: OutOfFold, number: int) -> int:
        return of.kept("x", lambda: {"number": number})["number"]

    contract = unseen.weights.contract
    assert kept(unseen, 1) == 1
    assert kept(unseen, 2) == 1
    assert kept(with_contract(unseen, name="another"), 2) == 1
    calibration = contract.calibration.model_copy(update={"biases": {1: (0.1,) * 7}})
    assert kept(with_contract(unseen, calibration=calibration), 3) == 3
    files = {**contract.files, f"{contract.members[0]}/model.safetensors": "0" * 64}
    assert kept(with_contract(unseen, files=files), 4) == 4
    training = contract.training.model_copy(update={"data_fingerprint": "1" * 64})
    assert kept(with_contract(unseen, training=training), 5) == 5
    monkeypatch.setattr(out_of_fold, "code_version", lambda: "other code")
    assert kept(unseen, 6) == 6


def test_changed_code_or_packages_are_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(source: str) -> str:
        (tmp_path / "train" / "room").mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / "room" / "module.py").write_text(source)
        code_version.cache_clear()
        return code_version()

    monkeypatch.setattr(out_of_fold, "ROOT", tmp_path)
    first = version("LIMIT = 1\n")
    assert version("LIMIT = 2\n") != first
    assert version("LIMIT = 1\n") == first
    monkeypatch.setattr(out_of_fold, "distributions", lambda: [])
    assert version("LIMIT = 1\n") != first
    code_version.cache_clear()


def test_random_lesions_are_one_image_each() -> None:
    lesions = np.repeat(np.arange(40), 3)
    rows = out_of_fold.random_lesions(lesions, 25, seed=0)
    assert len(np.unique(lesions[rows])) == 25
    assert len(out_of_fold.random_lesions(lesions, 100, seed=0)) == 40
    assert not np.array_equal(rows, out_of_fold.random_lesions(lesions, 25, seed=1))
