"""One process or two: the same weights, the same out-of-fold scores, each image scored once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from skin_app.diagnoses import CODES
from skin_app.network import Member
from tests.tiny import MOBILENET, save_state, write_data
from train.engine.processes import own_parts
from train.recipes.recipe import RunError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Adam moves a weight whose gradient is all rounding error as far as any other; SGD does not.
SETTINGS = """
stages.0.optimiser=sgd stages.0.backbone_rate=0.01 stages.0.head_rate=0.01 folds=2 batch=8 cache_side=72
stages.0.epochs=2 stages.0.frozen=[]
"""
COMMAND = """
-m train run --recipe flagship --micro-batches 2 --backbone mobilenetv3_small_050 --size 64 --fold 0
"""
# --cpu alone would start one process
LAUNCH = """
-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no
--dynamo_backend no --main_process_port 0
"""
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "ACCELERATE_USE_CPU": "true",
    "ATEN_CPU_CAPABILITY": "avx2",  # no bfloat16 in the subprocesses either
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of processes -> run folder of the same command."""
    folder = tmp_path_factory.mktemp("processes")
    data = write_data(folder / "data")
    torch.manual_seed(0)
    init = save_state(Member(MOBILENET).backbone, folder / "start.safetensors")
    command = [*COMMAND.split(), "--data", str(data), "--init", str(init)]
    command += [word for setting in SETTINGS.split() for word in ("--set", setting)]
    for count, start in ((1, ""), (2, LAUNCH)):
        subprocess.run(
            [sys.executable, *start.split(), *command, "--out", str(folder / f"run-{count}")],
            check=True,
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            timeout=280,
        )
    return {count: folder / f"run-{count}" for count in (1, 2)}


def test_two_processes_train_the_same_weights(runs: dict[int, Path]) -> None:
    for count, run in runs.items():
        history = json.loads((run / "fold-0" / "history.json").read_text())
        assert history["processes"] == count
    one, two = (load_file(runs[n] / "fold-0" / "member.safetensors") for n in (1, 2))
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=1e-4, atol=1e-5), name


def test_two_processes_score_each_image_once_and_the_same(runs: dict[int, Path]) -> None:
    one, two = (pd.read_csv(runs[n] / "fold-0" / "predictions.csv") for n in (1, 2))
    folds = pd.read_csv(runs[2] / "folds.csv")
    held_out = folds.loc[folds["fold"] == 0, "image_id"].tolist()
    assert two["image_id"].tolist() == one["image_id"].tolist() == held_out
    for views in ("1view", "4views", "8views"):
        columns = [f"logit_{views}_{code}" for code in CODES]
        assert np.allclose(one[columns], two[columns], rtol=1e-3, atol=1e-3)


def test_processes_share_micro_batches_equally_or_not_at_all() -> None:
    second = cast(Accelerator, SimpleNamespace(num_processes=2, process_index=1))
    assert list(own_parts(second, 4)) == [1, 3]
    with pytest.raises(RunError, match=r"3 micro-batches .* pass --micro-batches 2"):
        own_parts(second, 3)


def test_two_processes_write_one_weights_folder(runs: dict[int, Path]) -> None:
    assert (runs[2] / "weights" / "ensemble.json").is_file()
    assert not list(runs[2].rglob("*.partial"))
