"""Find a weights folder (embedded, local, or on the Hub), verify it, and read its contract.

The contract is `ensemble.json`: class codes, members, calibration, how it was trained, scores, and
the SHA-256 of every file. No file is used before its hash is checked, and no pickle is ever read.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from skin_app.calibration import Calibration
from skin_app.diagnoses import ClassOrderError, assert_codes
from skin_app.gallery.lesion_map import FILE as MAP_FILE
from skin_app.gallery.lesion_map import LesionMap
from skin_app.gallery.patient_table import Cohort
from skin_app.gallery.similar_lesions import Gallery
from skin_app.network import Member, MemberConfig
from skin_app.novelty import FILE as NOVELTY_FILE
from skin_app.novelty import NoveltyDetector
from skin_app.trust import Trust
from skin_app.weights.hub import HubError, download
from skin_app.weights.packed import Stored, unpacked

CONTRACT = "ensemble.json"
FORMAT = 2  # 1 keyed `trust.measured` by English sentences


def embedded_in(package: Path) -> Path:
    """The folder of the weights that ship with `package`, the folder of skin_app.

    An installation has them inside `package` (setup.py), a checkout beside it.
    """
    installed = package / "embedded"
    return installed if installed.is_dir() else package.parent / "weights"


EMBEDDED = embedded_in(Path(__file__).resolve().parents[1])


class WeightsError(ValueError):
    """The weights cannot be used; the message is one sentence that says what to do."""


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
    `weights.packed`; `rounding`: effect of int8 storage; the stored predictions were made before it.
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
    def trainings(self) -> tuple[Training, ...]:
        """How the members were trained, one for each run."""
        return (self.training, *self.further)


@dataclass(frozen=True)
class WeightsFolder:
    """A verified weights folder.

    `source`: what was asked for, in words; `hash`: SHA-256 of `ensemble.json`, which holds the hashes
    of all other files; `instead`: why these embedded weights replace those of the Hub; "" elsewhere.
    """

    folder: Path
    contract: Contract
    source: str
    hash: str
    instead: str = ""

    @property
    def identity(self) -> str:
        """Name, source and short hash, such as "flagship (embedded, 1a2b3c4d)"."""
        return f"{self.contract.name} ({self.source}, {self.hash[:8]})"

    def member(self, name: str) -> Member:
        """Build one member and load its weights strictly; float32, evaluation mode, frozen."""
        folder = self.folder / name
        with self._loading(f"The member {name}"):
            config = MemberConfig.model_validate_json((folder / "config.json").read_text())
            assert_codes(config.codes, f"{name}/config.json")
            member = Member(config)
            member.load_state_dict(unpacked(load_file(folder / "model.safetensors")), strict=True)
        return member.eval().requires_grad_(False)

    def gallery(self) -> Gallery:
        """The reference index of confirmed lesions. Raises `WeightsError`."""
        with self._loading("The gallery"):
            return Gallery.load(self.folder)

    def cohort(self) -> Cohort:
        """Which patients the gallery's lesions are of. Raises `WeightsError`."""
        with self._loading("The gallery"):
            return Cohort.load(self.folder)

    @property
    def thumbnails(self) -> list[Path]:
        """Pictures of the gallery's lesions, where the folder holds any."""
        return [self.folder / name for name in self.contract.files if name.startswith("thumbnails/")]

    def novelty(self) -> NoveltyDetector | None:
        """The novelty statistics; None for weights without `trust`. Raises `WeightsError`."""
        trust = self.contract.trust
        if trust is None:
            return None
        with self._loading("The novelty statistics"):
            return NoveltyDetector.load(self.folder, self.contract.members, trust.novelty)

    def lesion_map(self) -> LesionMap | None:
        """The map of held-out lesions; None for weights without one. Raises `WeightsError`."""
        if MAP_FILE not in self.contract.files:
            return None
        with self._loading("The map"):
            return LesionMap.load(self.folder)

    @contextmanager
    def _loading(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClassOrderError as error:
            raise WeightsError(str(error)) from error
        except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
            raise WeightsError(
                f"{what} of the weights in {self.folder} cannot be loaded ({type(error).__name__}): "
                "get the weights anew."
            ) from error


def open_weights(source: str | Path | None = None, or_embedded: bool = False) -> WeightsFolder:
    """Open the embedded weights (None), a local folder, or a Hub repo "owner/name@commit".

    The revision of a Hub repo must be a full commit hash (40 hex digits), so that the same weights
    are loaded every time. `or_embedded`: if the Hub gives no weights, use the embedded ones and say so
    in `instead`. Raises `WeightsError`.
    """
    if source is None:
        return read_folder(EMBEDDED, "embedded")
    if Path(source).is_dir():
        return read_folder(Path(source), "local folder")
    repo, _, revision = str(source).partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise WeightsError(
            f"{source} is neither a folder nor a Hub repo: pass a folder, or owner/name@commit."
        )
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise WeightsError(
            f"There is no folder {source}; to take it from the Hub, pass {repo}@ and the 40 hex digits "
            "of a commit."
        )
    try:
        folder = download(repo, revision)
    except HubError as error:
        fault = f"The weights {repo} could not be downloaded. {error}"
        if not or_embedded or not EMBEDDED.is_dir():  # a Space has none
            raise WeightsError(fault) from error
        instead = f"{fault} The page answers with the embedded weights instead."
        return replace(read_folder(EMBEDDED, "embedded"), instead=instead)
    return read_folder(folder, f"{repo}@{revision[:8]}")


def read_folder(folder: Path, source: str) -> WeightsFolder:
    """Read `ensemble.json` of `folder` and check every file that it lists.

    Raises `WeightsError` for a missing or changed file, a wrong schema or another class order.
    """
    path = folder / CONTRACT
    try:
        text = path.read_bytes()
    except OSError:
        raise WeightsError(
            f"There are no weights in {folder} ({CONTRACT} is missing): train some with "
            "`python -m train run`, or check the path."
        ) from None
    try:
        read = json.loads(text)
        _check_format(path, read)
        contract = Contract.model_validate(read)
        assert_codes(contract.codes, CONTRACT)
    except (ValidationError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{path} is not a contract that this program understands ({type(error).__name__}): get "
            "the weights anew, or weights made for this version."
        ) from error
    except ClassOrderError as error:
        raise WeightsError(str(error)) from error
    _check_files(folder, contract)
    return WeightsFolder(folder, contract, source, hashlib.sha256(text).hexdigest())


def _check_format(path: Path, read: object) -> None:
    """Raise `WeightsError` for an unsupported format; its other fields may differ too."""
    found = read.get("format") if isinstance(read, dict) else None
    if type(found) is not int:
        raise WeightsError(
            f"{path} is not a contract that this program understands (it has no whole number as its "
            "format): get the weights anew."
        )
    if found != FORMAT:
        raise WeightsError(
            f"The weights in {path.parent} have format {found}, this program reads {FORMAT}: "
            + ("get weights made for this version." if found < FORMAT else "update the program.")
        )


def _check_files(folder: Path, contract: Contract) -> None:
    needed = {"gallery.safetensors", "gallery.csv"}
    for name in contract.members:
        needed |= {f"{name}/config.json", f"{name}/model.safetensors"}
    if contract.trust is not None:
        needed.add(NOVELTY_FILE)
    unlisted = sorted(needed - set(contract.files))
    if unlisted:
        raise WeightsError(
            f"{CONTRACT} in {folder} lists no hash for {', '.join(unlisted)}: get the weights anew."
        )
    for name, expected in contract.files.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{name} is missing from the weights in {folder}: get them anew.")
        if file_hash(path) != expected:
            raise WeightsError(
                f"{name} in {folder} is damaged or was changed (its SHA-256 is not the one in "
                f"{CONTRACT}): get the weights anew."
            )


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
