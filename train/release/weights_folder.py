"""Write a whole weights folder, or change files of one: all or nothing, with hashes and model card."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from skin_app.network import Member
from skin_app.one_command import only_command
from skin_app.weights.contract import CONTRACT, Contract
from skin_app.weights.folder import EMBEDDED, WeightsError, WeightsFolder, open_weights
from skin_app.weights.outside_scores import FOLDER as OUTSIDE
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.weights.quantisation import packed
from skin_app.weights.verify import file_hash
from train.documents.card_and_readme import model_card
from train.engine.checkpoint import save_tensors
from train.engine.overwriting import check_weights_folder
from train.release.gallery_index import same_photo
from train.scores.evidence import FOLDS

SCORES = "evaluation/scores.json"


def write_folder(
    folder: Path,
    contract: Contract,
    *,
    members: Mapping[str, Member],
    embeddings: np.ndarray,
    gallery: pd.DataFrame,
    evaluation: pd.DataFrame,
    folds_csv: Path | None = None,
) -> Path:
    """Write a new weights folder in the place of `folder`, or leave all as it was; returns `folder`.

    `contract`: without its `files`. `embeddings`: (images, channels), one row for each of `gallery`.
    `evaluation`: out-of-fold logits. A folder that already holds the same members, predictions and
    gallery stays, with all that was added to it. Reports of scores outside HAM10000 are taken
    over; they say which members were measured.
    """
    with _beside(folder) as partial:
        partial.mkdir(parents=True)
        for name, member in members.items():
            (partial / name).mkdir()
            config = member.config.model_dump_json(indent=1) + "\n"
            (partial / name / "config.json").write_text(config)
            tensors = packed(member.state_dict(), contract.stored)
            save_tensors(tensors, partial / name / "model.safetensors")
        index = {
            "embeddings": torch.from_numpy(embeddings.astype(np.float16)),
            "same_photo": torch.tensor(same_photo(embeddings, gallery["lesion"].to_numpy(str))),
        }
        save_tensors(index, partial / "gallery.safetensors")
        gallery.to_csv(partial / "gallery.csv", index=False)
        (partial / "evaluation").mkdir()
        evaluation.to_csv(partial / "evaluation/out_of_fold.csv", index=False, float_format="%.6g")
        if folds_csv is not None:
            shutil.copyfile(folds_csv, partial / FOLDS)
        (partial / SCORES).write_text(json.dumps(contract.scores, indent=1) + "\n")
        if (folder / OUTSIDE).is_dir():
            shutil.copytree(folder / OUTSIDE, partial / OUTSIDE)
        files = {
            path.relative_to(partial).as_posix(): file_hash(path)
            for path in sorted(partial.rglob("*"))
            if path.is_file()
        }
        contract = contract.model_copy(update={"files": files})
        _write_contract_and_card(partial, contract)
        if not _holds(folder, files):
            check_weights_folder(folder)
            _put_in_place(partial, folder)
    return folder


def open_to_change(source: str | Path | None) -> WeightsFolder:
    """The folder that was asked for (None: the embedded weights). Raises `WeightsError`.

    Refuses Hub repos, because the files of a cached commit must not change.
    """
    if source is not None and not Path(source).is_dir():
        raise WeightsError(
            f"There is no folder {source}: weights are changed in a folder of their own; get those of "
            "the Hub into one with `hf download OWNER/NAME --local-dir FOLDER`."
        )
    return open_weights(source)


@contextmanager
def weights_to_change(source: str | Path | None) -> Iterator[WeightsFolder]:
    """As `open_to_change`, and no other command changes the folder while the block runs."""
    place = EMBEDDED if source is None else Path(source)
    with only_command(place) if place.parent.is_dir() else nullcontext():
        yield open_to_change(source)


def put_into(folder: Path, contract: Contract, files: Mapping[str, bytes]) -> Contract:
    """Put `files` (name -> content), `contract` with their hashes, and its model card into `folder`.

    A whole new folder takes the old one's place, or nothing changes; all other files stay as they are.
    Returns the contract as written.
    """
    folder = folder.resolve()  # "." has no name, and a link to a folder cannot be removed like one
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    contract = contract.model_copy(update={"files": dict(sorted((contract.files | hashes).items()))})
    with _beside(folder) as partial:
        shutil.copytree(folder, partial)
        for name, content in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_bytes(content)
        _write_contract_and_card(partial, contract)
        _put_in_place(partial, folder)
    return contract


def _write_contract_and_card(folder: Path, contract: Contract) -> None:
    """Write both into `folder`, which holds all files that `contract` lists."""
    card = model_card(contract, read_outside_scores(folder, contract))
    (folder / CONTRACT).write_bytes((contract.model_dump_json(indent=1) + "\n").encode())
    (folder / "README.md").write_bytes(card.encode())


def _holds(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether `folder` holds these files (name -> SHA-256) already."""
    try:
        there = Contract.model_validate_json((folder / CONTRACT).read_text()).files
    except (OSError, ValueError):
        return False
    return all(
        there.get(name) == digest and file_hash(folder / name) == digest
        for name, digest in files.items()
        if name != SCORES  # `audit` rewrites it
    )


def _put_in_place(partial: Path, folder: Path) -> None:
    """Put `partial` in the place of `folder`, restored by `only_command` if killed midway."""
    before = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.before")
    if folder.exists():
        folder.replace(before)
    partial.replace(folder)
    shutil.rmtree(before, ignore_errors=True)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A unique path beside `folder`; whatever is there at the end is deleted."""
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
