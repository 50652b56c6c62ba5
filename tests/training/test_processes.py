"""One process or two: the same weights, the same out-of-fold scores, each image scored once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from skin_app.diagnoses import CODES
from skin_app.network import Member
from tests.tiny import MOBILENET, write_data

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Adam moves a weight whose gradient is all rounding error as far as any other; SGD does not.
SETTINGS = (
    "stages.0.optimiser=sgd",
    "stages.0.backbone_rate=0.01",
    "stages.0.head_rate=0.01",
    "folds=2",
    "batch=8",
    "cache_side=72",
    "stages.0.epochs=2",
    "stages.0.frozen=[]",
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of processes -> run folder of the same command."""
    folder = tmp_path_factory.mktemp("processes")
    data = write_data(folder / "data")
    torch.manual_seed(0)
    state = Member(MOBILENET).backbone.state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "start.safetensors")
    command = ["-m", "train", "run", "--data", str(data), "--recipe", "flagship"]
    command += ["--micro-batches", "2"]
    command += ["--backbone", "mobilenetv3_small_050", "--size", "64"]
    command += ["--init", str(folder / "start.safetensors"), "--fold", "0"]
    for setting in SETTINGS:
        command += ["--set", setting]
    # --cpu alone would start one process
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["ACCELERATE_USE_CPU"] = "true"
    environment["ATEN_CPU_CAPABILITY"] = "avx2"  # no bfloat16 in the subprocesses either
    runs = {}
    for count, start in ((1, []), (2, launch)):
        runs[count] = folder / f"run-{count}"
        subprocess.run(
            [sys.executable, *start, *command, "--out", str(runs[count])],
            check=True,
            cwd=ROOT,
            env=environment,
            timeout=280,
        )
    return runs


def test_there_were_as_many_processes_as_asked_for(parts: dict[int, Path]) -> None:
    for count, run in parts.items():
        history = json.loads((run / "fold-0" / "history.json").read_text())
        assert history["processes"] == count


def test_two_processes_train_the_same_weights(parts: dict[int, Path]) -> None:
    one, two = (load_file(parts[n] / "fold-0" / "member.safetensors") for n in (1, 2))
    for name, value in one.items():
        assert torch.allclose(value, two[name], rtol=1e-4, atol=1e-5), name


def test_two_processes_score_each_image_once_and_the_same(parts: dict[int, Path]) -> None:
    one, two = (pd.read_csv(parts[n] / "fold-0" / "predictions.csv") for n in (1, 2))
    folds = pd.read_csv(parts[2] / "folds.csv")
    held_out = folds.loc[folds["fold"] == 0, "image_id"].tolist()
    assert two["image_id"].tolist() == one["image_id"].tolist() == held_out
    for views in ("1view", "4views", "8views"):
        columns = [f"logit_{views}_{code}" for code in CODES]
        assert np.allclose(one[columns], two[columns], rtol=1e-3, atol=1e-3)


def test_two_processes_write_one_weights_folder(parts: dict[int, Path]) -> None:
    assert (parts[2] / "weights" / "ensemble.json").is_file()
    assert not list(parts[2].rglob("*.partial"))
