"""Memory runs out in the middle of an analysis, simulated by the errors that torch raises then."""

import gc
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from skin_app import member_groups as networks
from skin_app.ensemble import Ensemble
from skin_app.hardware import best_device, describe
from skin_app.overlay import for_display
from skin_app.page.answer_panels import answer_status
from skin_app.page.one_photo_handlers import (
    EXAMPLES_FOLDER,
    Shown,
    answer,
    compare_corrected,
    held_copy,
)
from skin_app.page.uploads_and_sessions import Desk, Waiting
from skin_app.photo import read
from skin_app.photo.formats import PhotoError
from skin_app.photo.memory import MemoryFullError, in_parts, told_when_full
from skin_app.photo.read import Photo, read_photo
from skin_app.report.json_record import record
from skin_app.words.language import ENGLISH
from skin_app.words.page import GPU_WAS_FULL
from tests.tiny import SWIN, give_trust, picture, write_weights

HOST = "This machine has too little free memory for the photo"
ON_HOST = "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory"
ERRORS = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB, max allowed: 9.07 GB)"),
    RuntimeError("level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
    RuntimeError(ON_HOST),
    MemoryError(),
)
PHOTO = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    folder = tmp_path_factory.mktemp("w") / "weights"
    return Ensemble.load(give_trust(write_weights(folder, (SWIN, SWIN))))


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[int]]]:
    """Let forward passes, and those of the maps, fail above a number of images; lists what is tried."""

    def limit(most: int, error: BaseException = ERRORS[0]) -> list[int]:
        tried: list[int] = []

        def scarce(name: str, images_at: int) -> None:
            run = getattr(networks, name)

            def limited(*arguments: object) -> object:
                images = arguments[images_at]
                assert isinstance(images, Tensor)
                tried.append(len(images))
                if len(images) > most:
                    raise error
                return run(*arguments)

            monkeypatch.setattr(networks, name, limited)

        scarce("run_members", 2)
        scarce("attributions", 1)
        return tried

    yield limit
    monkeypatch.undo()


def test_a_full_gpu_gets_smaller_batches_and_the_answers_stay_the_same(
    ensemble: Ensemble, room_for: Callable[..., list[int]]
) -> None:
    photos = [Photo(picture(seed)) for seed in range(3)]
    whole = ensemble(photos)
    tried = room_for(2)
    parts = ensemble(photos)
    assert max(tried) == 24  # 3 photos x 8 views
    assert [count for count in tried if count <= 2] != []
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-5)
        assert np.allclose(one.embedding, other.embedding, atol=1e-5)
        assert one.maps is not None
        assert other.maps is not None
        for code, own in one.maps.items():
            assert np.allclose(own, other.maps[code], atol=1e-4)


@pytest.mark.parametrize("error", ERRORS)
def test_no_room_for_one_view_is_one_sentence_and_the_next_photo_works(
    ensemble: Ensemble,
    room_for: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    room_for(0, error)
    with pytest.raises(MemoryFullError, match=f"^{HOST}: try again in a moment"):
        ensemble(Photo(picture(1)))
    monkeypatch.undo()
    assert ensemble(Photo(picture(1))).probabilities.sum() == pytest.approx(1)


class OnGpu(Tensor):
    """A tensor in the memory of the fake GPU; so is what is computed from it."""

    def cpu(self, *_: object, **__: object) -> Tensor:
        return self.as_subclass(Tensor)


class FakeGpu:
    """A GPU, called "xpu" as Intel's, that computes on the CPU and has room for `most` images.

    `tried`: the number of images in each pass on it; `elsewhere`: in each pass on the CPU.
    """

    def __init__(self, patch: pytest.MonkeyPatch, most: int) -> None:
        self.most, self.tried, self.elsewhere = most, list[int](), list[int]()
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setattr(torch.xpu, "is_available", lambda: True)
        patch.setattr(torch.xpu, "get_device_name", lambda _: "Fake")
        patch.setattr(torch.xpu, "is_bf16_supported", lambda **_: False)
        patch.setattr(networks.Member, "to", lambda member, _: member)
        to = Tensor.to
        patch.setattr(Tensor, "to", lambda own, *given, **named: self.put(to, own, *given, **named))
        for name, images_at in (("run_members", 2), ("attributions", 1)):
            patch.setattr(networks, name, self.limited(getattr(networks, name), images_at))

    def put(self, to: Callable[..., Tensor], own: Tensor, *given: object, **named: object) -> Tensor:
        if given == (torch.device("xpu"),):
            return own.as_subclass(OnGpu)
        return to(own, *given, **named)

    def limited(self, run: Callable[..., object], images_at: int) -> Callable[..., object]:
        def ran(*arguments: object) -> object:
            images = arguments[images_at]
            assert isinstance(images, Tensor)
            is_here = isinstance(images, OnGpu)
            (self.tried if is_here else self.elsewhere).append(len(images))
            if is_here and len(images) > self.most:
                raise torch.OutOfMemoryError("XPU out of memory.")
            return run(*arguments)

        return ran


@pytest.mark.parametrize(("most", "falls_back"), [(64, False), (2, False), (0, True)])
def test_a_full_gpu_gets_smaller_batches_then_the_cpu_computes_and_the_answer_says_so(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch, most: int, falls_back: bool
) -> None:
    photos = [Photo(picture(seed)) for seed in range(2)]
    expected = ensemble(photos)
    gpu = FakeGpu(monkeypatch, most)
    on_gpu = Ensemble.load(ensemble.weights.folder)
    assert on_gpu.device == torch.device("xpu")
    answers = on_gpu(photos)
    assert gpu.tried[0] == 16  # 2 photos x 8 views
    assert (8 in gpu.tried) == (most < 16)
    assert bool(gpu.elsewhere) == falls_back
    here = describe(torch.device("cpu"))
    for one, other in zip(expected, answers, strict=True):
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-5)
        assert one.maps is not None
        assert other.maps is not None
        assert all(np.allclose(own, other.maps[code], atol=1e-4) for code, own in one.maps.items())
        wanted = f"{here}, as the memory of the GPU (Fake) was full" if falls_back else "GPU (Fake)"
        assert other.device == wanted
        assert record(other, datetime.now(timezone.utc))["device"] == wanted
        assert (GPU_WAS_FULL in answer_status(ENGLISH, other, refining=False)) == falls_back
    gpu.most = 64  # others have freed some memory
    assert on_gpu(photos[0]).device == "GPU (Fake)"


