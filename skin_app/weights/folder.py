"""Finds a weights folder (embedded, local, or on the Hub), has it verified, and loads its parts.

No file is used before its checksum is verified (`verify`), and no pickle is ever read. Files are read
into memory, never mapped: one that is cut short or replaced later changes nothing here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from skin_app.diagnoses import ClassOrderError, assert_codes
from skin_app.gallery.lesion_map import FILE as MAP_FILE
from skin_app.gallery.lesion_map import LesionMap
from skin_app.gallery.patient_table import Cohort
from skin_app.gallery.similar_lesions import Gallery
from skin_app.network import Member, MemberConfig
from skin_app.novelty import NoveltyDetector
from skin_app.weights.contract import THUMBNAILS, Contract
from skin_app.weights.hub import HubError, download_weights
from skin_app.weights.quantisation import unpacked
from skin_app.weights.verify import WeightsError, unreadable, verified_contract
from skin_app.words import weights as words

# what timm, pandas, numpy and safetensors raise on files that do not fit them or each other
FAULTS = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
    *(OSError, RuntimeError, MemoryError, SafetensorError),
)


def embedded_in(package: Path) -> Path:
    """The folder of the weights that ship with `package`, the folder of skin_app.

    An installation has them inside `package` (setup.py), a checkout beside it.
    """
    installed = package / "embedded"
    return installed if installed.is_dir() else package.parent / "weights"


EMBEDDED = embedded_in(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class WeightsFolder:
    """A verified weights folder.

    `source`: what was asked for, in words; `hash`: SHA-256 of `ensemble.json`, which holds the hashes
    of all other files; `instead`: why these embedded weights replace those of the Hub; else None.
    """

    folder: Path
    contract: Contract
    source: str
    hash: str
    instead: WeightsError | None = None

    @property
    def identity(self) -> str:
        """Name, source and short hash, such as "flagship (embedded, 1a2b3c4d)"."""
        return f"{self.contract.name} ({self.source}, {self.hash[:8]})"

    def member(self, name: str) -> Member:
        """Build one member and load its weights strictly; float32, evaluation mode, frozen."""
        folder = self.folder / name
        with self._loading(words.MEMBER, name=name):
            config = MemberConfig.model_validate_json((folder / "config.json").read_text())
            assert_codes(config.codes, f"{name}/config.json")
            stored = unpacked(load((folder / "model.safetensors").read_bytes()))
            with torch.device("meta"):  # without memory: a wrong width could ask for all there is
                wanted = Member(config).state_dict()
            if any(stored[key].shape != value.shape for key, value in wanted.items()):
                raise ValueError("The network and its weights have other shapes.")
            member = Member(config)
            member.load_state_dict(stored, strict=True)
        return member.eval().requires_grad_(False)

    def gallery(self) -> Gallery:
        """The reference index of confirmed lesions. Raises `WeightsError`."""
        with self._loading(words.GALLERY):
            return Gallery.load(self.folder)

    def cohort(self) -> Cohort:
        """Which patients the gallery's lesions are of. Raises `WeightsError`."""
        with self._loading(words.GALLERY):
            return Cohort.load(self.folder)

    def thumbnails(self) -> dict[str, bytes]:
        """Image id -> JPEG, for weights published with pictures; else empty. Raises `WeightsError`."""
        if not self.contract.has_pictures:
            return {}
        with self._loading(words.GALLERY):
            stored = load((self.folder / THUMBNAILS).read_bytes())
            return {name: own.numpy().tobytes() for name, own in stored.items()}

    def novelty(self) -> NoveltyDetector | None:
        """The novelty statistics; None for weights without `trust`. Raises `WeightsError`."""
        trust = self.contract.trust
        if trust is None:
            return None
        with self._loading(words.NOVELTY):
            return NoveltyDetector.load(self.folder, self.contract.members, trust.novelty)

    def lesion_map(self) -> LesionMap | None:
        """The map of held-out lesions; None for weights without one. Raises `WeightsError`."""
        if MAP_FILE not in self.contract.files:
            return None
        with self._loading(words.LESION_MAP):
            return LesionMap.load(self.folder)

    @contextmanager
    def _loading(self, fails: str, **values: str) -> Iterator[None]:
        try:
            yield
        except ClassOrderError as error:
            raise WeightsError(error.sentence, **error.values) from error
        except FAULTS as error:
            values |= {"folder": str(self.folder), "fault": type(error).__name__}
            raise WeightsError(fails, **values) from error


def open_weights(source: str | Path | None = None, or_embedded: bool = False) -> WeightsFolder:
    """Open the embedded weights (None or ""), a local folder, or a Hub repo "owner/name@commit".

    The revision of a Hub repo must be a full commit hash (40 hex digits), so that the same weights
    are loaded every time. `or_embedded`: if the Hub gives no weights, use the embedded ones and say so
    in `instead`. Raises `WeightsError`.
    """
    if not source:
        return read_folder(EMBEDDED, "embedded")
    if _is_folder(source):
        return read_folder(Path(source), "local folder")
    repo, _, revision = str(source).partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise WeightsError(
            "{source} is neither a folder nor a Hub repo: pass a folder, or owner/name@commit.",
            source=source,
        )
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise WeightsError(
            "There is no folder {source}; to take it from the Hub, pass {repo}@ and the 40 hex digits "
            "of a commit.",
            source=source,
            repo=repo,
        )
    try:
        folder = download_weights(repo, revision)
    except HubError as error:
        fault = WeightsError(words.NO_DOWNLOAD, repo=repo, why=error)
        if not or_embedded or not EMBEDDED.is_dir():  # a Space has none
            raise fault from error
        instead = WeightsError(words.INSTEAD, why=fault)
        return replace(read_folder(EMBEDDED, "embedded"), instead=instead)
    return read_folder(folder, f"{repo}@{revision[:8]}")


def _is_folder(source: str | Path) -> bool:
    try:
        return Path(source).is_dir()
    except OSError as error:  # not allowed to look, or too long to be a name
        raise unreadable(source, error) from error


def read_folder(folder: Path, source: str) -> WeightsFolder:
    """Verify and read a local folder. Raises `WeightsError` as `verified_contract`."""
    contract, own_hash = verified_contract(folder)
    return WeightsFolder(folder, contract, source, own_hash)
