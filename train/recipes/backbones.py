"""Backbones by name: any timm architecture, with the input normalisation that its weights expect.

A preset states what a file of start weights does not: how its network differs from timm's default. Its
normalisation is that of the files named in each line.
"""

from collections.abc import Callable

import timm
from timm.models import is_model

from skin_app.network import MemberConfig, largest_window
from train.recipes.recipe import RunError


def member_config(name: str, size: int | None = None) -> MemberConfig:
    """The member of backbone `name` (a preset or any timm name) for squares of `size` pixels.

    `size`: None takes the size of timm's pretrained weights. Raises `RunError` for an unknown name.
    """
    if size is not None and size < 32:
        raise RunError(f"A backbone cannot read squares of {size} pixels: use 32 or more.")
    if name in PRESETS:
        return PRESETS[name](size)
    if not is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        raise RunError(
            f"There is no backbone {name}: use a timm name"
            + (f" such as {', '.join(near)}" if near else "")
            + f", or one of {', '.join(sorted(PRESETS))}."
        )
    try:
        known = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise RunError(f"timm has no weights called {name}: {error}.") from error
    if known is None:
        raise RunError(f"timm has no configuration for {name}: use one that timm has weights for.")
    return MemberConfig(
        architecture=name,
        arguments={"img_size": size} if size and known.fixed_input_size else {},
        size=size or known.input_size[1],
        mean=(known.mean[0], known.mean[1], known.mean[2]),
        std=(known.std[0], known.std[1], known.std[2]),
    )


def swin_stages_123(size: int | None) -> MemberConfig:
    """Swin-T cut after its third stage (stage 4 is not in the start weights).

    The window is the largest of at most 7 that tiles all three stages (sides size/4, /8, /16).
    """
    side = size or 224
    try:
        window = largest_window(side, 3)
    except ValueError as error:
        raise RunError(f"{error}.") from error
    return MemberConfig(
        architecture="swin_tiny_patch4_window7_224",
        arguments={"img_size": side, "window_size": window, "drop_path_rate": 0.1},
        stages=3,
        size=side,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


# name -> the member for squares of a size; None is the size of the start weights
PRESETS: dict[str, Callable[[int | None], MemberConfig]] = {
    "swin_tiny_stages123": swin_stages_123,
    # of google-coral/test_data: TensorFlow's padding, inputs in [-1, 1]
    "mobilenetv2_tf": lambda size: MemberConfig(
        architecture="mobilenetv2_100",
        arguments={"pad_type": "same"},
        size=size or 224,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    # of TensorFlow: its padding, inputs (x - 127) / 128
    "efficientnet_lite2_tf": lambda size: MemberConfig(
        architecture="tf_efficientnet_lite2",
        size=size or 224,
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
    ),
}
