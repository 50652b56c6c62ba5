"""What every measurement of trust starts from: images, and the members that had not seen each of them.

Each shipped member has a fold that it was not trained on. An image is answered by the members of its
fold, one of each kind: the ensemble of all members has no images in HAM10000 that it has not seen.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from skin_app.decision import calibrated, prior_adjusted
from skin_app.ensemble import MemberAnswer, MemberGroup, input_square
from skin_app.hardware import best_device
from skin_app.heatmap import against_the_others, attributions, averaged_over_members
from skin_app.network import Member
from skin_app.output import replace_file
from skin_app.photo.read import Photo, read_photo
from skin_app.weights.evaluation import FILE as OUT_OF_FOLD
from skin_app.weights.folder import WeightsFolder
from train.audit.code_version import code_version
from train.data.ham10000 import DataError, Dataset
from train.scores.evidence import weights_evidence
from train.scores.metrics import lesion_draws, percentiles_95, unanimous_95
from train.scores.unseen import logits_by_run, unseen_members

PARTS = 5
MEMBER_FILES = ("model.safetensors", "config.json")


@dataclass(frozen=True)
class Bench:
    """The weights, their members on the best device, and the images that some had not seen.

    `table`: a row an image: image_id, dx, dx_type, age, sex, localization, lesion, fold, member (index
    of the first member that had not seen it), path. `logits`: number of views -> (images, 7), averaged
    over the members that had not seen the image; `of_kinds`: the same apart, (images, kinds, 7).
    `work`: folder for results that take long.
    """

    weights: WeightsFolder
    members: tuple[Member, ...]
    table: pd.DataFrame
    logits: dict[int, np.ndarray]
    labels: np.ndarray
    work: Path
    of_kinds: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, weights: WeightsFolder, data: Dataset, work: Path) -> "Bench":
        """Join the weights' out-of-fold predictions with the images of `data`.

        Raises `DataError` when `data` is not what the weights were trained on.
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
        apart = logits_by_run(
            weights.folder / OUT_OF_FOLD, evidence.logits, len(weights.contract.trainings)
        )
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
            of_kinds={views: logits[kept] for views, logits in apart.items()},
        )

    @cached_property
    def lesions(self) -> np.ndarray:
        """(images,) the lesion of each image."""
        return self.table["lesion"].to_numpy(str)

    @cached_property
    def parts(self) -> np.ndarray:
        """(images,) the lesion-grouped part of each image: fit on the others, measure on it."""
        return parts(self.labels, self.lesions)

    @cached_property
    def readers(self) -> tuple[MemberGroup, ...]:
        """Each member alone, at the sizes that its views have."""
        return tuple(MemberGroup([member]) for member in self.members)

    @cached_property
    def unseen(self) -> np.ndarray:
        """(images, kinds) indices of the members that had not seen each image, one of each kind."""
        firsts = np.arange(self.kinds) * self._of_one_kind
        return self.table["member"].to_numpy()[:, None] + firsts

    def held_out_of(self, member: int) -> tuple[np.ndarray, int]:
        """(images,) bool: which images this member had not seen; and which kind of member it is."""
        kind = member // self._of_one_kind
        return self.unseen[:, kind] == member, kind

    @property
    def kinds(self) -> int:
        """How many kinds of members there are."""
        return len(self.weights.contract.trainings)

    @property
    def _of_one_kind(self) -> int:
        return len(self.members) // self.kinds

    @property
    def answered_by(self) -> str:
        """Who answers an image, in words."""
        return unseen_members(self.kinds)

    def apart(self, views: int) -> np.ndarray:
        """(images, kinds, 7) logits averaged over `views` views, of each kind of member alone."""
        return self.of_kinds[views] if self.of_kinds else self.logits[views][:, None]

    def photo(self, row: int) -> Photo:
        """The image of one row of `table`."""
        return read_photo(str(self.table["path"].iloc[row]))

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """About `count` rows, equally many of each diagnosis where there are, one image a lesion."""
        order = np.random.default_rng(seed).permutation(len(self.table))
        _, first = np.unique(self.lesions[order], return_index=True)
        rows = order[np.sort(first)]
        of_class = [rows[self.labels[rows] == k] for k in range(7)]
        chosen: list[int] = []
        for place in range(max(map(len, of_class))):
            chosen += [int(own[place]) for own in of_class if place < len(own)]
        return np.sort(np.array(chosen[:count]))

    def read(self, rows: np.ndarray, photos: Sequence[Photo], views: int = 1) -> list[MemberAnswer]:
        """Answers to one photo for each of `rows`, by the members that had not seen that image.

        One answer of each kind of member.
        """
        return [self._read(members, photos, views) for members in self.unseen[rows].T]

    def read_logits(self, rows: np.ndarray, photos: Sequence[Photo], views: int = 1) -> np.ndarray:
        """What `read` gives, averaged over views and kinds: (photos, 7)."""
        answers = self.read(rows, photos, views)
        return np.mean([answer.logits.double().numpy() for answer in answers], axis=0)

    def _read(self, members: np.ndarray, photos: Sequence[Photo], views: int) -> MemberAnswer:
        """The answer to each of `photos` by its own one of `members`, (photos,) indices."""
        answers: dict[int, MemberAnswer] = {}
        for index in np.unique(members):
            reader = self.readers[index]
            own = [photo for photo, of in zip(photos, members, strict=True) if of == index]
            (answers[index],) = reader.read(reader.inputs(own, views), best_device())
        place = {index: iter(range(len(answer.by_view))) for index, answer in answers.items()}
        order = [(index, next(place[index])) for index in members]
        return MemberAnswer(
            *(
                torch.stack([getattr(answers[index], part)[row] for index, row in order])
                for part in ("by_view", "embedding")
            )
        )

    def explain(
        self, rows: np.ndarray, photos: Sequence[Photo], probabilities: np.ndarray
    ) -> np.ndarray:
        """The positive map of each photo's first diagnosis, (photos, rows, columns), as `read` reads.

        `probabilities`: (photos, 7) calibrated. Averaged over kinds of members, as the page does.
        """
        shares = torch.from_numpy(probabilities).float()
        scores = against_the_others(shares.argmax(dim=1), shares)
        signed = [self._signed(members, photos, scores) for members in self.unseen[rows].T]
        return averaged_over_members(signed)[:, 0].double().clamp(min=0).numpy()

    def _signed(self, members: np.ndarray, photos: Sequence[Photo], scores: Tensor) -> Tensor:
        """Signed maps (photos, 1, rows, columns) of each photo by its own one of `members`."""
        maps: dict[int, Tensor] = {}
        device = best_device()
        for index in np.unique(members):
            member, own = self.members[index], np.flatnonzero(members == index)
            squares = torch.stack([input_square(photos[int(place)], member.config) for place in own])
            signed = attributions(member, squares.to(device), scores[own].to(device)).float().cpu()
            maps |= dict(zip(own.tolist(), signed, strict=True))
        return torch.stack([maps[place] for place in range(len(photos))])

    def calibrated(self, logits: np.ndarray, views: int) -> np.ndarray:
        """Probabilities (images, 7) by the weights' own calibration."""
        return calibrated(logits, self.weights.contract.calibration, views)

    def prior_adjusted(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities (images, 7) as if all seven diagnoses were equally common."""
        return prior_adjusted(probabilities, self.weights.contract.calibration.frequencies)

    def kept(self, name: str, compute: Callable[[], dict[str, Any]], views: int = 1) -> dict[str, Any]:
        """What `compute` gives of answers from `views` views, kept as JSON and reused.

        It is reused for the same images, members, code (`code_version`), calibration of one view, and,
        for more, sizes of the views: a `compute` may not go by the calibration of more, and
        `name` holds what else it is called with.
        """
        own = self.weights.contract.calibration
        one = own.model_copy(
            update={
                "temperatures": {1: own.temperatures[1]},
                "biases": {1: own.biases[1]} if 1 in own.biases else {},
                "fitted_on": "",
            }
        )
        decisive = one.model_dump_json()
        if views > 1:
            decisive += json.dumps([m.config.sizes for m in self.members])
        path = self.kept_path(name, ".json", compute, decisive)
        if path.is_file():
            return json.loads(path.read_text())
        text = json.dumps(compute())
        replace_file(path, text)
        return json.loads(text)

    def kept_path(
        self, name: str, suffix: str, compute: Callable[..., object], decisive: str = ""
    ) -> Path:
        """Where what `compute` gives is kept: the file's name holds a hash of all that decides it.

        That is the images and who answers them, the members, the code, and what else is `decisive`.
        """
        contract = self.weights.contract
        files = [f"{member}/{file}" for member in contract.members for file in MEMBER_FILES]
        hashes = {file: contract.files.get(file) for file in (*files, "gallery.csv", OUT_OF_FOLD)}
        parts = [contract.training.data_fingerprint, hashes, code_version(compute), decisive]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        return self.work / f"{name}-{digest}{suffix}"


def parts(labels: np.ndarray, lesions: np.ndarray, count: int = PARTS) -> np.ndarray:
    """(images,) a number in [0, `count`): stratified parts of whole lesions."""
    result = np.zeros(len(labels), dtype=np.int64)
    division = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    for part, (_, held_out) in enumerate(division.split(labels, labels, lesions)):
        result[held_out] = part
    return result


def measured_mean(values: np.ndarray, lesions: np.ndarray) -> dict[str, Any]:
    """Mean of (images,) values with its 95 % interval from bootstraps over lesions.

    Returns value, interval_95 and images; value and interval_95 are None without images. Truth values
    that are all alike get an exact interval, see `unanimous_95`.
    """
    if not len(values):
        return {"value": None, "interval_95": None, "images": 0}
    numbers = np.asarray(values, dtype=np.float64)
    if values.dtype == bool and (values == values[0]).all():
        share = float(numbers[0])
        interval = unanimous_95(share, len(np.unique(lesions)))
        return {"value": share, "interval_95": interval, "images": len(numbers)}
    drawn = [
        (weights @ numbers) / weights.sum(axis=1)
        for weights in lesion_draws(lesions, np.unique(lesions))
    ]
    return {
        "value": float(numbers.mean()),
        "interval_95": percentiles_95(np.concatenate(drawn)),
        "images": len(numbers),
    }


def in_percent(measured: dict[str, Any]) -> str:
    """What `measured_mean` gave, as "24.4% (95 % interval 23.5% to 25.3%)"; "none" without images."""
    if measured["value"] is None:
        return "none"
    low, high = measured["interval_95"]
    return f"{measured['value']:.1%} (95 % interval {low:.1%} to {high:.1%})"
