"""The learning-rate range test (Smith 2017; Mishra et al. 2019): raise the rate until the loss climbs.

The chosen rate is a tenth of the one with the least smoothed loss (fast.ai's rule): the least loss lies
close to where the loss begins to climb, and the steepest fall is lost in the noise of small batches.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from tqdm import tqdm

from skin_app.result_files import replace_file
from train.engine.class_balance import epoch_rows
from train.engine.fold import Learner
from train.engine.run import Run, RunError, check_folds
from train.engine.start_weights import started_member

SMOOTHING = 0.9  # decay of the running mean of the loss
DIVERGED = 4.0  # times the least smoothed loss
LEAST_STEPS = 10


@dataclass(frozen=True)
class RangeTest:
    """`table`: one row per step with rate, loss and smoothed loss. `chosen`: the rate, for the fastest
    group of parameters; the others keep their proportion to it. `diverged`: whether the loss climbed
    before the last rate."""

    table: pd.DataFrame
    chosen: float
    diverged: bool


def find_rate(
    run: Run,
    accelerator: Accelerator,
    fold: int = 0,
    stage: int = 0,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
) -> RangeTest:
    """Train `fold` from its start weights at rates from `lowest` to `highest`; nothing is saved.

    Raises `RunError` when there are too few steps to choose from.
    """
    if not (0 < lowest < highest and steps >= LEAST_STEPS):
        raise RunError(f"A range test needs 0 < lowest < highest and at least {LEAST_STEPS} steps.")
    check_folds((fold,), run.recipe)
    if not 0 <= stage < len(run.recipe.stages):
        raise RunError(f"There is no stage {stage}: the recipe has 0 to {len(run.recipe.stages) - 1}.")
    torch.manual_seed(run.seed_of(fold))
    member = started_member(run.recipe.member, run.init)
    learner = Learner(run, fold, stage, member, accelerator)
    top = max(group["peak_rate"] for group in learner.optimiser.param_groups)
    rows = np.flatnonzero(run.assignment != fold)
    generator = np.random.default_rng([run.seed, fold, stage])
    order = np.empty(0, dtype=np.int64)
    while len(order) < steps * run.recipe.batch:
        order = np.concatenate([order, epoch_rows(run.recipe, rows, run.data.labels[rows], generator)])
    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    diverged = False
    for step, rate in enumerate(tqdm(rates, "range test", disable=not accelerator.is_main_process)):
        batch = order[step * run.recipe.batch : (step + 1) * run.recipe.batch]
        try:
            losses.append(learner.step(step, batch, rate / top))
        except RunError:
            diverged = True
            break
        smoothed = smooth(losses)
        if len(losses) > LEAST_STEPS and smoothed[-1] > DIVERGED * min(smoothed):
            diverged = True
            break
    accelerator.free_memory()
    table = pd.DataFrame({"rate": rates[: len(losses)], "loss": losses, "smoothed": smooth(losses)})
    return RangeTest(table, chosen_rate(table), diverged)


def smooth(losses: list[float]) -> list[float]:
    """Running mean of `losses` with its start corrected, as Adam corrects its moments."""
    mean, smoothed = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed.append(mean / (1 - SMOOTHING**step))
    return smoothed


def chosen_rate(table: pd.DataFrame) -> float:
    """A tenth of the rate with the least smoothed loss.

    `table`: the columns rate and smoothed. Raises `RunError` when the loss never falls.
    """
    least = int(np.argmin(table["smoothed"].to_numpy(float)))
    if least < LEAST_STEPS // 2:
        raise RunError(
            "The loss never fell: the lowest rate is already too high, or there are too few steps. "
            "Lower --lowest or raise --steps."
        )
    return float(table["rate"].iloc[least]) / 10


def write_range_test(test: RangeTest, folder: Path) -> Path:
    """Write `range-test.csv` into `folder`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "range-test.csv"
    replace_file(path, test.table.to_csv(index=False, float_format="%.6g"))
    return path
