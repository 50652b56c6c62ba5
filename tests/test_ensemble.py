"""Photos to analyses: batching, views, calibration and gallery agree with doing it by hand."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from skin_app.decision import calibrated
from skin_app.ensemble import Analysis, Ensemble, input_square
from skin_app.network import Member
from skin_app.photo import Photo
from skin_app.trunk import common_stages, read_all
from skin_app.views import all_views
from tests.tiny import MOBILENET, SWIN, picture, write_weights


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    folder = write_weights(tmp_path_factory.mktemp("w") / "weights", (MOBILENET, SWIN))
    return Ensemble.load(folder)


PHOTOS = [Photo(picture(seed, 120 + seed, 90)) for seed in range(5)]


@pytest.mark.parametrize("views", [1, 8])
def test_an_analysis_equals_the_forward_passes_done_by_hand(ensemble: Ensemble, views: int) -> None:
    analysis = ensemble.analyse(PHOTOS[0], views)
    logits = []
    with torch.inference_mode():
        for member in ensemble.members:
            turned = all_views(input_square(PHOTOS[0], member.config)[None], views)[0]
            logits.append(torch.stack([member(view[None]).logits[0] for view in turned]).mean(0))
    expected = calibrated(torch.stack(logits).mean(0).numpy(), ensemble.calibration, views)
    assert np.allclose(analysis.probabilities, expected, atol=1e-5)
    assert analysis.probabilities.sum() == pytest.approx(1)
    assert analysis.views == views


def test_stages_in_common_are_found_and_run_once(ensemble: Ensemble) -> None:
    torch.manual_seed(0)
    members = [Member(SWIN).eval() for _ in range(3)]
    assert common_stages(members) == 0
    for member in members[1:]:
        member.backbone.patch_embed.load_state_dict(members[0].backbone.patch_embed.state_dict())
        member.backbone.layers[0].load_state_dict(members[0].backbone.layers[0].state_dict())
    assert common_stages(members) == 1
    assert common_stages(members[:1]) == 0
    assert common_stages([Member(MOBILENET), Member(MOBILENET)]) == 0
    assert ensemble.common_stages == 0  # two unlike members
    images = torch.rand(2, 3, 80, 80)
    with torch.inference_mode():
        for shared, alone in zip(
            read_all(members, 1, images), read_all(members, 0, images), strict=True
        ):
            assert torch.allclose(shared.logits, alone.logits, atol=1e-6)
            assert torch.allclose(shared.features, alone.features, atol=1e-5)


def maps_of(analysis: Analysis) -> np.ndarray:
    assert analysis.maps is not None
    return analysis.maps


def same(one: Analysis, other: Analysis) -> bool:
    return bool(
        np.allclose(one.probabilities, other.probabilities, atol=1e-5)
        and np.allclose(maps_of(one), maps_of(other), atol=1e-4)
        and [s.image_id for s in one.similar] == [s.image_id for s in other.similar]
    )


def test_a_batch_gives_what_each_photo_gives_alone(ensemble: Ensemble) -> None:
    together = ensemble.analyse_all(PHOTOS)
    assert all(
        same(analysis, ensemble.analyse(photo))
        for analysis, photo in zip(together, PHOTOS, strict=True)
    )


def test_threads_share_one_ensemble(ensemble: Ensemble) -> None:
    alone = [ensemble.analyse(photo) for photo in PHOTOS]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(ensemble.analyse, PHOTOS))
    assert all(same(a, b) for a, b in zip(alone, threaded, strict=True))


def test_refine_gives_the_quick_answer_and_then_the_full_one(ensemble: Ensemble) -> None:
    quick, full = ensemble.refine(PHOTOS[0])
    assert (quick.views, full.views) == (1, 8)
    assert same(full, ensemble.analyse(PHOTOS[0]))


def test_turning_the_photo_does_not_change_the_full_answer(ensemble: Ensemble) -> None:
    square = picture(7, 90, 90)
    turned = np.ascontiguousarray(np.rot90(square))
    one, other = ensemble.analyse(Photo(square)), ensemble.analyse(Photo(turned))
    assert np.allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_ranking_square_and_similar_lesions(ensemble: Ensemble) -> None:
    analysis = ensemble.analyse(PHOTOS[3])
    values = [entry.probability for entry in analysis.ranked]
    assert values == sorted(values, reverse=True)
    assert len({entry.diagnosis.code for entry in analysis.ranked}) == 7
    assert analysis.square == (16, 0, 90)  # 123 x 90
    assert analysis.members.shape == (2, 7)
    likeness = [lesion.likeness for lesion in analysis.similar]
    assert len(likeness) == 12
    assert likeness == sorted(likeness, reverse=True)
    assert analysis.similar[0].link.startswith("https://api.isic-archive.com/images/ISIC_")


def test_bfloat16_says_nearly_the_same(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ensemble.analyse(PHOTOS[0])
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    rounded = ensemble.analyse(PHOTOS[0])
    assert not np.array_equal(exact.probabilities, rounded.probabilities)
    assert np.allclose(exact.probabilities, rounded.probabilities, atol=0.02)
    assert np.allclose(maps_of(exact), maps_of(rounded), atol=0.1)


def test_each_similar_lesion_is_another_lesion(tmp_path: Path) -> None:
    gallery = Ensemble.load(write_weights(tmp_path / "weights", images=8)).gallery
    nearest = gallery.nearest(np.ones(gallery._embeddings.shape[1]), count=6)
    assert len(nearest) == 4  # eight images of four lesions
