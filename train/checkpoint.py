"""What a fold leaves on disk while it trains, each file replaced in one step."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from skin_app.network import Member
from train.run import RunError


@dataclass
class Progress:
    """Where a fold stands; kept in its checkpoint.

    `history`: one entry an epoch; `best_epoch` (from 0) has the lowest validation loss so far.
    """

    step: int
    history: list[dict[str, float]]
    best_loss: float
    best_epoch: int

    def stopped(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought no better validation loss."""
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= patience


def save_member(member: Member, path: Path) -> None:
    """Write all weights as float32 safetensors, replacing `path` in one step."""
    partial = path.with_suffix(".partial")
    try:
        save_file({k: v.contiguous().cpu() for k, v in member.state_dict().items()}, partial)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise _no_space(path, error) from error


def save_checkpoint(
    folder: Path,
    member: Member,
    averaged: Member,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Replace the fold's checkpoint. Raises `RunError`; the last good checkpoint is then kept."""
    partial = folder / "checkpoint.partial"
    state = {
        "member": member.state_dict(),
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
    folder: Path, member: Member, averaged: Member, optimiser: torch.optim.Optimizer
) -> Progress:
    """Load the fold's checkpoint into the three, if there is one; returns where it stood."""
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return Progress(0, [], float("inf"), 0)
    state = torch.load(path, map_location="cpu", weights_only=True)
    member.load_state_dict(state["member"])
    averaged.load_state_dict(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON, replacing `path` in one step."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)


def _no_space(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} cannot be written ({error}): free some space and start the same command again; the "
        "last good checkpoint is kept."
    )
