"""The members of weights, in words."""

from collections.abc import Mapping, Sequence
from typing import Any


def input_sizes(member: Mapping[str, Any]) -> str:
    """As "160 px (views at 160, 192 and 224 px in turn)". `member`: a recipe's `MemberConfig`."""
    sizes = [str(size) for size in member.get("view_sizes", ())]
    others = f" (views at {', '.join(sizes[:-1])} and {sizes[-1]} px in turn)" if sizes[1:] else ""
    return f"{member['size']} px{others}"


def epochs_kept(kept_epochs: Mapping[Any, Sequence[int]]) -> str:
    """Which epoch of each fold was kept, as "fold 0: epoch 3 of 3, ..."."""
    return ", ".join(f"fold {fold}: epoch {kept} of {ran}" for fold, (kept, ran) in kept_epochs.items())
