"""Out-of-fold predictions: each image by the member that was not trained on its lesion."""

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.ensemble import input_square
from skin_app.hardware import best_device, precision
from skin_app.network import Member
from skin_app.photo import read_photo
from skin_app.views import VIEWS, all_views
from train.run import Run


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU."""
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / "member.safetensors"))
    return member.eval()


def predict_held_out(run: Run, fold: int) -> None:
    """Write the held-out images' logits from one view and averaged over all views.

    Images are read from their files, as the app does, not from the training cache.
    """
    device = best_device()
    member = load_fold_member(run, fold).to(device)
    rows = np.flatnonzero(run.assignment == fold)
    records = []
    for row in tqdm(rows, f"predict fold {fold}", mininterval=10):
        photo = read_photo(str(run.data.table["path"].iloc[row]))
        square = input_square(photo, member.config)
        with torch.inference_mode(), precision(device):
            logits = member(all_views(square[None])[0].to(device)).logits.float().cpu()
        records.append(
            [
                run.data.table["image_id"].iloc[row],
                run.data.table["dx"].iloc[row],
                fold,
                *logits[0].tolist(),
                *logits.mean(dim=0).tolist(),
            ]
        )
    columns = ["image_id", "dx", "fold"]
    columns += [f"logit_1view_{code}" for code in CODES]
    columns += [f"logit_{VIEWS}views_{code}" for code in CODES]
    path = run.fold_folder(fold) / "predictions.partial"
    pd.DataFrame(records, columns=columns).to_csv(path, index=False, float_format="%.6g")
    path.replace(run.fold_folder(fold) / "predictions.csv")
