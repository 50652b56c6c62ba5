"""What a recipe is: everything that decides a training run, as one frozen dataclass."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pydantic import TypeAdapter

from skin_app.diagnoses import CODES
from skin_app.network import MemberConfig
from train.data.augment import Augmentation

# bias of the calibration: for each class, or only where it improves predictions of other lesions
Bias = Literal["none", "always", "chosen"]


class RunError(RuntimeError):
    """A training cannot start or go on; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Stage:
    """One stretch of training with its own trainable part, optimiser and schedule.

    `objective`: "classify", or "contrast" (supervised contrastive; no validation, the next stage starts
    from its last weights). `frozen`: prefixes of backbone parameter names that are not trained ("" is
    all of them). `optimiser`: one of torch's; `momentum` is for "sgd" alone. `weight_decay`: of all
    trained parameters but biases and norms; decoupled for "adamw", an L2 penalty for the others.
    `backbone_rate`, `head_rate`: peak learning rates; `layer_decay`: rate factor per layer towards the
    input. `schedule`: "cosine" (linear warm-up over `warmup_share` of the steps, then half a cosine),
    "restarts" (SGDR: cosine cycles, the first `cycle_epochs` long, each `cycle_growth` times the one
    before), "plateau" (times `plateau_factor` after more than `plateau_patience` epochs without a
    better validation loss) or "constant". `patience`: epochs without a better validation loss before
    stopping. `sizes`: side of the training images in pixels, epoch by epoch (the last goes on), as in
    progressive learning (Tan and Le 2021); none: the member's size.
    """

    name: str = "all"
    epochs: int = 3
    objective: Literal["classify", "contrast"] = "classify"
    frozen: tuple[str, ...] = ()
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    backbone_rate: float = 2e-4
    head_rate: float = 1e-3
    layer_decay: float = 0.85
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: Literal["cosine", "restarts", "plateau", "constant"] = "cosine"
    warmup_share: float = 0.1
    cycle_epochs: int = 1
    cycle_growth: int = 2
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    patience: int = 2
    sizes: tuple[int, ...] = ()

    def size_of_epoch(self, epoch: int) -> int | None:
        """Side in pixels of the images of `epoch` (from 0); None is the member's own."""
        return self.sizes[min(epoch, len(self.sizes) - 1)] if self.sizes else None

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "cycle_epochs", "cycle_growth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of a stage must be at least 1")


@dataclass(frozen=True)
class Recipe:
    """One training recipe.

    `split`: "lesion" (no lesion on both sides) or "image" (as in 2020; leaks, for comparison only).
    `batch`: images per step, of all processes and micro-batches together.
    `sampling`: "shuffle"; "balanced" (each batch holds all diagnoses equally often, drawn with
    replacement); "expanded" (each epoch repeats rare diagnoses up to `expansion` times the
    commonest's count) or "thinned" (each epoch draws a share of `thinning` of the commonest diagnosis's
    images anew, and takes all others). `loss`: "focal" (`focal_gamma` 0 is cross-entropy) or
    "one_vs_rest" (binary cross-entropy). `class_weight_power`: 0 none, 1 class-ratio weights;
    `class_boost`: further factors by diagnosis. `logit_adjustment`: factor of the log prior that is
    added to the logits in training (Menon et al. 2021); 0 is none, 1 aims at equal priors. `smoothing`:
    share of each target that is spread over all classes (label smoothing), for "one_vs_rest" over its
    two sides. `clip`: largest norm of the gradient of all parameters; a longer one is scaled down.
    `temperature`, `projection`: of the contrastive stage.
    `averaging`: decay of the running mean of the weights (EMA), which is what is validated and shipped;
    0 is none. `cache_side`: side of the cached squares in pixels. `shipped`: how many members go into
    the weights folder. `stages`: empty for a run that continues another one without training, and only
    predicts in another way. `source`: the publication; `ours`: the fields that it leaves open and that
    we chose.
    """

    name: str
    member: MemberConfig
    source: str = ""
    ours: tuple[str, ...] = ()
    split: Literal["lesion", "image"] = "lesion"
    folds: int = 5
    batch: int = 32
    stages: tuple[Stage, ...] = (Stage(),)
    sampling: Literal["shuffle", "balanced", "expanded", "thinned"] = "shuffle"
    expansion: float = 1.0
    thinning: float = 0.5
    loss: Literal["focal", "one_vs_rest"] = "focal"
    focal_gamma: float = 1.0
    class_weight_power: float = 0.5
    class_boost: tuple[tuple[str, float], ...] = ()
    logit_adjustment: float = 0.0
    smoothing: float = 0.0
    temperature: float = 0.1
    projection: int = 128
    averaging: float = 0.99
    clip: float = 1.0
    cache_side: int = 256
    shipped: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("folds", 2), ("shipped", 1), ("projection", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}")
        if not 0 < self.thinning <= 1:
            raise ValueError("thinning must be above 0 and at most 1")
        if self.stages and self.stages[-1].objective != "classify":
            raise ValueError("the last stage must be one that classifies")
        if self.clip <= 0 or self.temperature <= 0:
            raise ValueError("clip and temperature must be above 0")
        sides = (self.member.size, *(size for stage in self.stages for size in stage.sizes))
        if self.cache_side < max(sides):
            raise ValueError(
                f"cache_side must be at least {max(sides)}, the largest size that is trained at, to "
                "train on sharp pixels"
            )
        if self.loss == "one_vs_rest" and self.logit_adjustment:
            raise ValueError("logit_adjustment needs the focal loss (focal_gamma 0 is cross-entropy)")
        for stage in self.stages:
            for size in stage.sizes:
                self.member.check_training_size(size)
        for code, factor in self.class_boost:
            if code not in CODES or factor <= 0:
                raise ValueError(f"class_boost takes factors above 0 of {', '.join(CODES)}")

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "member": self.member.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that `to_dict` (or its JSON) describes.

        Raises `ValueError` for unknown fields and impossible values.
        """
        unknown = set(values) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is no field of a recipe")
        return TypeAdapter(cls).validate_python(values)
