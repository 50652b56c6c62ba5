"""One member of the ensemble: a timm backbone, global average pool, dropout and two dense layers.

The head follows Le et al. 2020 ("modified ResNet-50": global average pooling, dropout, two dense
layers). Its configuration travels with its weights in `config.json`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import timm
import torch
from pydantic import BaseModel, Field, FiniteFloat, field_validator, model_validator
from torch import Tensor, nn

from skin_app.diagnoses import CODES

LEAST_SIZE, MOST_SIZE = 32, 2048  # pixels a side
MOST_WIDTH, MOST_DEPTH = 8192, 64  # numbers in the arguments; blocks of a stage
# What timm may be told: none of these reads a file or an address.
ARGUMENTS = frozenset(
    {"img_size", "window_size", "depth", "depths", "embed_dim", "drop_rate", "drop_path_rate"}
    | {"global_pool", "pad_type"}
)
MOST_LIST = 8
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]
POSITION_TABLE = "relative_position_bias_table"


class MemberConfig(BaseModel, extra="forbid", frozen=True):
    """Everything needed to build one member and to prepare its input.

    `architecture`: a timm name. `arguments`: those of `ARGUMENTS`, for `timm.create_model`. `stages`:
    number of leading stages to keep of a Swin-like backbone (its `layers`); None keeps all. `pool`:
    "average" over positions, or "flatten" (no pooling, an ablation of Le et al. 2020). `hidden`: width
    of the first dense layer; 0 leaves it out (another ablation of Le et al.). `size`: side of the
    square input in pixels; `mean`, `std`: per channel, after scaling to [0, 1]. `view_sizes`: the side
    of each view in pixels, repeated in turn when there are more views. The first must be `size`; the
    maps and the gallery use it. Empty: all views have `size`. Larger inputs than in training can help a
    network that was trained on enlarged crops (Touvron et al. 2019); docs/flagship.md measures it.
    """

    codes: tuple[str, ...] = CODES
    architecture: str
    arguments: dict[str, int | float | str | bool | list[int]] = Field(default_factory=dict)
    stages: int | None = Field(default=None, ge=1)
    pool: Literal["average", "flatten"] = "average"
    hidden: int = Field(default=256, ge=0, le=MOST_WIDTH)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    size: int = Field(gt=0, le=MOST_SIZE)
    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    std: tuple[Spread, Spread, Spread]
    view_sizes: tuple[int, ...] = Field(default=(), max_length=MOST_LIST)

    @model_validator(mode="before")
    @classmethod
    def _without_zooms(cls, values: Any) -> Any:
        """Drop `zooms`, which weights and runs made before November 2026 hold; it was always [1.0]."""
        if not isinstance(values, dict) or "zooms" not in values:
            return values
        if list(values["zooms"]) != [1.0]:
            raise ValueError("views that zoom in are no longer supported: train the weights anew")
        return {key: value for key, value in values.items() if key != "zooms"}

    @model_validator(mode="after")
    def _from_its_own_size(self) -> "MemberConfig":
        if self.view_sizes and self.view_sizes[0] != self.size:
            raise ValueError("view_sizes begin with size")
        if any(not LEAST_SIZE <= size <= MOST_SIZE for size in self.view_sizes):
            raise ValueError(f"view_sizes are at least {LEAST_SIZE} and at most {MOST_SIZE}")
        for size in self.view_sizes:
            self.at(size)
        return self

    @field_validator("arguments")
    @classmethod
    def _known_and_small(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        for name, value in arguments.items():
            if name not in ARGUMENTS:
                raise ValueError(f"{name} is not one of the arguments {', '.join(sorted(ARGUMENTS))}")
            most = MOST_DEPTH if name.startswith("depth") else MOST_WIDTH
            numbers = value if isinstance(value, list) else [] if isinstance(value, str) else [value]
            if any(not 0 <= number <= most for number in numbers) or len(numbers) > MOST_LIST:
                raise ValueError(f"{name} is from 0 to {most}")
        return arguments

    @property
    def sizes(self) -> tuple[int, ...]:
        """The side of each view in pixels, repeated in turn when there are more views."""
        return self.view_sizes or (self.size,)

    def at(self, size: int) -> "MemberConfig":
        """The same member for squares of `size` pixels only.

        Raises `ValueError` for a size that attention windows (of at most 7) cannot tile.
        """
        arguments = dict(self.arguments)
        if "img_size" in arguments:
            arguments["img_size"] = size
        if "window_size" in arguments and size != self.size:
            arguments["window_size"] = largest_window(size, self.stages or 4)
        return self.model_copy(update={"arguments": arguments, "size": size, "view_sizes": ()})

    def check_training_size(self, size: int) -> None:
        """Raise `ValueError` for a size at which the same weights cannot be trained."""
        if size == self.size or "img_size" not in self.arguments:
            return
        refused = f"{self.architecture} cannot be trained at {size} px"
        window, tiles = self.arguments.get("window_size"), 2 ** ((self.stages or 4) + 1)
        if not isinstance(window, int):
            raise ValueError(f"{refused}: its weights are made for {self.size} px alone")
        if size % (tiles * window):
            raise ValueError(f"{refused}: use a multiple of {tiles * window}")


def largest_window(size: int, stages: int) -> int:
    """The largest window of at most 7 that tiles all stages (sides size/4, /8, ...) of a Swin.

    Raises `ValueError` when no window of 3 or more does.
    """
    windows = [window for window in range(7, 2, -1) if size % (2 ** (stages + 1) * window) == 0]
    if not windows:
        raise ValueError(f"Swin needs a size such as 80, 96, 128, 160, 192 or 224, not {size}")
    return windows[0]


class MemberOutput(NamedTuple):
    """A member's output for a batch of images.

    `features`: (batch, channels, rows, columns), the last feature map. `embedding`: (batch,
    channels), its mean over positions. `logits`: (batch, 7).
    """

    features: Tensor
    embedding: Tensor
    logits: Tensor


class Member(nn.Module):
    """A backbone, a pooling and a small dense head; `forward` returns a `MemberOutput`."""

    backbone: Any
    mean: Tensor
    std: Tensor

    def __init__(self, config: MemberConfig) -> None:
        super().__init__()
        self.config = config
        if not timm.is_model(config.architecture):  # it could be an address
            raise ValueError(f"{config.architecture} is no network of timm.")
        arguments: dict[str, Any] = {"num_classes": 0, "global_pool": "", **config.arguments}
        self.backbone = timm.create_model(config.architecture, **arguments)
        channels = _truncate(self.backbone, config.stages)
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(3, 1, 1), persistent=False)
        self.channels = channels
        inputs = channels if config.pool == "average" else channels * self._positions()
        self.dense = nn.Linear(inputs, config.hidden) if config.hidden else nn.Identity()
        self.activation = nn.SiLU() if config.hidden else nn.Identity()
        self.classifier = nn.Linear(config.hidden or inputs, len(CODES))

    def at(self, size: int) -> "Member":
        """This member for squares of `size` pixels; the weights are shared, not copied.

        Attention keeps its learnt bias for each relative position. Pairs of positions further apart
        than any in training get the bias of the largest trained distance. Raises `RuntimeError` for a
        backbone that cannot run at another size.
        """
        if size == self.config.size:
            return self
        other = Member(self.config.at(size))
        wanted = other.state_dict()
        state = {
            key: at_window(value, wanted[key].shape) if key.endswith(POSITION_TABLE) else value
            for key, value in self.state_dict().items()
        }
        other.load_state_dict(state, assign=True)
        device = self.classifier.weight.device
        return other.to(device).train(self.training).requires_grad_(False)

    def copy(self) -> "Member":
        """The same member on the CPU. Takes no memory of the device that this one is on."""
        other = Member(self.config)
        other.load_state_dict(self.state_dict())
        return other.train(self.training).requires_grad_(False)

    def resize(self, size: int) -> None:
        """Change the input size to `size` pixels a side, in place; attention windows stay the same."""
        window = self.config.arguments.get("window_size")
        if window is None:
            return
        embed = self.backbone.patch_embed
        embed.set_input_size(img_size=(size, size))
        for number, stage in enumerate(self.backbone.layers):  # takes the grid before its merging
            grid = tuple(side // 2 ** max(number - 1, 0) for side in embed.grid_size)
            stage.set_input_size(feat_size=grid, window_size=(window, window))

    def forward(self, images: Tensor) -> MemberOutput:
        """Run on `images`, (batch, 3, size, size) in [0, 1]."""
        return self.output_of(self.backbone.forward_features((images - self.mean) / self.std))

    def before_last_stage(self, images: Tensor) -> Tensor:
        """What enters the last stage of a Swin-like backbone: (batch, rows, columns, channels).

        `images`: (batch, 3, size, size) in [0, 1].
        """
        patches = self.backbone.patch_embed((images - self.mean) / self.std)
        return self.backbone.layers[:-1](patches)

    def output_of(self, tokens: Tensor) -> MemberOutput:
        """Pool and classify `tokens`, the output of the backbone's `forward_features`."""
        features = self.as_map(tokens)
        return MemberOutput(features, features.mean(dim=(2, 3)), self.head(self.pooled(features)))

    def pooled(self, features: Tensor) -> Tensor:
        """The dense layers' input from a feature map: its mean (batch, channels), or all of it."""
        return features.mean(dim=(2, 3)) if self.config.pool == "average" else features.flatten(1)

    def feature_map(self, normalised: Tensor) -> Tensor:
        """The backbone's last feature map as (batch, channels, rows, columns)."""
        return self.as_map(self.backbone.forward_features(normalised))

    def as_map(self, features: Tensor) -> Tensor:
        """Tokens or NHWC features of the backbone as (batch, channels, rows, columns)."""
        if features.ndim == 3:  # tokens of a ViT
            patches = features[:, self.backbone.num_prefix_tokens :]
            side = round(patches.shape[1] ** 0.5)
            return patches.transpose(1, 2).unflatten(2, (side, side))
        if getattr(self.backbone, "output_fmt", "NCHW") == "NHWC":
            return features.permute(0, 3, 1, 2)
        return features

    def head(self, pooled: Tensor) -> Tensor:
        """Logits (batch, 7) of the output of `pooled`."""
        return self.classifier(self.dropout(self.last_hidden(self.dropout(pooled))))

    def last_hidden(self, pooled: Tensor) -> Tensor:
        """The last hidden layer, (batch, hidden): the input of the final linear layer."""
        return self.activation(self.dense(pooled))

    def head_jacobian(self, pooled: Tensor) -> Tensor:
        """Derivative of each logit with respect to each head input, (batch, 7, inputs); no dropout."""
        if isinstance(self.dense, nn.Identity):
            return self.classifier.weight.expand(len(pooled), -1, -1)
        sloped = self.dense(pooled)
        gate = torch.sigmoid(sloped)
        slope = gate * (1 + sloped * (1 - gate))  # derivative of SiLU
        return torch.einsum("kh,bh,hc->bkc", self.classifier.weight, slope, self.dense.weight)

    def _positions(self) -> int:
        """Number of positions of the feature map at the configured input size."""
        training = self.backbone.training
        self.backbone.eval()  # batch statistics must not see the blank image
        with torch.no_grad():
            features = self.feature_map(torch.zeros(1, 3, self.config.size, self.config.size))
        self.backbone.train(training)
        return features.shape[2] * features.shape[3]


