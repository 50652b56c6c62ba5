"""Evidence: the files of a run from which its scores can be recomputed without images or a GPU.

An evidence folder holds `images.csv.gz` (ids and public metadata of all images) and, for each study and
setting, the run's settings, histories and out-of-fold logits. Probabilities are always crossfit: the
calibration of an image is fitted on other lesions.
"""

import gzip
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skin_app.calibration import prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import normalised
from skin_app.result_files import replace_file
from skin_app.weights.folder import open_weights
from train.data.ham10000 import TEXT, DataError
from train.engine.priors import log_prior_shift
from train.engine.run import Run
from train.scores.crossfit import Bias, cross_fitted
from train.scores.metrics import RULES

IMAGES = "images.csv.gz"
METADATA = ("image_id", "lesion", "dx", "dx_type", "age", "sex", "localization")
EXTRAS = ("tsne.csv.gz", "range-test.csv")


@dataclass(frozen=True)
class Evidence:
    """Out-of-fold predictions of one setting, and how it was trained.

    `settings`: `run.json`; `histories`: fold -> its `history.json`; `table`: one row per image with the
    columns `METADATA`; `logits`: number of views -> (images, 7); `labels`, `lesions`, `folds`:
    (images,); `shift`: (7,) shift of the logits by the loss's class weights; `images`: the table of the
    whole data set; `frequencies`: (7,) share of each class in it. `bias`: as in `cross_fitted`.
    """

    study: str
    setting: str
    folder: Path
    settings: dict[str, Any]
    histories: dict[int, dict[str, Any]]
    table: pd.DataFrame
    logits: dict[int, np.ndarray]
    folds: np.ndarray
    shift: np.ndarray
    images: pd.DataFrame
    bias: Bias = "none"

    @cached_property
    def labels(self) -> np.ndarray:
        return self.table["dx"].map({code: k for k, code in enumerate(CODES)}).to_numpy(np.int64)

    @property
    def lesions(self) -> np.ndarray:
        return self.table["lesion"].to_numpy(str)

    @property
    def frequencies(self) -> tuple[float, ...]:
        return tuple(float((self.images["dx"] == code).mean()) for code in CODES)

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds whose held-out images were predicted."""
        return tuple(np.unique(self.folds).tolist())

    @property
    def views(self) -> int:
        """The largest number of views that was used for predictions."""
        return max(self.logits)

    def only(self, rows: np.ndarray) -> "Evidence":
        """The evidence of the images `rows` (row numbers); calibrations are fitted on these alone."""
        return replace(
            self,
            table=self.table.iloc[rows].reset_index(drop=True),
            logits={views: logits[rows] for views, logits in self.logits.items()},
            folds=self.folds[rows],
        )

    def calibrated(self, views: int | None = None) -> np.ndarray:
        """Crossfit probabilities (images, 7) under the data's class frequencies.

        `views`: number of views, by default the largest.
        """
        views = self.views if views is None else views
        if views not in self._calibrated:
            fitted = cross_fitted(self.logits[views], self.labels, self.lesions, self.shift, self.bias)
            self._calibrated[views] = fitted
        return self._calibrated[views]

    @cached_property
    def _calibrated(self) -> dict[int, np.ndarray]:
        return {}

    def by_rule(self, views: int | None = None) -> dict[str, np.ndarray]:
        """Probabilities (images, 7) by decision rule: calibrated, and prior-adjusted (equal priors)."""
        calibrated = self.calibrated(views)
        adjusted = prior_adjusted(calibrated, self.frequencies)
        return dict(zip(RULES, (calibrated, adjusted), strict=True))


def read_evidence(folder: Path) -> Evidence:
    """Read one setting, `.../<study>/<setting>`, with `images.csv.gz` two levels up.

    Raises `DataError` when a file is missing, or the predictions do not fit the images.
    """
    table = _csv(folder / "predictions.csv.gz")
    images, _ = normalised(_csv(folder.parent.parent / IMAGES))
    settings = read_json(folder / "run.json")
    histories = read_json(folder / "history.json")
    return Evidence(
        study=folder.parent.name,
        setting=folder.name,
        folder=folder,
        settings=settings,
        histories={int(fold): history for fold, history in histories.items()},
        table=_with_metadata(table, images, folder),
        logits=_logits(table, folder),
        folds=table["fold"].to_numpy(np.int64),
        shift=np.array(settings["log_prior_shift"], dtype=np.float64),
        images=images,
    )


def weights_evidence(folder: Path) -> Evidence:
    """The evidence inside a weights folder. Raises `WeightsError` or `DataError`."""
    contract = open_weights(folder).contract
    table = _csv(folder / "evaluation" / "out_of_fold.csv")
    images, _ = normalised(_csv(folder / "gallery.csv"))
    training = contract.training
    return Evidence(
        study="weights",
        setting=contract.name,
        folder=folder,
        settings={
            "recipe": training.recipe,
            "seed": training.seed,
            "data_fingerprint": training.data_fingerprint,
            "versions": training.versions,
        },
        histories={},
        table=_with_metadata(table, images, folder),
        logits=_logits(table, folder),
        folds=table["fold"].to_numpy(np.int64),
        shift=np.array(contract.calibration.log_prior_shift),
        images=images,
    )


def finished_folds(run_folder: Path) -> list[int]:
    """The folds that were trained and whose held-out images were predicted."""
    return sorted(
        int(path.parent.name.removeprefix("fold-"))
        for path in run_folder.glob("fold-*/predictions.csv")
        if (path.parent / "history.json").is_file()
    )


def run_evidence(run: Run, folds: Sequence[int]) -> Evidence:
    """The evidence of finished folds in a run folder. Raises `DataError`."""
    folders = {fold: run.fold_folder(fold) for fold in folds}
    predictions = [_csv(folder / "predictions.csv") for folder in folders.values()]
    table = pd.concat(predictions, ignore_index=True)
    images, _ = normalised(_public(run.data.table))
    return Evidence(
        study="run",
        setting=run.folder.name,
        folder=run.folder,
        settings=read_json(run.folder / "run.json"),
        histories={fold: read_json(folder / "history.json") for fold, folder in folders.items()},
        table=_with_metadata(table, images, run.folder),
        logits=_logits(table, run.folder),
        folds=table["fold"].to_numpy(np.int64),
        shift=log_prior_shift(run.data.labels, run.recipe),
        images=images,
    )


def export_evidence(run_folder: Path, data: pd.DataFrame, out: Path) -> None:
    """Write the evidence of the finished folds of `run_folder` to `out`, `.../<study>/<setting>`.

    `data`: the table of a `Dataset`; its public columns become `images.csv.gz` two levels above `out`.
    The same run gives the same bytes. Raises `DataError` when no fold is finished, or `images.csv.gz`
    there lists other images.
    """
    folds = finished_folds(run_folder)
    if not folds:
        raise DataError(
            f"No fold of {run_folder} is finished: train it with `python -m train run` first."
        )
    out.mkdir(parents=True, exist_ok=True)
    images = gzipped_csv(_public(data), "%g")
    kept = out.parent.parent / IMAGES
    if not kept.is_file():
        replace_file(kept, images)
    elif gzip.decompress(kept.read_bytes()) != gzip.decompress(images):
        raise DataError(f"{kept} lists other images than this run's data: keep it in another folder.")
    names = [run_folder / f"fold-{fold}" for fold in folds]
    table = pd.concat([_csv(name / "predictions.csv") for name in names], ignore_index=True)
    replace_file(out / "predictions.csv.gz", gzipped_csv(table, "%.4g"))
    histories = {str(fold): read_json(run_folder / f"fold-{fold}" / "history.json") for fold in folds}
    replace_file(out / "history.json", (json.dumps(histories, indent=1) + "\n").encode())
    replace_file(out / "run.json", (run_folder / "run.json").read_bytes())
    for extra in EXTRAS:
        if (run_folder / extra).is_file():
            replace_file(out / extra, (run_folder / extra).read_bytes())


def at_common_views(settings: Sequence[Evidence]) -> dict[str, Evidence]:
    """Setting -> its predictions from the largest number of views that all settings have.

    Raises `DataError` when no number of views is common to all.
    """
    views = set.intersection(*(set(evidence.logits) for evidence in settings))
    if not views:
        names = ", ".join(evidence.setting for evidence in settings)
        raise DataError(f"The settings {names} have no number of views in common: predict them anew.")
    return {e.setting: replace(e, logits={max(views): e.logits[max(views)]}) for e in settings}


def on_shared_images(one: Evidence, other: Evidence) -> tuple[Evidence, Evidence]:
    """Both, restricted to the images that both predicted, in the same order.

    Raises `DataError` when no image is in both.
    """
    ids, others = (evidence.table["image_id"].to_numpy(str) for evidence in (one, other))
    if np.array_equal(ids, others):
        return one, other  # keeps their cached calibrated probabilities
    _, of_one, of_other = np.intersect1d(ids, others, return_indices=True)
    if not len(of_one):
        raise DataError("The two settings predicted no image in common: train the same folds of both.")
    return one.only(of_one), other.only(of_other)


def ensemble_of(members: Sequence[Evidence]) -> Evidence:
    """The mean logits of several settings, on the images that all of them predicted.

    The prior shift of each setting is subtracted first, so the average has none. Raises `DataError`
    when the settings share no image or no number of views.
    """
    first = members[0]
    rows = [pd.Index(member.table["image_id"]) for member in members]
    common = [image for image in rows[0] if all(image in index for index in rows)]
    views = [v for v in first.logits if all(v in member.logits for member in members)]
    names = ", ".join(member.setting for member in members)
    if not common or not views:
        raise DataError(f"The settings {names} have no prediction in common: take one of them out.")
    at = [index.get_indexer(pd.Index(common)) for index in rows]
    return Evidence(
        study=first.study,
        setting="average",
        folder=first.folder.parent,
        settings={"average_of": [member.setting for member in members]},
        histories={},
        table=first.table.iloc[at[0]].reset_index(drop=True),
        logits={
            v: np.mean([m.logits[v][i] - m.shift for m, i in zip(members, at, strict=True)], axis=0)
            for v in views
        },
        folds=first.folds[at[0]],
        shift=np.zeros(len(CODES)),
        images=first.images,
        bias=first.bias,
    )


def _with_metadata(table: pd.DataFrame, images: pd.DataFrame, folder: Path) -> pd.DataFrame:
    rows = pd.Index(images["image_id"]).get_indexer(pd.Index(table["image_id"]))
    joined = images.iloc[rows].reset_index(drop=True)
    fits = bool((rows >= 0).all()) and not table["image_id"].duplicated().any()
    if not fits or (joined["dx"].to_numpy() != table["dx"].to_numpy()).any():
        raise DataError(
            f"The predictions in {folder} are not of the images listed beside them, each once and with "
            "its diagnosis: export the run anew."
        )
    return joined


def _logits(table: pd.DataFrame, folder: Path) -> dict[int, np.ndarray]:
    """Number of views -> (images, 7), for each number of views that the columns name."""
    labels = dict.fromkeys(re.findall(r"logit_(\d+)(views?)_", " ".join(table.columns)))
    columns = {int(n): [f"logit_{n}{word}_{code}" for code in CODES] for n, word in labels}
    if not columns or not set().union(*columns.values()) <= set(table.columns):
        raise DataError(f"The predictions in {folder} lack logits of a class: export the run anew.")
    logits = {views: table[names].to_numpy(np.float64) for views, names in columns.items()}
    whole = {views: values for views, values in logits.items() if not np.isnan(values).any()}
    if not whole:
        raise DataError(f"The folds in {folder} have no number of views in common: predict them anew.")
    return whole


def _public(data: pd.DataFrame) -> pd.DataFrame:
    lesion = data["image_id"].to_numpy()[data["group"].to_numpy()]
    return data.assign(lesion=lesion).reindex(columns=list(METADATA))


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=TEXT)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}): export the run anew.") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises `DataError` when it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): export the run anew.") from error


def gzipped_csv(table: pd.DataFrame, numbers: str) -> bytes:
    """`table` as compressed CSV; the same table gives the same bytes."""
    text = io.StringIO()
    table.to_csv(text, index=False, float_format=numbers)
    return gzip.compress(text.getvalue().encode(), mtime=0)