def test_the_gpu_computes_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    there: dict[str, bool] = {}
    for name, place in (("cuda", torch.cuda), ("mps", torch.backends.mps), ("xpu", torch.xpu)):
        monkeypatch.setattr(place, "is_available", lambda name=name: there.get(name, False))
    found = [best_device().type]
    for name in ("xpu", "mps", "cuda"):
        there[name] = True
        found.append(best_device().type)
    assert found == ["cpu", "xpu", "mps", "cuda"]


def test_another_error_of_torch_goes_through(
    ensemble: Ensemble, room_for: Callable[..., list[int]]
) -> None:
    room_for(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ensemble(Photo(picture(1)))


def test_a_failed_try_holds_no_tensor() -> None:
    held: list[weakref.ref[Tensor]] = []

    def run(part: slice) -> list[Tensor]:
        made = torch.zeros(4)[part]
        assert [tensor() for tensor in held] == [None] * len(held)
        held.append(weakref.ref(made))
        if len(made) > 1:
            raise torch.OutOfMemoryError
        return [made.clone()]

    gc.disable()
    try:
        (joined,) = in_parts(run, 4, most=32)
        with pytest.raises(MemoryFullError) as caught:
            told_when_full(run)(slice(4))
    finally:
        gc.enable()
    assert joined.shape == (4,)
    assert caught.value.__context__ is None


def test_in_a_batch_each_photo_gets_the_sentence_or_its_own_error(
    ensemble: Ensemble, room_for: Callable[..., list[int]], tmp_path: Path
) -> None:
    for name, data in (("a.jpg", PHOTO), ("b.jpg", b"no photo"), ("c.jpg", PHOTO)):
        (tmp_path / name).write_bytes(data)
    room_for(0)
    (few,) = ensemble.analyse_files(sorted(tmp_path.iterdir()))
    told = [str(result) for _, result in few]
    assert [text.startswith(HOST) for text in told] == [True, False, True]
    assert told[1].startswith("This is not a JPEG")


def test_the_page_says_so_in_place_of_an_answer(
    ensemble: Ensemble, room_for: Callable[..., list[int]]
) -> None:
    photo, desk = read_photo(PHOTO), Desk()
    analysis = ensemble(photo)
    shown = Shown(for_display(photo), analysis, held_copy(photo))
    room_for(0)
    desk.put("visitor", Waiting(PHOTO))
    (update,) = answer(ENGLISH, ensemble, desk, "visitor")
    assert update.shown is None
    assert HOST in update.status
    assert HOST in compare_corrected(ENGLISH, ensemble, shown, "gamma")


def test_too_little_memory_to_decode_is_not_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: bytes) -> None:
        raise RuntimeError(ON_HOST)

    monkeypatch.setitem(read.FORMATS, "JPEG", full)
    with pytest.raises(PhotoError, match=HOST):
        read_photo(PHOTO)
