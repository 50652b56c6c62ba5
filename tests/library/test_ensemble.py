"""Photos to analyses: batching, views, calibration and gallery agree with doing it by hand."""

import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from skin_app import ensemble as ensemble_module
from skin_app.analysis import Analysis
from skin_app.calibration import calibrated
from skin_app.ensemble import Ensemble, MemberGroup, groups_of, input_square
from skin_app.network import Member, MemberConfig, at_window, run_members, shared_stages
from skin_app.photo.read import Photo, PhotoError
from skin_app.views import all_views, centre_square, turn
from tests.tiny import MOBILENET, SWIN, picture, write_weights


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    folder = write_weights(tmp_path_factory.mktemp("w") / "weights", (MOBILENET, SWIN))
    return Ensemble.load(folder)


PHOTOS = [Photo(picture(seed, 120 + seed, 90)) for seed in range(5)]


@pytest.mark.parametrize("views", [1, 8])
def test_an_analysis_equals_the_forward_passes_done_by_hand(ensemble: Ensemble, views: int) -> None:
    analysis = ensemble(PHOTOS[0], views)
    logits = []
    with torch.inference_mode():
        for member in ensemble.members:
            turned = all_views(input_square(PHOTOS[0], member.config)[None], views)[0]
            logits.append(torch.stack([member(view[None]).logits[0] for view in turned]).mean(0))
    expected = calibrated(torch.stack(logits).mean(0).numpy(), ensemble.calibration, views)
    assert np.allclose(analysis.probabilities, expected, atol=1e-5)
    assert analysis.probabilities.sum() == pytest.approx(1)
    assert analysis.views == views


def test_views_of_two_sizes_are_read_as_if_one_by_one(tmp_path: Path) -> None:
    swin = SWIN.model_copy(update={"view_sizes": (80, 96)})
    mobilenet = MOBILENET.model_copy(update={"view_sizes": (64, 96)})
    ensemble = Ensemble.load(write_weights(tmp_path / "weights", (mobilenet, swin)))
    for views in (1, 8):
        logits = []
        with torch.inference_mode():
            for member in ensemble.members:
                own = []
                for view in range(views):
                    size = (member.config.size, 96)[view % 2]
                    tensor = torch.from_numpy(PHOTOS[0].pixels).permute(2, 0, 1)
                    square = turn(centre_square(tensor, size), view)
                    own.append(member.at(size)(square[None]).logits[0])
                logits.append(torch.stack(own).mean(0))
        analysis, beside = ensemble.analyse_all(PHOTOS[:2], views)
        expected = calibrated(torch.stack(logits).mean(0).numpy(), ensemble.calibration, views)
        assert np.allclose(analysis.probabilities, expected, atol=1e-5)
        assert np.allclose(beside.probabilities, ensemble(PHOTOS[1], views).probabilities, atol=1e-5)
        assert analysis.maps is not None
        alone = Ensemble.load(write_weights(tmp_path / f"alone-{views}", (MOBILENET, SWIN)))
        other = alone(PHOTOS[0], views).probabilities
        # in a quick answer the second size is not asked
        assert np.allclose(analysis.probabilities, other, atol=1e-6) == (views == 1)


def test_stages_in_common_are_run_once_at_each_size() -> None:
    torch.manual_seed(0)
    config = SWIN.model_copy(update={"view_sizes": (80, 96)})
    members = [Member(config).eval() for _ in range(2)]
    members[1].backbone.patch_embed.load_state_dict(members[0].backbone.patch_embed.state_dict())
    members[1].backbone.layers[0].load_state_dict(members[0].backbone.layers[0].state_dict())
    device = torch.device("cpu")
    (together,) = groups_of(members)
    assert together.stages == 1
    answers = together.read(together.inputs(PHOTOS[:2], 8), device)
    for member, answer in zip(members, answers, strict=True):
        alone = MemberGroup([member])
        (expected,) = alone.read(alone.inputs(PHOTOS[:2], 8), device)
        assert torch.allclose(answer.by_view, expected.by_view, atol=1e-5)
        assert torch.allclose(answer.embedding, expected.embedding, atol=1e-5)


def test_a_member_at_another_size_has_the_same_weights() -> None:
    member = Member(SWIN).eval()
    other = member.at(96)
    assert member.at(80) is member
    ours, theirs = dict(member.named_parameters()), dict(other.named_parameters())
    tables = {name for name in ours if name.endswith("relative_position_bias_table")}
    assert tables
    for name, value in theirs.items():
        assert (value.data_ptr() == ours[name].data_ptr()) == (name not in tables)
    assert not any(value.requires_grad for value in theirs.values())
    assert not other.training


