"""The files of a fold: its trained member and its checkpoints, written whole and checked when read.

The names of checkpoints carry a checksum; the history beside weights states theirs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from skin_app.network import Member
from skin_app.result_files import beside, replace_file
from skin_app.weights.verify import file_hash
from train.data.kept_files import sealed, whole_files
from train.engine.run import Run, RunError

KEPT = 2  # checkpoints: if the last is damaged, the one before is used
Parts = Mapping[str, nn.Module | torch.optim.Optimizer]


@dataclass
class StageProgress:
    """Where a stage of a fold stands; kept in its checkpoints.

    `history`: one entry per epoch; `best_epoch` (from 0) has the lowest validation loss so far, or is
    the last where there is no validation; `best`: its weights, on the CPU. `loss_sum`, `seconds`: of
    the epoch under way.
    """

    step: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
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


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write safetensors, replacing `path` in one step. Raises `RunError` when the disk is full."""
    # not by save_file, which leaves a hidden file where it is killed
    content = save({key: value.contiguous().cpu() for key, value in tensors.items()})
    try:
        replace_file(path, content)
    except OSError as error:
        raise _no_space(path, error) from error


def save_weights(
    weights: Mapping[str, Tensor], path: Path, history_file: Path, history: dict[str, Any]
) -> None:
    """Write the weights of a member into `path`, then its history, which states their SHA-256."""
    save_tensors(weights, path)
    write_json(history_file, {**history, "sha256": file_hash(path)})


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU; raises `RunError` for damage."""
    folder = run.fold_folder(fold)
    return _member(run, folder / "member.safetensors", folder / "history.json").eval()


def load_stage(run: Run, fold: int, stage: int) -> Member:
    """The member that `stage` of `fold` left. Raises `RunError` if it is damaged."""
    kept = run.fold_folder(fold) / f"stage-{stage}.safetensors"
    return _member(run, kept, kept.with_suffix(".json"))


def _member(run: Run, path: Path, history_file: Path) -> Member:
    check_weights(path, history_file)
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(path))
    return member


def check_weights(path: Path, history_file: Path) -> None:
    """Raise `RunError` for weights without the SHA-256 of their history; older ones state none."""
    stated = json.loads(history_file.read_text()).get("sha256") if history_file.is_file() else None
    if stated and file_hash(path) != stated:
        raise RunError(
            f"{path} is damaged (its SHA-256 is not the one in {history_file.name}): delete the folder "
            f"{path.parent}, and the command that trained this fold trains it anew."
        )


def save_checkpoint(folder: Path, stage: int, parts: Parts, progress: StageProgress) -> None:
    """Add a checkpoint and keep the one before it. Raises `RunError`; the earlier ones then stay.

    `parts`: what has a state, by name.
    """
    path = folder / f"checkpoint-{stage}-{progress.step:08d}.pt"
    states = {name: part.state_dict() for name, part in parts.items()}
    content = BytesIO()  # on a full disk, PyTorch's own writing does not say what is wrong
    torch.save({**states, "progress": vars(progress)}, content)
    try:
        with beside(path) as partial:
            partial.write_bytes(content.getbuffer())
        sealed(path)
    except OSError as error:
        raise _no_space(path, error) from error
    for earlier in sorted(folder.glob("checkpoint-*"))[:-KEPT]:
        earlier.unlink(missing_ok=True)


def restore(folder: Path, stage: int, parts: Parts) -> StageProgress:
    """Load the newest undamaged checkpoint of `stage` into `parts`; returns the progress stored in it.

    Where there is none, the stage begins anew, and ends in the same weights.
    """
    whole = [path for path in whole_files(folder, "checkpoint*.pt") if _stage_of(path) == stage]
    if not whole:
        return StageProgress()
    state = torch.load(whole[-1], map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return StageProgress(**state["progress"])


def _stage_of(path: Path) -> int:
    return int(path.name.split("-")[1])


def end_stage(folder: Path, stage: int, name: str, progress: StageProgress) -> None:
    """Write the weights of the best epoch and the stage's history; a run killed here does so again."""
    history = {"name": name, "kept": progress.best_epoch, "epochs": progress.history}
    kept = folder / f"stage-{stage}.safetensors"
    save_weights(progress.best, kept, kept.with_suffix(".json"), history)
    remove_parts(folder, "checkpoint*")


def remove_parts(folder: Path, *patterns: str) -> None:
    """Remove what a finished stage or fold needs no more."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink()


def write_json(path: Path, value: object) -> None:
    """Write `value` as JSON, replacing `path` in one step."""
    replace_file(path, json.dumps(value, indent=1))


def _no_space(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path} cannot be written ({error.strerror}): free some space and start the same command "
        "again; the last good checkpoint is kept."
    )
