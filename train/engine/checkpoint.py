"""The files that a fold writes while it trains, each replaced in one step."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from skin_app.network import Member
from skin_app.result_files import replace_file
from train.engine.run import RunError


@dataclass
class Progress:
    """Where a stage of a fold stands; kept in its checkpoint.

    `history`: one entry per epoch; `best_epoch` (from 0) has the lowest validation loss so far, or is
    the last where there is no validation. `loss_sum`, `seconds`: of the epoch under way.
    """

    step: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0

    @property
    def validation_losses(self) -> list[float]:
        """Of the finished epochs; empty for a stage without validation."""
        losses = [entry["validation_loss"] for entry in self.history]
        return [loss for loss in losses if loss is not None]

    def stopped(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought no better validation loss."""
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= patience


def save_member(member: Member, path: Path) -> None:
    """Write all weights as float32 safetensors, replacing `path` in one step."""
    save_tensors(member.state_dict(), path)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write safetensors, replacing `path` in one step. Raises `RunError` when the disk is full."""
    partial = path.with_suffix(".partial")
    try:
        save_file({key: value.contiguous().cpu() for key, value in tensors.items()}, partial)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise _no_space(path, error) from error


def save_checkpoint(
    folder: Path,
    stage: int,
    network: nn.Module,
    averaged: Member,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Replace the fold's checkpoint. Raises `RunError`; the last good checkpoint is then kept."""
    partial = folder / "checkpoint.partial"
    state = {
        "stage": stage,
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
    }
    try:
        torch.save(state, partial)
        partial.replace(folder / "checkpoint.pt")
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise _no_space(folder / "checkpoint.pt", error) from error


def restore(
    folder: Path,
    stage: int,
    network: nn.Module,
    averaged: Member,
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Load any checkpoint of `stage` into the three objects; returns the progress stored in it.

    Raises `RunError` for a damaged checkpoint.
    """
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, UnpicklingError) as error:
        raise RunError(f"{path} is damaged: delete it, and this stage starts anew.") from error
    if state["stage"] != stage:  # of the stage before, killed between its end and this start
        return Progress()
    network.load_state_dict(state["network"])
    averaged.load_state_dict(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON, replacing `path` in one step."""
    replace_file(path, json.dumps(value, indent=1))


def _no_space(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} cannot be written ({error}): free some space and start the same command again; the "
        "last good checkpoint is kept."
    )
