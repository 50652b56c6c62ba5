"""Small benches for the tests of measurements; their images can be our own drawings."""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from PIL import Image

from skin_app.diagnoses import CODES
from skin_app.network import MemberConfig
from skin_app.weights.folder import open_weights
from tests.tiny import MOBILENET, write_weights
from train.audit.out_of_fold import OutOfFold
from train.data.drawings import Pattern, draw_lesion


def drawn_table(folder: Path, images: int, size: tuple[int, int], suffix: str = "png") -> pd.DataFrame:
    """`images` drawings as files, one a lesion, under made-up diagnoses; two members take turns."""
    rows = []
    for row in range(images):
        path = folder / f"ISIC_{row}.{suffix}"
        pattern = get_args(Pattern)[row % len(get_args(Pattern))]
        Image.fromarray(draw_lesion(row % 14, pattern, *size)).save(path, quality=95)
        turn, lesion = row % 2, f"L{row:02d}"
        rows.append((path.stem, CODES[row % 7], lesion, turn, turn, str(path), lesion))
    columns = ["image_id", "dx", "lesion", "fold", "member", "path", "group"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def unseen_of(
    table: pd.DataFrame, folder: Path, members: tuple[MemberConfig, ...] = (MOBILENET,) * 2
) -> OutOfFold:
    """Untrained members and random out-of-fold logits of `table`; results are kept in `folder`."""
    weights = open_weights(write_weights(folder / "weights", members))
    generator = np.random.default_rng(0)
    return OutOfFold(
        weights=weights,
        members=tuple(weights.member(name) for name in weights.contract.members),
        table=table,
        logits={views: generator.normal(size=(len(table), 7)) for views in (1, 8)},
        labels=np.array([CODES.index(dx) for dx in table["dx"]]),
        work=folder,
    )
