"""Photos to analyses: batching, views, calibration and gallery agree with doing it by hand."""

import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skin_app import ensemble as ensemble_module
from skin_app.analysis import Analysis
from skin_app.calibration import calibrated
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble, maps_of_upright
from skin_app.heatmap import attributions, averaged_maps, on_shared_scale
from skin_app.member_groups import MemberGroup, groups_of, input_square
from skin_app.photo.read import Photo, PhotoError
from skin_app.views import centre_square, turn
from tests.library.test_heatmap import of_probabilities
from tests.library.test_network import with_stages_in_common
from tests.tiny import MOBILENET, SWIN, picture, write_weights


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    folder = write_weights(tmp_path_factory.mktemp("w") / "weights", (MOBILENET, SWIN))
    return Ensemble.load(folder)


PHOTOS = [Photo(picture(seed, 120 + seed, 90)) for seed in range(5)]


def by_hand(ensemble: Ensemble, photo: Photo, views: int) -> np.ndarray:
    """Calibrated probabilities from one forward pass for each member and view."""
    pixels, logits = torch.from_numpy(photo.pixels).permute(2, 0, 1), []
    with torch.inference_mode():
        for member in ensemble.members:
            sizes = member.config.sizes
            for view in range(views):
                size = sizes[view % len(sizes)]
                square = turn(centre_square(pixels, size), view)
                logits.append(member.at(size)(square[None]).logits[0])
    return calibrated(torch.stack(logits).mean(0).numpy(), ensemble.calibration, views)


def all_seven_maps(ensemble: Ensemble, photo: Photo, shares: np.ndarray) -> dict[str, np.ndarray]:
    """Every diagnosis's map, by code; `shares`: (7,) the probabilities."""
    signed = [attributions(m, input_square(photo, m.config)[None]) for m in ensemble.members]
    maps = of_probabilities(averaged_maps(signed), torch.from_numpy(shares)[None])
    return dict(zip(CODES, on_shared_scale(maps[0]).numpy(), strict=True))


@pytest.mark.parametrize("in_common", [False, True])
def test_maps_of_probable_diagnoses_are_those_of_all_seven_at_once(
    ensemble: Ensemble, in_common: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_common:  # all stages but the last
        members = with_stages_in_common(SWIN.model_copy(update={"stages": 2}), 2)
        monkeypatch.setattr(ensemble, "members", members)
        monkeypatch.setattr(ensemble, "groups", groups_of(members))
        assert ensemble.groups[0].stages == 1
    probabilities = np.array(
        [[0.4, 0.3, 0.2, 0.05, 0.042, 0.004, 0.004], [0.001, 0.001, 0.001, 0.99, 0.005, 0.001, 0.001]]
    )
    upright = [group.inputs(PHOTOS[:2], 1).upright for group in ensemble.groups]
    found = maps_of_upright(ensemble.groups, upright, probabilities)
    assert [list(own) for own in found] == [["akiec", "bcc", "bkl", "df", "mel"], ["df", "mel"]]
    for photo, own, maps in zip(PHOTOS, probabilities, found, strict=False):
        expected = all_seven_maps(ensemble, photo, own)
        for code, class_map in maps.items():
            assert np.allclose(class_map, expected[code], atol=0.01)


@pytest.mark.parametrize("views", [1, 8])
def test_an_analysis_equals_the_forward_passes_done_by_hand(ensemble: Ensemble, views: int) -> None:
    analysis = ensemble(PHOTOS[0], views)
    assert np.allclose(analysis.probabilities, by_hand(ensemble, PHOTOS[0], views), atol=1e-5)
    assert analysis.probabilities.sum() == pytest.approx(1)
    assert analysis.views == views


def test_views_of_two_sizes_are_read_as_if_one_by_one(ensemble: Ensemble, tmp_path: Path) -> None:
    swin = SWIN.model_copy(update={"view_sizes": (80, 96)})
    mobilenet = MOBILENET.model_copy(update={"view_sizes": (64, 96)})
    two_sizes = Ensemble.load(write_weights(tmp_path / "weights", (mobilenet, swin)))
    for views in (1, 8):
        together = two_sizes.analyse_all(PHOTOS[:2], views)
        for analysis, photo in zip(together, PHOTOS, strict=False):
            assert np.allclose(analysis.probabilities, by_hand(two_sizes, photo, views), atol=1e-5)
        # in a quick answer the second size is not asked
        one_size = ensemble(PHOTOS[0], views).probabilities
        assert np.allclose(together[0].probabilities, one_size, atol=1e-6) == (views == 1)


def test_stages_in_common_are_run_once_at_each_size(ensemble: Ensemble) -> None:
    members = with_stages_in_common(SWIN.model_copy(update={"view_sizes": (80, 96)}), 2)
    (together,) = groups_of(members)
    assert together.stages == 1
    assert [group.stages for group in ensemble.groups] == [0, 0]  # two different members
    answers = together.read(together.inputs(PHOTOS[:2], 8), ensemble.device)
    for member, answer in zip(members, answers, strict=True):
        alone = MemberGroup([member])
        (expected,) = alone.read(alone.inputs(PHOTOS[:2], 8), ensemble.device)
        assert torch.allclose(answer.by_view, expected.by_view, atol=1e-5)
        assert torch.allclose(answer.embedding, expected.embedding, atol=1e-5)


def maps_of(analysis: Analysis) -> np.ndarray:
    assert analysis.maps is not None
    return np.stack(list(analysis.maps.values()))


def same(one: Analysis, other: Analysis) -> bool:
    return bool(
        np.allclose(one.probabilities, other.probabilities, atol=1e-5)
        and np.allclose(maps_of(one), maps_of(other), atol=1e-4)
        and [s.image_id for s in one.similar] == [s.image_id for s in other.similar]
    )


def test_grad_cams_come_with_the_readings_of_the_answers_that_have_maps(
    ensemble: Ensemble,
) -> None:
    quick, full = ensemble.refine(PHOTOS[0])
    assert quick.grad_cam_maps is None
    assert full.maps is not None
    assert full.grad_cam_maps is not None
    assert list(full.grad_cam_maps) == list(full.maps)
    grad_cams = np.stack(list(full.grad_cam_maps.values()))
    assert (grad_cams.min(), grad_cams.max()) == (0, 1)
    (plain,) = ensemble.analyse_all([PHOTOS[0]], with_maps=False)
    assert plain.grad_cam_maps is None
    together = [own.grad_cam_maps for own in ensemble(PHOTOS[:2])]
    assert together[0] is not None
    assert np.allclose(np.stack(list(together[0].values())), grad_cams, atol=1e-4)
    turned = ensemble(Photo(np.ascontiguousarray(np.rot90(PHOTOS[0].pixels)))).grad_cam_maps
    assert turned is not None
    assert np.allclose(np.rot90(turned["mel"], -1), full.grad_cam_maps["mel"], atol=1e-3)


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


def test_a_batch_and_threads_give_what_each_photo_gives_alone(ensemble: Ensemble) -> None:
    alone = [ensemble(photo) for photo in PHOTOS]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(ensemble, PHOTOS))
    for others in (ensemble(PHOTOS), threaded):
        assert all(same(one, other) for one, other in zip(alone, others, strict=True))


