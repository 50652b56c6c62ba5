"""What `ensemble.json`, the contract of a weights folder, holds: a strict schema.

Class codes, members, calibration, how it was trained, scores, and the SHA-256 of every file.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from skin_app.calibration import Calibration
from skin_app.trust import Trust
from skin_app.weights.quantisation import Stored

CONTRACT = "ensemble.json"
THUMBNAILS = "thumbnails/pictures.safetensors"  # image id -> bytes of a JPEG; most folders have none
FORMAT = 3  # 2 had operating points of 90 and 98 %, and a limit for agreeing readings


class Stated(BaseModel):
    """A part of `ensemble.json`: no unknown field, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(Stated):
    """How the members of one run were trained.

    `recipe`: all its values; `folds`: the folds that were trained; `shipped`: the folds whose members
    are in the folder; `images`, `lesions`: size of the data; `kept_epochs`: fold -> the epoch whose
    weights early stopping kept, and the number of epochs that ran. `start_licence`: SPDX name; "" where
    unknown.
    """

    recipe: dict[str, Any]
    seed: int
    folds: tuple[int, ...]
    shipped: tuple[int, ...]
    kept_epochs: dict[int, tuple[int, int]]
    images: int
    lesions: int
    data_fingerprint: str
    start_weights: str
    start_licence: str = ""
    git_revision: str
    versions: dict[str, str]


class Rounding(Stated):
    """How storing members as int8 changes their answers to held-out images, 8 views.

    `same_first`: share of images whose highest logit belongs to the same diagnosis as before;
    `mean_change`, `largest_change`: absolute change of a logit.
    """

    images: int
    same_first: float = Field(ge=0, le=1)
    mean_change: float = Field(ge=0)
    largest_change: float = Field(ge=0)


class Contract(Stated):
    """`ensemble.json`.

    `members`: those of `training`, then those of each of `further`, by their shipped folds. `further`:
    runs of other architectures on the same folds. `scores`: of the out-of-fold predictions. `trust`:
    what `python -m train audit` fitted; None before. `files`: name -> SHA-256. `stored`: see
    `quantisation`; `rounding`: effect of int8 storage; the stored predictions were made before it.
    """

    format: int = FORMAT
    name: str
    codes: tuple[str, ...]
    members: tuple[str, ...] = Field(min_length=1)
    calibration: Calibration
    training: Training
    scores: dict[str, Any]
    licence: str
    files: dict[str, str]
    trust: Trust | None = None
    further: tuple[Training, ...] = ()
    stored: Stored = "float16"
    rounding: Rounding | None = None

    @property
    def has_pictures(self) -> bool:
        """Whether the folder holds thumbnails of the gallery's images."""
        return THUMBNAILS in self.files

    @property
    def trainings(self) -> tuple[Training, ...]:
        """How the members were trained, one for each run."""
        return (self.training, *self.further)
