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
    name = next(name for name, value in state.items() if name.endswith(".weight") and value.ndim > 1)
    state[name][0] = 0  # a channel of zeros stays zero
    stored = packed(state, "int8")
    back = unpacked(stored)
    again = unpacked(packed(back, "int8"))
    assert back.keys() == state.keys()
    for name, value in state.items():
        whole = name.endswith(".weight") and value.ndim > 1
        assert (stored[name].dtype == torch.int8) == whole
        if whole:
            step = stored[name + ".scale"].view(-1, *[1] * (value.ndim - 1))
            most = value.abs().flatten(1).amax(dim=1)
            assert ((back[name] - value).abs() <= step / 2 + 1e-7).all()
            assert torch.allclose(step.flatten(), torch.where(most > 0, most / 127, 1))
            assert torch.allclose(again[name], back[name], atol=1e-7)
        elif value.is_floating_point():
            assert torch.equal(back[name], value.half().float())
        else:
            assert torch.equal(back[name], value)


def test_a_scale_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "weights")
    weights = open_weights(folder)
    path = folder / "member-0" / "model.safetensors"
    stored = packed(load_file(path), "int8")
    stored.pop(next(name for name in stored if name.endswith(".scale")))
    save_file(stored, path)
    with pytest.raises(WeightsError, match=r"member-0 .* cannot be loaded"):
        weights.member("member-0")