def test_refine_gives_the_quick_answer_and_then_the_full_one(ensemble: Ensemble) -> None:
    quick, full = ensemble.refine(PHOTOS[0])
    assert (quick.views, full.views) == (1, 8)
    assert same(full, ensemble(PHOTOS[0]))
    turned = Photo(np.ascontiguousarray(np.rot90(PHOTOS[0].pixels)))
    assert np.allclose(full.probabilities, ensemble(turned).probabilities, atol=1e-4)


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


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((90, 120, 3)), np.zeros((90, 120), np.uint8), np.zeros((90, 120, 4), np.uint8)],
)
def test_pixels_that_are_no_photo_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"A photo is \(height, width, 3\) uint8, not .*: convert"):
        Photo(pixels)


def test_what_is_no_photo_is_refused_before_any_network_runs(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemberGroup, "read", None)
    for wrong in ("lesion.jpg", [PHOTOS[0].pixels]):
        with pytest.raises(TypeError, match="The model takes photos: model"):
            ensemble(wrong)  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(ValueError, match=r"calibrated for .* views, not for 9"):
        ensemble(PHOTOS[0], views=9)
    assert ensemble([]) == []


def test_an_answer_prints_its_outcome_and_the_seven_diagnoses(trusted: Ensemble) -> None:
    analysis = trusted(PHOTOS[0])
    first, *rows = str(analysis).splitlines()
    assert first == analysis.outcome
    assert [row.split("%  ")[1] for row in rows] == [own.diagnosis.name for own in analysis.ranked]
    assert repr(trusted).startswith("Ensemble(")


def test_a_map_is_laid_over_the_photo(ensemble: Ensemble) -> None:
    analysis = ensemble(PHOTOS[0])
    assert np.array_equal(analysis.overlay(), analysis.overlay(analysis.ranked[0].diagnosis.code))
    assert analysis.overlay("mel").dtype == np.uint8
    with pytest.raises(ValueError, match="no diagnosis melanoma: use one of akiec, bcc"):
        analysis.overlay("melanoma")
    few = replace(analysis, maps={"nv": maps_of(analysis)[0]})
    with pytest.raises(ValueError, match="mel is too improbable for a map: use one of nv"):
        few.overlay("mel")
    with pytest.raises(ValueError, match="no maps or no photo"):
        next(ensemble.refine(PHOTOS[0])).overlay()


def test_a_single_photo_comes_before_the_photos_of_a_batch(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    turn = ensemble.turns.turn
    monkeypatch.setattr(ensemble.turns, "turn", lambda *order: asked.append(order) or turn(*order))
    list(ensemble.analyse_files(range(3), lambda number: Photo(picture(number)), at_a_time=1))
    list(ensemble.refine(PHOTOS[0]))
    batch, quick, full = (False, False), (True, True), (True, False)
    assert asked == [batch, batch, batch, quick, full]
