"""Evidence: the files of a run from which its scores can be recomputed without images or a GPU.

An evidence folder holds `images.csv.gz` (ids and public metadata of all images) and, for each study and
setting, the run's settings, histories and out-of-fold logits. Probabilities are always crossfit: the
calibration of an image is fitted on other lesions.
"""

import gzip
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skin_app.calibration import prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import normalised
from skin_app.gallery.similar_lesions import COLUMNS
from skin_app.result_files import replace_file
from skin_app.weights.evaluation import FILE as OUT_OF_FOLD
from skin_app.weights.folder import open_weights
from train.data.ham10000 import TEXT, DataError
from train.engine.class_balance import log_prior_shift
from train.engine.fold import views_label
from train.engine.run import Run
from train.recipes.recipe import Bias
from train.scores.fitted_calibration import cross_fitted
from train.scores.metrics import RULES, Scores, scores_by_rule

IMAGES = "images.csv.gz"
FOLDS = "evaluation/folds.csv"  # in a weights folder
EXTRAS = ("tsne.csv.gz", "range-test.csv")


@dataclass(frozen=True)
class Evidence:
    """Out-of-fold predictions of one setting, and how it was trained.

    `settings`: `run.json` (of a weights folder, only its recipe); `histories`: fold -> its
    `history.json`; `table`: one row per image with the gallery's columns; `logits`: number of views ->
    (images, 7); `labels`, `lesions`, `folds`: (images,); `shift`: (7,) shift of the logits by the
    loss's class weights; `images`: the table of the whole data set; `frequencies`: (7,) share of each
    class in it. `bias`: as in `cross_fitted`.
    """

    folder: Path
    setting: str
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

    def scores(self, views: int | None = None) -> dict[str, Scores]:
        """All scores by decision rule."""
        return scores_by_rule(self.by_rule(views), self.labels, self.lesions)


def read_evidence(folder: Path) -> Evidence:
    """Read one setting, `.../<study>/<setting>`, with `images.csv.gz` two levels up.

    Raises `DataError` when a file is missing, or the predictions do not fit the images.
    """
    histories = read_json(folder / "history.json")
    settings = read_json(folder / "run.json")
    return _evidence(
        folder=folder,
        setting=folder.name,
        settings=settings,
        histories={int(fold): history for fold, history in histories.items()},
        table=_csv(folder / "predictions.csv.gz"),
        images=_csv(folder.parent.parent / IMAGES),
        shift=np.array(settings["log_prior_shift"], dtype=np.float64),
    )


def weights_evidence(folder: Path) -> Evidence:
    """The evidence inside a weights folder, with the bias of `train audit` if that was run.

    Raises `WeightsError` or `DataError`.
    """
    contract = open_weights(folder).contract
    evidence = _evidence(
        folder=folder,
        setting=contract.name,
        settings={"recipe": contract.training.recipe},
        histories={},
        table=_csv(folder / OUT_OF_FOLD),
        images=_csv(folder / "gallery.csv"),
        shift=np.array(contract.calibration.log_prior_shift),
    )
    return evidence if contract.trust is None else replace(evidence, bias="chosen")


def run_evidence(run: Run) -> Evidence:
    """The evidence of a run's finished folds. Raises `DataError` when no fold is finished."""
    table, histories = _of_finished_folds(run.folder)
    return _evidence(
        folder=run.folder,
        setting=run.folder.name,
        settings=read_json(run.folder / "run.json"),
        histories=histories,
        table=table,
        images=public_metadata(run.data.table),
        shift=log_prior_shift(run.data.labels, run.recipe),
    )


def _evidence(
    *,
    folder: Path,
    setting: str,
    settings: dict[str, Any],
    histories: dict[int, dict[str, Any]],
    table: pd.DataFrame,
    images: pd.DataFrame,
    shift: np.ndarray,
) -> Evidence:
    """`table`: predictions, with the columns image_id, dx, fold and logits; `images`: all metadata."""
    images, _ = normalised(images)
    rows = pd.Index(images["image_id"]).get_indexer(pd.Index(table["image_id"]))
    joined = images.iloc[rows].reset_index(drop=True)
    fits = bool((rows >= 0).all()) and not table["image_id"].duplicated().any()
    if not fits or (joined["dx"].to_numpy() != table["dx"].to_numpy()).any():
        raise DataError(
            f"The predictions in {folder} are not of the images listed beside them, each once and with "
            "its diagnosis: export the run anew."
        )
    logits, folds = _logits(table, folder), table["fold"].to_numpy(np.int64)
    return Evidence(folder, setting, settings, histories, joined, logits, folds, shift, images)


