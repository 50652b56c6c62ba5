"""Start weights: a local file with timm's key names, timm's own from the Hub, or a trained member."""

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.pos_embed_rel import resize_rel_pos_bias_table
from torch import Tensor

from skin_app.network import Member, MemberConfig
from train.recipes.recipe import RunError

FRESH = ("norm.",)  # a cut backbone gets a new norm
HEADS = ("head.", "head_dist.", "classifier.", "fc.", "last_linear.")


def started_member(config: MemberConfig, init: Path | None) -> Member:
    """A member with a pretrained backbone and a fresh head.

    `init`: a safetensors file with timm's key names; None loads timm's pretrained weights, which
    needs a network. Raises `RunError`.
    """
    member = built(config)
    if init is None:
        state = _from_hub(config)
    else:
        try:
            state = load_file(init)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{init} is not a readable safetensors file: {error}.") from error
    _load(member, state, str(init or config.architecture))
    return member


def continued_member(config: MemberConfig, trained: Path) -> Member:
    """A member that goes on from one trained before, head included, at another input size if need be.

    `trained`: the `member.safetensors` of a fold. Raises `RunError`.
    """
    member = built(config)
    try:
        state = load_file(trained)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{trained} cannot be gone on from ({error}): finish that fold of the earlier run first."
        ) from error
    wanted = member.state_dict()
    state = {
        key: _fitted(key, value, wanted[key]) if key in wanted else value
        for key, value in state.items()
    }
    try:
        member.load_state_dict(state)
    except RuntimeError as error:
        raise RunError(
            f"{trained} does not fit {config.architecture} with this head: go on with the same "
            f"backbone, pooling and dense layers ({str(error).splitlines()[-1].strip()})."
        ) from error
    return member


def built(config: MemberConfig) -> Member:
    """A new member that was seen to answer; raises `RunError` for a backbone that cannot be one."""
    try:
        member = Member(config)
        with torch.no_grad():
            member.eval()(torch.zeros(1, 3, config.size, config.size))
    except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(
            f"{config.architecture} cannot be a member at {config.size} px "
            f"({type(error).__name__}: {error}): choose another --backbone or --size."
        ) from error
    return member.train()


def _fitted(key: str, value: Tensor, wanted: Tensor) -> Tensor:
    """A table of relative positions resized to another window; all else as it is."""
    if not key.endswith("relative_position_bias_table") or value.shape == wanted.shape:
        return value
    side = round((wanted.shape[0] ** 0.5 + 1) / 2)
    return resize_rel_pos_bias_table(value, (side, side), tuple(wanted.shape))


def _from_hub(config: MemberConfig) -> dict[str, Tensor]:
    try:
        # timm fits position tables to another size; a cut backbone's are fitted below
        fitting: dict[str, Any] = dict(config.arguments) if config.stages is None else {}
        return timm.create_model(
            config.architecture, pretrained=True, num_classes=0, **fitting
        ).state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        raise RunError(
            f"The pretrained weights of {config.architecture} could not be downloaded ({error}): "
            "connect to a network, or pass --init FILE."
        ) from error


def _load(member: Member, state: dict[str, Tensor], source: str) -> None:
    wanted = member.backbone.state_dict()
    chosen: dict[str, Tensor] = {}
    for key, value in state.items():
        if key not in wanted or (member.config.stages is not None and key.startswith(FRESH)):
            continue
        value = _fitted(key, value, wanted[key])
        if value.shape != wanted[key].shape:
            raise RunError(
                f"{source} does not fit {member.config.architecture}: {key} is "
                f"{tuple(value.shape)} and should be {tuple(wanted[key].shape)}."
            )
        chosen[key] = value
    missing = [
        key
        for key in wanted
        if key not in chosen and not (member.config.stages is not None and key.startswith(FRESH))
    ]
    if missing:
        raise RunError(
            f"{source} does not hold {len(missing)} weights of {member.config.architecture} "
            f"({', '.join(missing[:3])}, ...): pass the file made for this architecture."
        )
    member.backbone.load_state_dict(chosen, strict=False)
