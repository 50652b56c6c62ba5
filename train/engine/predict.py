"""Out-of-fold predictions: each image by members that were not trained on its lesion."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.ensemble import MemberGroup
from skin_app.network import Member
from skin_app.output import replace_file
from skin_app.photo.read import Photo, read_photo
from skin_app.views import VIEWS
from train.engine.processes import gathered
from train.engine.run import Run

COUNTS = (1, 4, VIEWS)  # views averaged
CHUNK = 8  # photos


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU."""
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / "member.safetensors"))
    return member.eval()


def has_predictions(fold_folder: Path, views: int) -> bool:
    """Whether the fold's held-out images are predicted from `views` views."""
    path = fold_folder / "predictions.csv"
    if not path.is_file():
        return False
    return f"logit_{views_label(views)}_{CODES[0]}" in pd.read_csv(path, nrows=0).columns


def predict_held_out(run: Run, fold: int, accelerator: Accelerator, views: int = VIEWS) -> None:
    """Write the held-out images' logits averaged over each of `COUNTS` views up to `views`.

    Images are read from their files, as the app does, not from the training cache; each image is
    read by one of the processes.
    """
    device = accelerator.device
    reader = MemberGroup([load_fold_member(run, fold).to(device)])
    counts = [count for count in COUNTS if count <= views]
    held_out = np.flatnonzero(run.assignment == fold)
    own = held_out[accelerator.process_index :: accelerator.num_processes]
    records = []
    for start in tqdm(range(0, len(own), CHUNK), f"predict fold {fold}", mininterval=10):
        rows = own[start : start + CHUNK]
        photos = [read_photo(str(path)) for path in run.data.table["path"].iloc[rows]]
        for row, means in zip(rows, mean_logits(reader, photos, counts, device), strict=True):
            image = run.data.table.iloc[row]
            values = means.flatten().tolist()
            records.append((int(row), [image["image_id"], image["dx"], fold, *values]))
    records = sorted(gathered(accelerator, records))
    if not accelerator.is_main_process:
        return
    columns = ["image_id", "dx", "fold"]
    columns += [f"logit_{views_label(count)}_{code}" for count in counts for code in CODES]
    table = pd.DataFrame([record for _, record in records], columns=columns)
    text = table.to_csv(index=False, float_format="%.6g")
    replace_file(run.fold_folder(fold) / "predictions.csv", text)


def mean_logits(
    reader: MemberGroup, photos: Sequence[Photo], counts: Sequence[int], device: torch.device
) -> Tensor:
    """The one member's logits averaged over the first views, (photos, counts, 7).

    `counts`: numbers of views, the highest last.
    """
    (answer,) = reader.read(reader.inputs(photos, counts[-1]), device)
    return torch.stack([answer.by_view[:, :count].mean(dim=1) for count in counts], dim=1)


def views_label(count: int) -> str:
    """The part of a column's name that says over how many views its logits were averaged."""
    return f"{count}view{'s' if count > 1 else ''}"