def test_relative_positions_keep_their_bias_and_further_ones_get_the_furthest() -> None:
    offsets = torch.cartesian_prod(torch.arange(-2, 3), torch.arange(-2, 3)).float()  # window 3
    wider = at_window(offsets, torch.Size((49, 2)))  # window 4
    expected = torch.cartesian_prod(torch.arange(-3, 4), torch.arange(-3, 4)).float().clamp(-2, 2)
    assert torch.equal(wider, expected)
    assert torch.equal(at_window(wider, torch.Size((25, 2))), offsets)


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [((96, 80), "begin with size"), ((80, 16), "at least 32"), ((80, 100), "Swin")],
)
def test_view_sizes_that_cannot_be_read_are_refused(sizes: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        MemberConfig.model_validate(SWIN.model_dump() | {"view_sizes": sizes})


def test_configurations_that_still_hold_zooms_are_read() -> None:
    old = SWIN.model_dump() | {"zooms": [1.0]}
    assert MemberConfig.model_validate(old) == SWIN
    with pytest.raises(ValidationError, match="no longer supported"):
        MemberConfig.model_validate(old | {"zooms": [1.0, 0.9]})


def test_stages_in_common_are_found_and_run_once(ensemble: Ensemble) -> None:
    torch.manual_seed(0)
    members = [Member(SWIN).eval() for _ in range(3)]
    assert shared_stages(members) == 0
    for member in members[1:]:
        member.backbone.patch_embed.load_state_dict(members[0].backbone.patch_embed.state_dict())
        member.backbone.layers[0].load_state_dict(members[0].backbone.layers[0].state_dict())
    assert shared_stages(members) == 1
    assert shared_stages(members[:1]) == 0
    assert shared_stages([Member(MOBILENET), Member(MOBILENET)]) == 0
    assert [group.stages for group in ensemble.groups] == [0, 0]  # two unlike members
    images = torch.rand(2, 3, 80, 80)
    with torch.inference_mode():
        for shared, alone in zip(
            run_members(members, 1, images), run_members(members, 0, images), strict=True
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
        same(analysis, ensemble(photo)) for analysis, photo in zip(together, PHOTOS, strict=True)
    )


def test_many_files_are_answered_a_few_at_a_time_and_a_bad_one_stops_none(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    def read(number: int) -> Photo:
        if number == 2:
            raise PhotoError("This one is bad.")
        photo = Photo(picture(number))
        alive.append(weakref.ref(photo.pixels))
        return photo

    def held() -> int:
        return sum(pixels() is not None for pixels in alive)

    taken, sizes = [], []
    sources = (taken.append(number) or number for number in range(6))
    turns = 0

    @contextmanager
    def turn() -> Iterator[None]:
        nonlocal turns
        assert held() == 0
        turns += 1
        yield

    for few in ensemble.analyse_files(sources, read, with_maps=False, turn=turn):
        sizes.append(len(few))
        assert taken == list(range(sum(sizes)))
        for number, result in few:
            if number == 2:
                assert isinstance(result, PhotoError)
                continue
            assert isinstance(result, Analysis)
            assert result.photo is None
            own = ensemble(Photo(picture(number))).probabilities
            assert np.allclose(result.probabilities, own, atol=1e-5)
    assert (sizes, turns) == ([4, 2], 2)
    ((_, only),) = next(ensemble.analyse_files([0], read, keep_photos=True))
    assert isinstance(only, Analysis)
    assert only.photo is not None
    monkeypatch.setattr(ensemble_module, "MAX_PIXELS", 100)  # large photos come one at a time
    assert [len(few) for few in ensemble.analyse_files(range(2), read)] == [1, 1]


def test_threads_share_one_ensemble(ensemble: Ensemble) -> None:
    alone = [ensemble(photo) for photo in PHOTOS]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(ensemble, PHOTOS))
    assert all(same(a, b) for a, b in zip(alone, threaded, strict=True))


def test_refine_gives_the_quick_answer_and_then_the_full_one(ensemble: Ensemble) -> None:
    quick, full = ensemble.refine(PHOTOS[0])
    assert (quick.views, full.views) == (1, 8)
    assert same(full, ensemble(PHOTOS[0]))


def test_turning_the_photo_does_not_change_the_full_answer(ensemble: Ensemble) -> None:
    square = picture(7, 90, 90)
    turned = np.ascontiguousarray(np.rot90(square))
    one, other = ensemble(Photo(square)), ensemble(Photo(turned))
    assert np.allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_ranking_square_and_similar_lesions(ensemble: Ensemble) -> None:
    analysis = ensemble(PHOTOS[3])
    values = [entry.probability for entry in analysis.ranked]
    assert values == sorted(values, reverse=True)
    assert len({entry.diagnosis.code for entry in analysis.ranked}) == 7
    assert analysis.square == (16, 0, 90)  # 123 x 90
    assert analysis.members.shape == (2, 7)
    similarity = [lesion.similarity for lesion in analysis.similar]
    assert len(similarity) == 12
    assert similarity == sorted(similarity, reverse=True)
    assert analysis.similar[0].link.startswith("https://api.isic-archive.com/images/ISIC_")


def test_bfloat16_says_nearly_the_same(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ensemble(PHOTOS[0])
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    rounded = ensemble(PHOTOS[0])
    assert not np.array_equal(exact.probabilities, rounded.probabilities)
    assert np.allclose(exact.probabilities, rounded.probabilities, atol=0.02)
    assert np.allclose(maps_of(exact), maps_of(rounded), atol=0.1)
