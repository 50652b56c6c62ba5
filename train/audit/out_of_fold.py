"""The basis of every measurement: the images, and for each image the members that had not seen it.

Each shipped member has a fold that it was not trained on. The members of an image's fold, one from each
run, answer the image. Together the members have seen all of HAM10000, so the full ensemble cannot be
scored on it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch

from skin_app.calibration import calibrated, prior_adjusted
from skin_app.hardware import best_device
from skin_app.member_groups import MemberAnswer, MemberGroup
from skin_app.network import Member
from skin_app.photo.read import Photo, read_photo
from skin_app.weights.evaluation import FILE as OUT_OF_FOLD
from skin_app.weights.folder import WeightsFolder
from train.data.ham10000 import DataError, Dataset
from train.data.kept_files import kept_file
from train.scores.crossfit import Crossfit
from train.scores.evidence import logits_by_run, unseen_members, weights_evidence
from train.scores.intervals import Estimate, mean_estimate
from train.scores.lesion_parts import held_out, stratified_parts

REPEATS = 5
CHUNK = 16  # photos in memory at a time
MEMBER_FILES = ("model.safetensors", "config.json")
ROOT = Path(__file__).parents[2]
Found = TypeVar("Found")


@dataclass(frozen=True)
class OutOfFold:
    """The weights, their members on the best device, and the images that some members had not seen.

    `table`: one row per image: image_id, dx, dx_type, age, sex, localization, lesion, fold, member
    (index of the first member that had not seen it), path. `logits`: number of views -> (images, 7),
    averaged over the members that had not seen the image; `by_run`: the same for each run, (images,
    runs, 7). `work`: folder for stored results of long computations.
    """

    weights: WeightsFolder
    members: tuple[Member, ...]
    table: pd.DataFrame
    logits: dict[int, np.ndarray]
    labels: np.ndarray
    work: Path
    by_run: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, weights: WeightsFolder, data: Dataset, work: Path) -> "OutOfFold":
        """Join the weights' out-of-fold predictions with the images of `data`.

        Raises `DataError` when the weights were not trained on `data`.
        """
        training = weights.contract.training
        if data.fingerprint != training.data_fingerprint:
            raise DataError(
                "These are not the images that the weights were trained on (another fingerprint): pass "
                "the same data with --data."
            )
        evidence = weights_evidence(weights.folder)
        place = {fold: index for index, fold in enumerate(training.shipped)}
        kept = np.isin(evidence.folds, training.shipped)
        runs = len(weights.contract.trainings)
        by_run = logits_by_run(weights.folder / OUT_OF_FOLD, evidence.logits, runs)
        table = evidence.table[kept].reset_index(drop=True)
        paths = data.table.set_index("image_id")["path"]
        table = table.assign(
            fold=evidence.folds[kept],
            member=[place[int(fold)] for fold in evidence.folds[kept]],
            path=[str(paths[image]) for image in table["image_id"]],
        )
        work.mkdir(parents=True, exist_ok=True)
        return cls(
            weights=weights,
            members=tuple(weights.member(name).to(best_device()) for name in weights.contract.members),
            table=table,
            logits={views: logits[kept] for views, logits in evidence.logits.items()},
            labels=evidence.labels[kept],
            work=work,
            by_run={views: logits[kept] for views, logits in by_run.items()},
        )

    @cached_property
    def lesions(self) -> np.ndarray:
        """(images,) the lesion of each image."""
        return self.table["lesion"].to_numpy(str)

    @cached_property
    def parts(self) -> np.ndarray:
        """(images,) the lesion-grouped part of each image; parameters are fitted on the other parts."""
        return stratified_parts(self.labels, self.lesions)

    @cached_property
    def crossfits(self) -> dict[int, tuple[Crossfit, ...]]:
        """Number of views -> `REPEATS` crossfits with different divisions; the first uses `parts`.

        If a class has few images, the result of one crossfit depends on the division.
        """
        base = self.weights.contract.calibration
        return {
            views: tuple(
                Crossfit.of(base, logits, self.labels, self.lesions, views, seed)
                for seed in range(REPEATS)
            )
            for views, logits in self.logits.items()
        }

    @cached_property
    def readers(self) -> tuple[MemberGroup, ...]:
        """Each member as a group of its own, at the sizes of its views."""
        return tuple(MemberGroup([member]) for member in self.members)

    @cached_property
    def answering(self) -> np.ndarray:
        """(images, runs) indices of the members that had not seen each image, one from each run."""
        firsts = np.arange(self.runs) * self._members_of_a_run
        return self.table["member"].to_numpy()[:, None] + firsts

    def held_out_of(self, member: int) -> tuple[np.ndarray, int]:
        """Which images this member had not seen, (images,) bool; and the index of its run."""
        run = member // self._members_of_a_run
        return self.answering[:, run] == member, run

    @property
    def runs(self) -> int:
        """The number of runs that the members come from."""
        return len(self.weights.contract.trainings)

    @property
    def _members_of_a_run(self) -> int:
        return len(self.members) // self.runs

    @property
    def input_size(self) -> int:
        """The longest side in pixels of the members' input."""
        return max(member.config.size for member in self.members)

    @property
    def answered_by(self) -> str:
        """In words, the members that answer an image."""
        return unseen_members(self.runs)

    def apart(self, views: int) -> np.ndarray:
        """(images, runs, 7) logits averaged over `views` views, separately for each run."""
        return self.by_run[views] if self.by_run else self.logits[views][:, None]

    def photo(self, row: int) -> Photo:
        """The image of one row of `table`."""
        return read_photo(str(self.table["path"].iloc[row]))

    def chunks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, list[Photo]]]:
        """`rows` with their photos, `CHUNK` at a time."""
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            yield chunk, [self.photo(int(row)) for row in chunk]

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """About `count` rows, as evenly over the diagnoses as the data allows, one image per lesion."""
        rows = _one_of_each(self.lesions, seed)
        labels = pd.Series(self.labels[rows])
        place = labels.groupby(labels).cumcount()  # among the rows of the same diagnosis
        return np.sort(rows[np.lexsort((labels, place))][:count])

    def read(self, rows: np.ndarray, photos: Sequence[Photo], views: int = 1) -> list[MemberAnswer]:
        """Answers to one photo for each of `rows`, by the members that had not seen that image.

        Returns one answer for each run.
        """

        def answers(index: int, places: np.ndarray) -> list[tuple[torch.Tensor, torch.Tensor]]:
            reader = self.readers[index]
            inputs = reader.inputs([photos[place] for place in places], views)
            (found,) = reader.read(inputs, best_device())
            return list(zip(found.by_view, found.embedding, strict=True))

        found = [by_member(members, answers) for members in self.answering[rows].T]
        stacked = [[torch.stack(part) for part in zip(*of_run, strict=True)] for of_run in found]
        return [MemberAnswer(by_view, embedding) for by_view, embedding in stacked]

    def read_logits(self, rows: np.ndarray, photos: Sequence[Photo]) -> np.ndarray:
        """The logits from `read` for 1 view, averaged over runs: (photos, 7)."""
        return np.mean([a.logits.double().numpy() for a in self.read(rows, photos)], axis=0)

    def mean(self, values: np.ndarray, rows: np.ndarray) -> Estimate:
        """Mean of the values of the images `rows`; leaves out NaN, and `images` counts what is left."""
        return known_mean(values, self.lesions[rows])

    def calibrated(self, logits: np.ndarray, views: int) -> np.ndarray:
        """Probabilities (images, 7) under the calibration of the weights."""
        return calibrated(logits, self.weights.contract.calibration, views)

    def prior_adjusted(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities (images, 7) as if all seven diagnoses were equally common."""
        return prior_adjusted(probabilities, self.weights.contract.calibration.frequencies)

    def kept(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of `compute`, stored as JSON so that a stopped audit can resume: see `kept_path`.

        `name` must include any further arguments of `compute`.
        """

        def write(partial: Path) -> None:
            partial.write_text(json.dumps(compute()))

        return json.loads(kept_file(self.kept_path(name, ".json"), write).read_text())

    def kept_path(self, name: str, suffix: str) -> Path:
        """The file for a result, specific to these members, images, calibration and code."""
        contract = self.weights.contract
        files = [f"{member}/{file}" for member in contract.members for file in MEMBER_FILES]
        decisive = [
            contract.training.data_fingerprint,
            [contract.files.get(file) for file in (*files, "gallery.csv", OUT_OF_FOLD)],
            contract.calibration.model_dump_json(),
            code_version(),
        ]
        digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]
        return self.work / f"{name}-{digest}{suffix}"


