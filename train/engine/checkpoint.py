"""The files of a fold: its trained member and its checkpoints, each replaced in one step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from skin_app.network import Member
from skin_app.result_files import replace_file
from train.engine.run import Run, RunError

Parts = Mapping[str, nn.Module | torch.optim.Optimizer]


@dataclass
class StageProgress:
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


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU."""
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / "member.safetensors"))
    return member.eval()


def save_checkpoint(folder: Path, stage: int, parts: Parts, progress: StageProgress) -> None:
    """Replace the fold's checkpoint. Raises `RunError`; the last good checkpoint is then kept.

    `parts`: what has a state, by name.
    """
    partial = folder / "checkpoint.partial"
    states = {name: part.state_dict() for name, part in parts.items()}
    try:
        torch.save({"stage": stage, **states, "progress": vars(progress)}, partial)
        partial.replace(folder / "checkpoint.pt")
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise _no_space(folder / "checkpoint.pt", error) from error


def restore(folder: Path, stage: int, parts: Parts) -> StageProgress:
    """Load any checkpoint of `stage` into `parts`; returns the progress stored in it.

    Raises `RunError` for a damaged checkpoint.
    """
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return StageProgress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, UnpicklingError) as error:
        raise RunError(f"{path} is damaged: delete it, and this stage starts anew.") from error
    if state["stage"] != stage:  # of the stage before, killed between its end and this start
        return StageProgress()
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return StageProgress(**state["progress"])


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON, replacing `path` in one step."""
    replace_file(path, json.dumps(value, indent=1))


def _no_space(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} cannot be written ({error}): free some space and start the same command again; the "
        "last good checkpoint is kept."
    )
