"""The maps against automatic differentiation and against the grad-cam library."""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from skin_app.diagnoses import CODES
from skin_app.heatmap import (
    HeatLimit,
    against_the_others,
    attributions,
    averaged_maps,
    class_maps,
    count_with_map,
    heat_on_lesion,
    mean_grad_cams,
    on_shared_scale,
)
from skin_app.lesion import SIDE
from skin_app.network import Member, MemberConfig
from skin_app.views import turn, turn_back
from tests.library.test_lesion import disc
from tests.library.test_network import CONFIGS, batch_of, member_of, name_of, with_stages_in_common
from tests.tiny import MOBILENET, SWIN


class LogitsOnly(nn.Module):
    """What the grad-cam library wants: a module whose output is the logits, with a spatial layer."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.member = member
        self.spatial = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        features = self.member.feature_map((images - self.member.mean) / self.member.std)
        return self.member.head(self.member.pooled(self.spatial(features)))


def grad_cams_by_library(
    network: "LogitsOnly | OneNetwork", images: Tensor, labels: Iterable[int]
) -> np.ndarray:
    """The grad-cam library's signed maps of one image, not yet enlarged: (labels, rows, columns)."""
    found = []
    with GradCAM(model=network, target_layers=[network.spatial]) as cam:
        for label in labels:
            target = [ClassifierOutputTarget(label)]
            cam(input_tensor=images, targets=target)  # type: ignore[arg-type]
            seen = cam.activations_and_grads
            activations, gradients = seen.activations[0].numpy(), seen.gradients[0].numpy()
            found += list(
                cam.get_cam_image(images, network.spatial, target, activations, gradients)  # type: ignore[arg-type]
            )
    return np.stack(found)


def of_probabilities(maps: Tensor, probabilities: Tensor) -> Tensor:
    """Maps of the probabilities from those of the logits: (batch, 7, rows, columns), and (batch, 7).

    By the derivative of the softmax: p_k (map_k - sum_j p_j map_j).
    """
    shares = probabilities.to(maps)[:, :, None, None]
    return shares * (maps - (shares * maps).sum(dim=1, keepdim=True))


@pytest.mark.parametrize("config", CONFIGS, ids=name_of)
def test_class_maps_equal_the_grad_cam_library(config: MemberConfig) -> None:
    member, images = member_of(config), batch_of(config, 1)
    maps = class_maps(member, member(images))[0].detach()
    library = grad_cams_by_library(LogitsOnly(member), images, range(len(CODES)))
    assert np.abs(maps.numpy() - library).max() < 1e-6


class OneNetwork(nn.Module):
    """Two members that read two views each: one feature map side by side, one mean logit."""

    READINGS = ((0, 0), (0, 5), (1, 0), (1, 5))  # member, view

    def __init__(self, members: list[Member]) -> None:
        super().__init__()
        self.own = [members[member] for member, _ in self.READINGS]
        self.registered = nn.ModuleList(members)
        self.spatial = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        own = self.own
        features = [
            turn_back(member.feature_map((turn(images, view) - member.mean) / member.std), view)
            for member, (_, view) in zip(own, self.READINGS, strict=True)
        ]
        parts = self.spatial(torch.cat(features, dim=1)).chunk(len(own), dim=1)
        logits = [member.head(member.pooled(part)) for member, part in zip(own, parts, strict=True)]
        return torch.stack(logits).mean(dim=0)


def test_the_mean_grad_cam_is_the_librarys_of_the_ensemble_as_one_network() -> None:
    members, images = with_stages_in_common(SWIN, 2), batch_of(SWIN, 1)
    network, readings = OneNetwork(members), []
    for number, view in network.READINGS:
        member = members[number]
        readings.append(turn_back(class_maps(member, member(turn(images, view))).detach(), view))
    maps = {code: np.zeros((2, 2)) for code in ("mel", "bkl", "akiec")}
    (found, none) = mean_grad_cams([own.expand(2, -1, -1, -1) for own in readings], [maps, None])
    assert none is None
    assert found is not None
    assert list(found) == list(maps)
    labels = [CODES.index(code) for code in maps]
    library = grad_cams_by_library(network, images, labels).clip(min=0)
    assert library.max() > 0
    assert np.abs(np.stack(list(found.values())) - library / library.max()).max() < 1e-5