def shared_stages(members: Sequence[Member]) -> int:
    """How many leading stages have the same weights in all members, bit for bit; 0 for none.

    Members share stages when fine-tuning leaves the first stages of a Swin frozen. `run_members` then
    runs these stages once for all members.
    """
    first = members[0]
    if len(members) < 2 or not has_stages(first):
        return 0
    if any(m.config != first.config for m in members):
        return 0
    stages = 0
    for stage in range(len(first.backbone.layers)):
        parts = [_part(m, stage) for m in members]
        if any(not _equal(parts[0], part) for part in parts[1:]):
            break
        stages = stage + 1
    return stages


def run_members(members: Sequence[Member], stages: int, images: Tensor) -> list[MemberOutput]:
    """Each member's output for `images`, (batch, 3, size, size); `stages`: from `shared_stages`."""
    if stages == 0:
        return [member(images) for member in members]
    first = members[0]
    trunk = first.backbone.patch_embed((images - first.mean) / first.std)
    trunk = first.backbone.layers[:stages](trunk)
    return [
        member.output_of(member.backbone.norm(member.backbone.layers[stages:](trunk)))
        for member in members
    ]


def has_stages(member: Member) -> bool:
    """Whether the backbone is `norm(layers(patch_embed(x)))`, as timm's Swin transformers are."""
    names = [name for name, _ in member.backbone.named_children()]
    return [n for n in names if n != "head"] == ["patch_embed", "layers", "norm"]


