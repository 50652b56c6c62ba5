"""Change files of a finished weights folder, with their hashes and its model card, all or nothing."""

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from skin_app.weights.folder import CONTRACT, Contract, WeightsError, WeightsFolder, open_weights
from train.release.card import model_card


def open_to_change(source: str | Path | None) -> WeightsFolder:
    """The folder that was asked for (None: the embedded weights). Raises `WeightsError`.

    Never one of the Hub's cache: what is there under a commit must stay that commit.
    """
    if source is not None and not Path(source).is_dir():
        raise WeightsError(
            f"There is no folder {source}: weights are changed in a folder of their own; get those of "
            "the Hub into one with `hf download OWNER/NAME --local-dir FOLDER`."
        )
    return open_weights(source)


def put_into(folder: Path, contract: Contract, files: Mapping[str, bytes]) -> Contract:
    """Put `files` (name -> content), `contract` with their hashes, and its model card into `folder`.

    A whole new folder takes the old one's place, or nothing changes; all other files stay as they are.
    Returns the contract as written.
    """
    folder = folder.resolve()  # "." has no name, and a link to a folder cannot be removed like one
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    contract = contract.model_copy(update={"files": dict(sorted((contract.files | hashes).items()))})
    changed = {
        **files,
        CONTRACT: (contract.model_dump_json(indent=1) + "\n").encode(),
        "README.md": model_card(contract).encode(),
    }
    mark = uuid.uuid4().hex
    partial, before = (folder.with_name(f"{folder.name}.{mark}.{end}") for end in ("partial", "before"))
    try:
        shutil.copytree(folder, partial)
        for name, content in changed.items():
            (partial / name).write_bytes(content)
        folder.replace(before)
        partial.replace(folder)
        shutil.rmtree(before)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return contract