def test_attributions_are_what_a_score_loses_when_a_place_looks_like_the_average() -> None:
    member, images = member_of(SWIN).double(), batch_of(SWIN, 2).double()
    maps = attributions(member, images)
    assert maps.shape == (2, 7, 10, 10)  # one stage before the last: twice as fine
    backbone, step = member.backbone, 1e-5
    with torch.no_grad():
        before = backbone.layers[:-1](backbone.patch_embed((images - member.mean) / member.std))

        def logits(trunk: Tensor) -> Tensor:
            return member.output_of(backbone.norm(backbone.layers[-1](trunk))).logits

        whole, mean = logits(before), before.mean(dim=(1, 2))
        for row, column in ((0, 0), (4, 7), (9, 3)):
            moved = before.clone()
            moved[:, row, column] += step * (mean - moved[:, row, column])
            lost = (whole - logits(moved)) / step
            assert torch.allclose(maps[:, :, row, column], lost, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("config", [SWIN, MOBILENET], ids=name_of)
def test_maps_of_one_class_are_those_of_all_but_for_its_probability(config: MemberConfig) -> None:
    member, images = member_of(config), batch_of(config, 3)
    labels = torch.tensor([4, 0, 6])
    probabilities = torch.rand(3, 7, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    one = attributions(member, images, against_the_others(labels[:, None], probabilities))[:, 0]
    every = of_probabilities(attributions(member, images), probabilities)
    place = torch.arange(3)
    expected = every[place, labels] / probabilities[place, labels][:, None, None]
    assert torch.allclose(one, expected, atol=1e-6)


def test_maps_of_probabilities_follow_the_derivative_of_the_softmax() -> None:
    logits = torch.randn(1, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    slope = torch.autograd.functional.jacobian(lambda z: z.softmax(dim=1), logits)
    assert isinstance(slope, Tensor)
    maps = torch.randn(1, 7, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    expected = torch.einsum("kj,bjyx->bkyx", slope[0, :, 0], maps)
    assert torch.allclose(of_probabilities(maps, logits.softmax(dim=1)), expected)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.01, 0.2, 0.009, 0.3, 0.002, 0.4, 0.079), 5),
        ((0.001, 0.001, 0.003, 0.001, 0.991, 0.002, 0.001), 3),
        ((0.001, 0.001, 0.006, 0.001, 0.989, 0.001, 0.001), 2),
    ],
)
def test_diagnoses_of_one_percent_have_a_map_and_beside_a_certain_one_the_next(
    probabilities: tuple[float, ...], expected: int
) -> None:
    assert count_with_map(np.array(probabilities)) == expected


def test_attributions_without_stages_are_grad_cam_less_its_mean() -> None:
    member, images = member_of(MOBILENET), batch_of(MOBILENET, 2)
    maps = class_maps(member, member(images)).detach()
    expected = maps - maps.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(attributions(member, images), expected, atol=1e-6)


def test_attributions_leave_nothing_on_the_shared_member_and_work_without_gradients() -> None:
    member, images = member_of(SWIN).requires_grad_(False), batch_of(SWIN, 1)
    with torch.inference_mode():
        inside = attributions(member, images)
    assert torch.equal(inside, attributions(member, images))
    assert not inside.requires_grad
    assert all(weight.grad is None and not weight.requires_grad for weight in member.parameters())


def test_shared_scale_keeps_the_order_between_classes() -> None:
    maps = torch.zeros(7, 2, 2)
    maps[1, 0, 0], maps[4, 1, 1], maps[5, 0, 1] = 2.0, 4.0, -3.0
    scaled = on_shared_scale(maps)
    assert (scaled[4, 1, 1], scaled[1, 0, 0], scaled[5].max()) == (1, 0.5, 0)
    assert on_shared_scale(torch.zeros(7, 2, 2)).max() == 0


def test_maps_of_different_grids_are_averaged_on_the_finer_one() -> None:
    mean = averaged_maps([torch.ones(1, 7, 2, 2), torch.full((1, 7, 4, 4), 3.0)])
    assert torch.allclose(mean, torch.full((1, 7, 4, 4), 2.0))


def test_heat_is_enlarged_as_opencv_enlarges() -> None:
    heat, mask = np.random.default_rng(4).random((7, 7)), disc(60, 150, 70)
    large = cv2.resize(heat, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert heat_on_lesion(heat, mask) == pytest.approx(large[mask].sum() / large.sum(), abs=1e-6)
    assert heat_on_lesion(np.full((8, 8), 0.4), mask) == pytest.approx(mask.mean())


def test_heat_beside_inside_and_nowhere() -> None:
    heat = np.zeros((8, 8))
    heat[0, 0] = 1
    left = np.zeros((SIDE, SIDE), dtype=bool)
    left[:, : SIDE // 2] = True
    assert (heat_on_lesion(heat, left), heat_on_lesion(heat, ~left)) == (1, 0)
    assert np.isnan(heat_on_lesion(np.zeros((8, 8)), left))


def test_limit_warns_of_less_heat_than_the_size_gives() -> None:
    limit = HeatLimit(least_concentration=0.8, false_alarm_rate=0.05, fitted_on="numbers")
    cases = [(0.079, 0.1), (0.081, 0.1), (0.39, 0.5)]
    assert [limit.warns(*case) for case in cases] == [True, False, True]
    assert HeatLimit.model_validate_json(limit.model_dump_json()) == limit
    with pytest.raises(ValidationError):
        HeatLimit(least_concentration=-1, false_alarm_rate=0.05, fitted_on="numbers")
