"""Weights as 8-bit integers: small, close, and the same at every loading."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from skin_app.network import Member, MemberConfig
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.quantisation import packed, unpacked
from tests.tiny import MOBILENET, SWIN, write_weights


@pytest.mark.parametrize("config", [SWIN, MOBILENET], ids=["swin", "mobilenet"])
def test_every_weight_is_within_half_a_step_of_its_channel(config: MemberConfig) -> None:
    torch.manual_seed(0)
    state = Member(config).state_dict()
    stored = packed(state, "int8")
    back = unpacked(stored)
    assert back.keys() == state.keys()
    for name, value in state.items():
        if stored[name].dtype == torch.int8:
            step = stored[name + ".scale"].view(-1, *[1] * (value.ndim - 1))
            assert ((back[name] - value).abs() <= step / 2 + 1e-7).all()
            assert torch.allclose(step.flatten(), value.abs().flatten(1).amax(dim=1) / 127)
        elif value.is_floating_point():
            assert torch.equal(back[name], value.half().float())
        else:
            assert torch.equal(back[name], value)
    whole = [name for name, value in state.items() if name.endswith(".weight") and value.ndim > 1]
    assert whole
    assert all(stored[name].dtype == torch.int8 for name in whole)


def test_a_channel_of_zeros_stays_zero() -> None:
    state = {"a.weight": torch.tensor([[0.0, 0.0], [1.0, -0.5]])}
    back = unpacked(packed(state, "int8"))["a.weight"]
    assert back[0].tolist() == [0.0, 0.0]
    assert back[1].tolist() == pytest.approx([1.0, -0.5], abs=0.005)


def test_packing_again_changes_nothing() -> None:
    torch.manual_seed(0)
    once = unpacked(packed(Member(SWIN).state_dict(), "int8"))
    twice = unpacked(packed(once, "int8"))
    for name, value in once.items():
        assert torch.allclose(twice[name], value, atol=1e-7)


def test_a_scale_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "weights")
    weights = open_weights(folder)
    path = folder / "member-0" / "model.safetensors"
    stored = packed(load_file(path), "int8")
    gone = next(name for name in stored if name.endswith(".scale"))
    save_file({name: value for name, value in stored.items() if name != gone}, path)
    with pytest.raises(WeightsError, match=r"member-0 .* cannot be loaded"):
        weights.member("member-0")