def _part(member: Member, stage: int) -> dict[str, Tensor]:
    parts = dict(member.backbone.layers[stage].state_dict())
    if stage == 0:
        parts |= {f"patch_embed.{k}": v for k, v in member.backbone.patch_embed.state_dict().items()}
    return parts


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def at_window(table: Tensor, shape: torch.Size) -> Tensor:
    """Fit a table of relative position biases, ((2 w - 1)^2, heads), to another window's `shape`."""
    half, wanted = ((round(rows**0.5) - 1) // 2 for rows in (table.shape[0], shape[0]))
    near = torch.arange(-wanted, wanted + 1, device=table.device).clamp(-half, half) + half
    return table.unflatten(0, (2 * half + 1, -1))[near][:, near].flatten(0, 1)


def _truncate(backbone: Any, stages: int | None) -> int:
    """Cut `backbone` after `stages` stages (in place); returns its number of output channels."""
    if stages is None:
        if hasattr(backbone, "pre_logits"):  # VGG's own dense layers: ours take their place
            backbone.pre_logits = nn.Identity()
        return int(backbone.num_features)
    layers = backbone.layers
    if not isinstance(layers, nn.Sequential) or not 0 < stages <= len(layers):
        raise ValueError(f"{type(backbone).__name__} cannot be cut after {stages} stages.")
    channels = int(backbone.feature_info[stages - 1]["num_chs"])
    backbone.layers = layers[:stages]
    backbone.norm = nn.LayerNorm(channels)
    return channels
