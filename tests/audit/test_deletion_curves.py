"""Deletion and insertion curves of networks whose truth is known."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import auc
from torch import Tensor

from train.audit.deletion_curves import area, blurred, curve_scores, curves, importance_order
from train.audit.explanations import same_map
from train.explain.maps import CENTRE, OURS, RANDOM, centre_gaussian, random_map

SIZE, PLACES = 40, 5


def noise(seed: int) -> Tensor:
    return torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def truth_map() -> np.ndarray:
    truth = np.zeros((PLACES, PLACES))
    truth[0, 1] = truth[3, 4] = 1
    return truth


def sees_the_truth(square: Tensor) -> Any:
    """A network whose logit is a sum over known pixels: how many of them are as in `square`."""
    known = torch.from_numpy(np.kron(truth_map(), np.ones((SIZE // PLACES,) * 2)) > 0)

    def probability(images: Tensor) -> np.ndarray:
        intact = ((images - square).abs().amax(dim=1) < 1e-6)[:, known].double().mean(dim=1)
        return torch.sigmoid(12 * intact - 6).numpy()

    return probability


def test_the_true_map_beats_random_and_centre_and_its_opposite_loses() -> None:
    square = noise(1)
    maps = {
        "truth": truth_map(),
        "opposite": 1 - truth_map(),
        CENTRE: centre_gaussian(PLACES, PLACES),
        RANDOM: random_map(PLACES, PLACES, 3),
    }
    found = curves(sees_the_truth(square), square, maps)
    deletion, insertion = ({name: area(both[k]) for name, both in found.items()} for k in (0, 1))
    for other in (RANDOM, CENTRE, "opposite"):
        assert deletion["truth"] < deletion[other] - 0.1
        assert insertion["truth"] > insertion[other] + 0.1
    assert max(deletion, key=lambda name: deletion[name]) == "opposite"
    assert min(insertion, key=lambda name: insertion[name]) == "opposite"


def test_both_curves_start_and_end_at_the_image_and_its_blurred_copy() -> None:
    square = noise(2)
    seen: list[Tensor] = []

    def brightness(images: Tensor) -> np.ndarray:
        seen.append(images)
        return images.mean(dim=(1, 2, 3)).double().numpy()

    deletion, insertion = curves(brightness, square, {"truth": truth_map()}, steps=4)["truth"]
    ends = [float(square.mean()), float(blurred(square).mean())]
    assert [deletion[[0, -1]], insertion[[-1, 0]]] == [pytest.approx(ends)] * 2
    for step, image in enumerate(seen[1][:3], start=1):  # what deletion takes away is the blurred copy
        gone = (image != square).any(dim=0)
        assert float(gone.double().mean()) == pytest.approx(step / 4, abs=0.01)
        assert torch.equal(image[:, gone], blurred(square)[:, gone])


def test_blurring_keeps_colours_and_loses_structure_like_opencv() -> None:
    square = noise(3).permute(1, 2, 0).numpy()
    library = cv2.GaussianBlur(square, (41, 41), SIZE / 8, borderType=cv2.BORDER_REFLECT)
    assert np.abs(blurred(noise(3)).permute(1, 2, 0).numpy() - library).max() < 1e-3


def test_equal_places_are_ordered_by_the_ties_not_by_the_rows() -> None:
    heat, ties = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.1, 0.3], [0.0, 0.2]])
    assert importance_order(heat, ties).tolist() == [2, 1, 3, 0]


def test_the_area_is_the_trapezoid_rule() -> None:
    curve = np.random.default_rng(0).random(17)
    assert area(curve) == pytest.approx(auc(np.linspace(0, 1, 17), curve))


def test_maps_that_are_the_same_but_for_scale_and_offset_share_their_curves() -> None:
    calls: list[int] = []

    def counting(images: Tensor) -> np.ndarray:
        calls.append(len(images))
        return np.linspace(0, 1, len(images))

    one = random_map(5, 5, 0)
    found = curves(counting, noise(0), {"one": one, "twin": 2 * one + 1, "no twin": 1 - one}, steps=4)
    assert calls == [2, 6, 6]
    assert found["twin"] is found["one"]
    assert same_map(one, one + 3)
    assert not same_map(one, one.round(2))


@pytest.mark.parametrize("advantage", [0.1, 0])
def test_our_map_is_compared_with_each_control_on_the_same_images(advantage: float) -> None:
    falling = np.linspace(0.9, 0.1, 5)
    both = np.stack([falling, falling[::-1]])
    random = np.random.default_rng(0)
    shift = advantage + 0.01 * random.normal(size=(30, 1, 1))
    level = 0.3 * random.normal(size=(30, 1, 1)) + falling
    maps = {
        OURS: both + shift * np.array([[-1], [1]]),
        RANDOM: np.stack([both] * 30),
        CENTRE: np.concatenate([level, level], axis=1),
    }
    found = curve_scores(maps, np.arange(30)).ours_less[RANDOM]
    assert found["deletion"].value == pytest.approx(-advantage, abs=0.01)
    assert found["insertion"].value == pytest.approx(advantage, abs=0.01)
    assert found["insertion less deletion"].value == pytest.approx(2 * advantage, abs=0.02)
    assert found["insertion"].interval_95 is not None
    assert (found["insertion"].interval_95[0] > 0) == (advantage > 0)
