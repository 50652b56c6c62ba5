"""Weights drawn anew: the cascade, the measures, and a map that does not depend on weights."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast, get_args

import cv2
import numpy as np
import pytest
import torch
from scipy.special import softmax

from skin_app.heatmap import class_maps
from skin_app.network import Member, MemberConfig
from tests.tiny import MOBILENET, SWIN
from train.audit import sanity_checks
from train.audit.explanations import Case, mean_similarity, read_once
from train.audit.out_of_fold import OutOfFold
from train.audit.sanity_checks import (
    after_randomising,
    cascade,
    parts_from_the_top,
    randomisation_scores,
    similarity,
    structural_similarity,
)
from train.data.drawings import Pattern, draw_lesion
from train.explain.maps import EXPLAINING, OURS, centre_gaussian, maps_by_method, random_map


def member_of(config: MemberConfig) -> Member:
    torch.manual_seed(1)
    return Member(config).eval().requires_grad_(False)


@pytest.mark.parametrize("config", [MOBILENET, SWIN], ids=["mobilenet", "swin"])
def test_the_cascade_goes_from_the_classifier_to_the_pixels_and_leaves_the_member(
    config: MemberConfig,
) -> None:
    member = member_of(config)
    before = {name: value.clone() for name, value in member.state_dict().items()}
    parts = parts_from_the_top(member)
    assert list(parts)[:2] == ["classifier", "dense"]
    assert list(parts)[-1] == ("patch_embed" if config is SWIN else "conv_stem")
    assert sorted(key for keys in parts.values() for key in keys) == sorted(before)
    drawn: set[str] = set()
    for part, changed in cascade(member):
        drawn |= set(parts[part])
        for name, value in changed.state_dict().items():
            if name not in drawn:
                assert torch.equal(value, before[name]), (part, name)
            elif value.ndim > 1 and value.is_floating_point():  # biases and norms start the same
                assert not torch.equal(value, before[name]), (part, name)
    assert drawn == set(before)
    assert all(torch.equal(before[name], value) for name, value in member.state_dict().items())


def asked(member: Member) -> OutOfFold:
    """What of the out-of-fold images the cascade asks for."""
    given = SimpleNamespace(members=(member,), calibrated=lambda logits, _: softmax(logits, axis=1))
    return cast(OutOfFold, given)


def swin_cases(member: Member) -> list[Case]:
    tested = []
    for row, pattern in enumerate(get_args(Pattern)):
        square = torch.from_numpy(draw_lesion(row, pattern, 80, 80)).permute(2, 0, 1).float() / 255
        output, said = read_once(asked(member), member, square[None])
        label = int(class_maps(member, output)[0].amax(dim=(1, 2)).argmax())
        maps = maps_by_method(member, square[None], output, np.array([label]), said)
        tested.append(Case(row, 0, square, label, {name: heat[0] for name, heat in maps.items()}))
    return tested


def test_maps_of_a_network_change_with_its_weights_but_eigen_cam_overlooks_the_head() -> None:
    member = member_of(SWIN)
    drawn = after_randomising(asked(member), swin_cases(member), (0, 1))
    assert set(drawn) == set(EXPLAINING)
    assert list(drawn[OURS]) == list(parts_from_the_top(member))
    assert drawn["Eigen-CAM"]["dense"]["rank"] == pytest.approx([1.0] * 4)
    assert drawn["Eigen-CAM"]["dense"]["structure"] == pytest.approx([1.0] * 4, abs=1e-6)
    assert np.nanmean(drawn[OURS]["dense"]["rank"]) < 0.9
    lesions = np.array(list("abcd"))
    assert not randomisation_scores(drawn, lesions).methods["Eigen-CAM"].changes


def test_a_map_that_ignores_the_weights_is_reported_as_not_changing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def edges_and_noise(
        _: Member, __: Any, output: Any, labels: np.ndarray, ___: np.ndarray
    ) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(int(1e6 * float(output.logits.abs().sum())))
        fixed = np.stack([centre_gaussian(5, 5)] * len(labels))
        return {"edges": fixed, "noise": generator.random((len(labels), 5, 5))}

    member = member_of(SWIN)
    maps = {"edges": centre_gaussian(5, 5), "noise": random_map(5, 5, 0)}
    tested = [replace(case, maps=maps) for case in swin_cases(member)]
    monkeypatch.setattr(sanity_checks, "maps_by_method", edges_and_noise)
    drawn = after_randomising(asked(member), tested, (0, 1, 2))
    found = randomisation_scores(drawn, np.array(list("abcd"))).methods
    assert not found["edges"].changes
    assert found["noise"].changes
    assert all(part["rank"].value == pytest.approx(1) for part in found["edges"].parts.values())


def test_structural_similarity_agrees_with_opencv_windows() -> None:
    one, other = random_map(12, 12, 0), random_map(12, 12, 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)

    m, n = mean(one), mean(other)
    v, w = mean(one**2) - m**2, mean(other**2) - n**2
    c = mean(one * other) - m * n
    expected = ((2 * m * n + 1e-4) * (2 * c + 9e-4)) / ((m**2 + n**2 + 1e-4) * (v + w + 9e-4))
    assert structural_similarity(one, other) == pytest.approx(expected.mean(), abs=1e-9)
    assert structural_similarity(one, one) == pytest.approx(1)
    assert structural_similarity(one, 1 - one) < 0


def test_blank_maps_are_left_out_not_counted_as_similar() -> None:
    blank = np.zeros((5, 5))
    assert np.isnan(similarity(blank, random_map(5, 5, 0))).all()
    pairs = [(torch.zeros(5, 5), torch.rand(5, 5)), (torch.arange(9.0), torch.arange(9.0))]
    assert mean_similarity(pairs) == pytest.approx(1)
    assert np.isnan(mean_similarity(pairs[:1]))