def finished_folds(run_folder: Path) -> list[int]:
    """The folds that were trained and whose held-out images were predicted."""
    return sorted(
        int(path.parent.name.removeprefix("fold-"))
        for path in run_folder.glob("fold-*/predictions.csv")
        if (path.parent / "history.json").is_file()
    )


def _of_finished_folds(run_folder: Path) -> tuple[pd.DataFrame, dict[int, dict[str, Any]]]:
    """The predictions and histories of a run's finished folds. Raises `DataError` without any."""
    folders = {fold: run_folder / f"fold-{fold}" for fold in finished_folds(run_folder)}
    if not folders:
        raise DataError(
            f"No fold of {run_folder} is finished: train it with `python -m train run` first."
        )
    predictions = [_csv(folder / "predictions.csv") for folder in folders.values()]
    histories = {fold: read_json(folder / "history.json") for fold, folder in folders.items()}
    return pd.concat(predictions, ignore_index=True), histories


def export_evidence(run_folder: Path, data: pd.DataFrame, out: Path) -> None:
    """Write the evidence of the finished folds of `run_folder` to `out`, `.../<study>/<setting>`.

    `data`: the table of a `Dataset`; its public columns become `images.csv.gz` two levels above `out`.
    The same run gives the same bytes. Raises `DataError` when no fold is finished, or `images.csv.gz`
    there lists other images.
    """
    table, histories = _of_finished_folds(run_folder)
    out.mkdir(parents=True, exist_ok=True)
    images = gzipped_csv(public_metadata(data), "%g")
    kept = out.parent.parent / IMAGES
    if not kept.is_file():
        replace_file(kept, images)
    elif gzip.decompress(kept.read_bytes()) != gzip.decompress(images):
        raise DataError(f"{kept} lists other images than this run's data: keep it in another folder.")
    replace_file(out / "predictions.csv.gz", gzipped_csv(table, "%.4g"))
    replace_file(out / "history.json", json.dumps(histories, indent=1) + "\n")
    for name in ("run.json", *EXTRAS):
        if (run_folder / name).is_file():
            replace_file(out / name, (run_folder / name).read_bytes())


def logit_columns(views: int, run: int | None = None) -> list[str]:
    """The columns of the logits averaged over `views` views; `run`: of one run (from 0) alone."""
    alone = "" if run is None else f"_of_{run}"
    return [f"logit_{views_label(views)}_{code}{alone}" for code in CODES]


def logits_by_run(table: Path, views: Iterable[int], runs: int) -> dict[int, np.ndarray]:
    """Number of views -> (images, runs, 7), from the `out_of_fold.csv` of a weights folder.

    The folder holds one run, or several runs on the same folds. Each run has one member that was not
    trained on an image's lesion. With several runs, the logits of each stand beside their average.
    """
    read = _csv(table)
    found = {}
    for count in views:
        names = [logit_columns(count, run) for run in (range(runs) if runs > 1 else [None])]
        found[count] = np.stack([read[own].to_numpy(np.float64) for own in names], axis=1)
    return found


def unseen_members(runs: int) -> str:
    """In words, the members that answer an image: one of each run."""
    if runs == 1:
        return "the one member that was not trained on its lesion"
    return f"the {runs} members that were not trained on its lesion"


def _logits(table: pd.DataFrame, folder: Path) -> dict[int, np.ndarray]:
    """Number of views -> (images, 7), for each number of views that the columns name."""
    counts = dict.fromkeys(map(int, re.findall(r"logit_(\d+)views?_", " ".join(table.columns))))
    columns = {views: logit_columns(views) for views in counts}
    if not columns or not set().union(*columns.values()) <= set(table.columns):
        raise DataError(f"The predictions in {folder} lack logits of a class: export the run anew.")
    logits = {views: table[names].to_numpy(np.float64) for views, names in columns.items()}
    whole = {views: values for views, values in logits.items() if not np.isnan(values).any()}
    if not whole:
        raise DataError(f"The folds in {folder} have no number of views in common: predict them anew.")
    return whole


def public_metadata(data: pd.DataFrame) -> pd.DataFrame:
    """The gallery's columns of all images. `data`: the table of a `Dataset`."""
    lesion = data["image_id"].to_numpy()[data["group"].to_numpy()]
    return data.assign(lesion=lesion).reindex(columns=list(COLUMNS))


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
