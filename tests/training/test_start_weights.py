"""Start weights from a file and from a trained member, and the sentences where they do not fit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from skin_app.network import Member
from tests.tiny import MOBILENET, SWIN, save_state
from train.engine.start_weights import continued_member, started_member
from train.recipes.recipe import RunError


def test_start_weights_fill_the_backbone(tmp_path: Path) -> None:
    path = save_state(Member(SWIN).backbone, tmp_path / "start.safetensors")
    state = load_file(path)
    save_file(state | {"head.weight": torch.zeros(5, 5)}, path)
    for key, value in started_member(SWIN, path).backbone.state_dict().items():
        if not key.startswith("norm."):
            assert torch.equal(value, state[key]), key


def test_unfit_start_weights_are_one_sentence(tmp_path: Path) -> None:
    swin = save_state(Member(SWIN).backbone, tmp_path / "swin.safetensors")
    with pytest.raises(RunError, match=r"does not hold .* weights of mobilenetv3"):
        started_member(MOBILENET, swin)
    wider = SWIN.model_copy(update={"arguments": {**SWIN.arguments, "embed_dim": 48}})
    with pytest.raises(RunError, match=r"does not fit swin_tiny.* is \(24.*and should be \(48"):
        started_member(wider, swin)
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(RunError, match="not a readable safetensors file"):
        started_member(SWIN, tmp_path / "text.safetensors")


def test_a_backbone_that_cannot_be_a_member_is_one_sentence() -> None:
    with pytest.raises(RunError, match="cannot be a member at 64 px"):
        started_member(MOBILENET.model_copy(update={"architecture": "no_such"}), None)
    misfit = SWIN.model_copy(update={"size": 2 * SWIN.size})  # its arguments are those of another size
    with pytest.raises(RunError, match=f"cannot be a member at {2 * SWIN.size} px"):
        started_member(misfit, None)


def test_a_swin_goes_on_at_another_size(tmp_path: Path) -> None:
    small = Member(SWIN)
    path = save_state(small, tmp_path / "member.safetensors")
    arguments = {**SWIN.arguments, "img_size": 2 * SWIN.size, "window_size": 4}
    large = SWIN.model_copy(update={"size": 2 * SWIN.size, "arguments": arguments})
    member = continued_member(large, path)
    assert torch.equal(member.classifier.weight, small.classifier.weight)
    assert member(torch.rand(1, 3, large.size, large.size)).logits.shape == (1, 7)
