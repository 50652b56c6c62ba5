"""The same photo, weights and device give the same answer: again, beside others, in another process."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from skin_app.ensemble import Ensemble
from skin_app.photo.read import Photo
from tests.tiny import picture

NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PHOTOS = [Photo(picture(seed, 90 + seed, 120)) for seed in range(9)]
IN_ANOTHER_PROCESS = """
import sys
import torch
from skin_app.ensemble import Ensemble
from tests.library.test_determinism import NOON, PHOTOS
torch.cpu._is_avx512_bf16_supported = lambda: False  # as in all tests
for views in (1, 8):
    print(Ensemble.load(sys.argv[1])(PHOTOS[0], views).to_json(made_at=NOON))
"""


def test_the_same_bytes_again_beside_others_and_in_another_process(trusted: Ensemble) -> None:
    first, full = (trusted(PHOTOS[0], views).to_json(made_at=NOON) for views in (1, 8))
    assert trusted(PHOTOS[0]).to_json(made_at=NOON) == full
    with ThreadPoolExecutor(3) as pool:
        beside, *_ = pool.map(trusted, PHOTOS[:3])
    assert beside.to_json(made_at=NOON) == full
    other = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, str(trusted.weights.folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdout == f"{first}\n{full}\n"


def test_the_time_stamp_is_the_only_line_that_differs(trusted: Ensemble) -> None:
    later = NOON.replace(hour=13)
    one, other = (trusted(PHOTOS[1], 1).to_json(made_at=when) for when in (NOON, later))
    lines = zip(one.splitlines(), other.splitlines(), strict=True)
    (different,) = [own for own, its in lines if own != its]
    assert different.strip().startswith('"made_at"')


@pytest.mark.parametrize("views", [1, 8])
def test_batch_size_order_and_neighbours_change_no_probability(trusted: Ensemble, views: int) -> None:
    alone = [trusted(photo, views).probabilities for photo in PHOTOS]
    order = list(range(len(PHOTOS)))
    for size in (2, 4, 9):
        random.Random(size).shuffle(order)
        for start in range(0, len(order), size):
            few = order[start : start + size]
            for number, own in zip(few, trusted([PHOTOS[i] for i in few], views), strict=True):
                assert np.allclose(own.probabilities, alone[number], rtol=0, atol=1e-5)
