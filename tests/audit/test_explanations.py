"""Stability of the maps, and all tests of the explanations on a few drawings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from skin_app.heatmap import attributions
from skin_app.lesion import lesion_mask, standard_square
from skin_app.member_groups import read_batches
from skin_app.network import Member
from tests.audit.drawn import drawn_table, unseen_of
from tests.library.test_heatmap import of_probabilities
from tests.tiny import SWIN
from train.audit import deletion_curves, explanations, sanity_checks
from train.audit.explanations import cases
from train.audit.lesion_heat import heat_by_method
from train.audit.out_of_fold import OutOfFold
from train.documents.figures import draw_deletion_curves
from train.documents.template import filled
from train.explain.maps import CENTRE, EXPLAINING, OURS, RANDOM
from train.release.audit_weights import explained
from train.scores.intervals import plain


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> OutOfFold:
    """Two untrained members and twelve drawn lesions, six for each member."""
    folder = tmp_path_factory.mktemp("swin")
    return unseen_of(drawn_table(folder, 12, (90, 120)), folder, (SWIN, SWIN))


def test_cases_are_explained_by_their_own_member_for_the_first_diagnosis(unseen: OutOfFold) -> None:
    for case in cases(unseen, np.array([2, 5])):
        member = unseen.members[case.row % 2]
        answer = read_batches([member], 0, case.square[None], 1, torch.device("cpu"))
        probabilities = unseen.calibrated(answer[0].logits.double().numpy(), 1)
        assert case.member == case.row % 2
        assert case.label == probabilities.argmax()
        signed = attributions(member, case.square[None])
        of_first = of_probabilities(signed, torch.from_numpy(probabilities))[0, case.label]
        positive = of_first.clamp(min=0).numpy()
        assert np.allclose(case.maps[OURS], positive / positive.max(), atol=1e-5)
        assert set(case.maps) == {*EXPLAINING, CENTRE, RANDOM}
        curve = deletion_curves.curves_of(unseen, case)[OURS]
        assert curve[0][0] == pytest.approx(probabilities[0, case.label], abs=1e-5)


def test_a_network_that_turns_with_its_image_is_steady_and_one_of_other_weights_is_not(
    unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = cases(unseen, np.array([0]))[0]
    untrained = explanations.steadiness_of(unseen, case)
    assert untrained["two views"] < 0.99
    twins = replace(unseen, members=(unseen.members[0],) * 2)
    assert explanations.steadiness_of(twins, case)["two members"] == pytest.approx(1)
    assert untrained["two members"] < 0.9

    def brightness(_: Member, images: Tensor, __: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images[:, :1], 16)

    monkeypatch.setattr(explanations, "attributions", brightness)
    steady = explanations.steadiness_of(unseen, case)
    assert [steady["view and mean"], steady["two views"]] == pytest.approx([1, 1], abs=1e-3)


def test_heat_shares_of_a_map_on_the_lesion_and_beside_it(unseen: OutOfFold) -> None:
    tested = cases(unseen, np.arange(4))
    masks = [lesion_mask(standard_square(unseen.photo(case.row))) for case in tested]
    inside = [
        replace(case, maps={**case.maps, OURS: mask.astype(float), "Grad-CAM": np.ones((5, 5))})
        for case, mask in zip(tested, masks, strict=True)
    ]
    found = heat_by_method(unseen, inside)
    assert found.heat[OURS].value == pytest.approx(1)
    assert found.area.value == pytest.approx(np.mean([mask.mean() for mask in masks]))
    assert found.more_than_area["Grad-CAM"].value == pytest.approx(0, abs=1e-6)
    assert found.without_mask == 0


def test_everything_is_measured_kept_written_and_drawn(
    unseen: OutOfFold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanations, "IMAGES", 7)
    monkeypatch.setattr(sanity_checks, "IMAGES", 3)
    numbers = plain(explained(unseen))
    json.dumps(numbers, allow_nan=False)
    assert (numbers["images"], numbers["randomisation"]["images"]) == (7, 3)
    assert numbers["same_as_ours"]["Grad-CAM"] == 0
    monkeypatch.setattr(deletion_curves, "curves_of", None)  # so what is kept must serve
    monkeypatch.setattr(sanity_checks, "after_randomising", None)
    assert plain(explained(unseen)) == numbers
    ours = numbers["randomisation"]["methods"][OURS]
    for changes, said in ((True, "Our map follows"), (False, "Our map **does not follow**")):
        ours["changes"] = changes
        text = filled("trust/explanations.md", numbers=numbers, figure="figure.png")
        assert said in text
    assert f"| {numbers['curves']['areas'][OURS]['deletion']['value']:.2f} |" in text
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    draw_deletion_curves(numbers, one)
    draw_deletion_curves(numbers, two)
    assert one.read_bytes() == two.read_bytes()
    assert Image.open(one).size[0] > 600