@cache
def code_version() -> str:
    """SHA-256, in hex, of the sources of `skin_app` and `train` and all installed package versions."""
    sources = sorted(path for own in ("skin_app", "train") for path in (ROOT / own).rglob("*.py"))
    versions = sorted(f"{package.name} {package.version}" for package in distributions())
    digest = hashlib.sha256(repr(versions).encode())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def random_lesions(lesions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows, sorted: one random image each of up to `count` lesions. `lesions`: (images,).

    Images are shuffled and the first of each lesion is taken, so lesions with several images are more
    likely to be drawn.
    """
    return np.sort(_one_of_each(lesions, seed)[:count])


def _one_of_each(lesions: np.ndarray, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(lesions))
    _, first = np.unique(lesions[order], return_index=True)
    return order[np.sort(first)]


def crossfit_quantile(values: np.ndarray, parts: np.ndarray, share: float) -> np.ndarray:
    """(images,) the quantile `share` of the values of the parts to which the image does not belong."""
    found = np.zeros(len(values))
    for fit, apply in held_out(parts):
        found[apply] = np.quantile(values[fit], share)
    return found


def known_mean(values: np.ndarray, lesions: np.ndarray) -> Estimate:
    """`mean_estimate` of the (images,) values that are not NaN; `images` counts only these."""
    known = ~np.isnan(values)
    return mean_estimate(values[known], lesions[known])


def by_member(members: np.ndarray, answers: Callable[[int, np.ndarray], list[Found]]) -> list[Found]:
    """The result for each photo, from the member that `members`, (photos,) indices, names for it.

    `answers(member, places)` returns one result for each of the photos at `places`.
    """
    found: dict[int, Found] = {}
    for index in np.unique(members):
        places = np.flatnonzero(members == index)
        found |= dict(zip(places.tolist(), answers(int(index), places), strict=True))
    return [found[place] for place in range(len(members))]
