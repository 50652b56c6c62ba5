"""Stability, heat on the lesion, and all tests of the explanations on a small bench."""

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from skin_app.ensemble import read_batches
from skin_app.heatmap import attributions, of_probabilities
from skin_app.lesion import lesion_mask, standard_square
from skin_app.network import Member
from skin_app.weights.folder import open_weights
from tests.tiny import SWIN, write_weights
from train.audit import explained, explanations
from train.audit.bench import Bench
from train.audit.explanations import lesion_scores, measure
from train.data.drawings import Pattern, draw_lesion
from train.documents.deletion_figure import draw_curves
from train.documents.explanations import render
from train.explain.maps import CENTRE, EXPLAINING, OURS, RANDOM

KINDS = get_args(Pattern)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two untrained members and twelve drawn lesions, six for each member."""
    folder = tmp_path_factory.mktemp("bench")
    weights = open_weights(write_weights(folder / "weights", (SWIN, SWIN)))
    rows = []
    for row in range(12):
        path = folder / f"{row}.png"
        Image.fromarray(draw_lesion(row, KINDS[row % len(KINDS)], 90, 120)).save(path)
        rows.append((f"image {row}", f"lesion {row}", row % 2, row % 2, str(path)))
    table = pd.DataFrame(rows, columns=pd.Index(["image_id", "lesion", "fold", "member", "path"]))
    return Bench(
        weights=weights,
        members=tuple(weights.member(name) for name in weights.contract.members),
        table=table,
        logits={},
        labels=np.arange(12) % 7,
        work=folder,
    )


def test_cases_are_explained_by_their_own_member_for_the_first_diagnosis(bench: Bench) -> None:
    for case in explained.cases(bench, np.array([2, 5])):
        answer = read_batches(
            [bench.members[case.row % 2]], 0, case.square[None], 1, torch.device("cpu")
        )
        probabilities = bench.calibrated(answer[0].logits.double().numpy(), 1)
        assert case.member == case.row % 2
        assert case.label == probabilities.argmax()
        signed = attributions(bench.members[case.row % 2], case.square[None])
        of_first = of_probabilities(signed, torch.from_numpy(probabilities))[0, case.label]
        positive = of_first.clamp(min=0).numpy()
        assert np.allclose(case.maps[OURS], positive / positive.max(), atol=1e-5)
        assert set(case.maps) == {*EXPLAINING, CENTRE, RANDOM}
        curve = explained.curves_of(bench, case)[OURS]
        assert curve[0][0] == pytest.approx(probabilities[0, case.label], abs=1e-5)


def test_a_network_that_turns_with_its_image_is_steady_and_one_of_other_weights_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = explained.cases(bench, np.array([0]))[0]
    untrained = explained.steadiness(bench, case)
    assert untrained["two views"] < 0.99
    twins = dataclasses.replace(bench, members=(bench.members[0],) * 2)
    assert explained.steadiness(twins, case)["two members"] == pytest.approx(1)
    assert untrained["two members"] < 0.9

    def brightness(_: Member, images: Tensor, __: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images[:, :1], 16)

    monkeypatch.setattr(explained, "attributions", brightness)
    steady = explained.steadiness(bench, case)
    assert steady["view and mean"] == pytest.approx(1, abs=1e-3)
    assert steady["two views"] == pytest.approx(1, abs=1e-3)


def test_heat_shares_of_a_map_on_the_lesion_and_beside_it(bench: Bench) -> None:
    tested = explained.cases(bench, np.arange(4))
    masks = [lesion_mask(standard_square(bench.photo(case.row))) for case in tested]
    assert all(mask.any() for mask in masks)
    inside = [
        dataclasses.replace(c, maps={**c.maps, OURS: mask.astype(float), "Grad-CAM": np.ones((5, 5))})
        for c, mask in zip(tested, masks, strict=True)
    ]
    found = lesion_scores(bench, inside, np.array(list("abcd")))
    assert found["heat"][OURS]["value"] == pytest.approx(1)
    assert found["area"]["value"] == pytest.approx(np.mean([mask.mean() for mask in masks]))
    assert found["more_than_area"]["Grad-CAM"]["value"] == pytest.approx(0, abs=1e-6)
    assert found["without_mask"] == 0


@pytest.fixture(scope="module")
def numbers(bench: Bench) -> dict[str, Any]:
    return measure(bench, images=7, randomised=3)


def test_everything_is_measured_kept_and_written(
    bench: Bench, numbers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = copy.deepcopy(numbers)
    kept = json.dumps(numbers, allow_nan=False)
    assert numbers["images"] == 7
    assert numbers["same_as_ours"]["Grad-CAM"] == 0
    assert numbers["randomisation"]["images"] == 3
    monkeypatch.setattr(explanations, "curves_of", None)  # so what is kept must serve
    monkeypatch.setattr(explanations, "after_randomising", None)
    assert json.dumps(measure(bench, images=7, randomised=3)) == kept
    text = render(numbers)
    assert text.startswith("## Explanations tested")
    assert f"{numbers['curves']['areas'][OURS]['deletion']['value']:.2f} [" in text
    verdict = "Met" if numbers["randomisation"]["methods"][OURS]["changes"] else "Missed"
    assert f"**{verdict} by our map.**" in text
    for worse in ("better", "none", "worse"):
        numbers["curves"]["ours_less"][CENTRE]["deletion"]["verdict"] = worse
        said = next(line for line in render(numbers).splitlines() if "Against the centre" in line)
        sentence = said.split("Against the centre Gaussian map: ")[1]
        phrase = {"better": "beats it on", "none": "does not beat it", "worse": "does worse than it"}
        assert re.search(f"{phrase[worse]}.{{0,30}}deletion", sentence)


def test_the_figure_is_drawn_the_same_each_time(numbers: dict[str, Any], tmp_path: Path) -> None:
    draw_curves(numbers, tmp_path / "one.png")
    draw_curves(numbers, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert Image.open(tmp_path / "one.png").size[0] > 600
