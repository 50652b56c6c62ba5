"""The gallery of a weights folder: its embeddings, and when a photo counts as one of its images."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from skin_app.gallery.similar_lesions import SAME_PHOTO
from skin_app.hardware import best_device, precision
from skin_app.member_groups import input_square
from skin_app.network import Member
from skin_app.photo.read import read_photo
from train.data.ham10000 import Dataset
from train.data.kept_files import kept_file

MARGIN = 5e-4  # float16 changes a similarity by up to this
HIGHEST = 1 - MARGIN  # so a photo may be only this similar to its own stored image


def same_photo(embeddings: np.ndarray, lesions: np.ndarray) -> float:
    """The cosine similarity from which a photo counts as one of the gallery's own images.

    `SAME_PHOTO`, or slightly more than the highest similarity of two lesions, but at most `HIGHEST`:
    above that, no photo would be recognised. `embeddings`: (images, channels) of length 1; `lesions`:
    (images,).
    """
    units = torch.from_numpy(embeddings.astype(np.float32))
    lesion = torch.from_numpy(np.unique(lesions, return_inverse=True)[1])
    highest = 0.0
    for rows in torch.arange(len(units)).split(1000):
        others = lesion[rows][:, None] != lesion[None]
        highest = max(highest, float((units[rows] @ units.T).where(others, 0.0).max()))
    return min(max(SAME_PHOTO, highest + MARGIN), HIGHEST)


def tells_photos_apart(folder: Path) -> bool:
    """Whether the `same_photo` of a weights folder is above the similarity of any two lesions in it."""
    stored = load_file(folder / "gallery.safetensors")["same_photo"]
    return bool(stored < torch.tensor(HIGHEST))  # both float32


def gallery_embeddings(member: Member, data: Dataset, cache: Path) -> np.ndarray:
    """Unit embeddings of every image from one view, (images, channels) float16; kept in `cache`."""
    return np.load(kept_file(cache, lambda partial: _embed(member, data, partial)))


def _embed(member: Member, data: Dataset, path: Path) -> None:
    device = best_device()
    member = member.to(device)
    embeddings = []
    for start in tqdm(range(0, len(data.table), 16), "gallery", mininterval=10):
        paths = data.table["path"].iloc[start : start + 16]
        squares = torch.stack([input_square(read_photo(p), member.config) for p in paths])
        with torch.inference_mode(), precision(device):
            embedding = member(squares.to(device)).embedding.float()
        embeddings.append((embedding / embedding.norm(dim=1, keepdim=True)).cpu().numpy())
    member.cpu()
    with path.open("wb") as file:
        np.save(file, np.concatenate(embeddings).astype(np.float16))
