"""Which skin tones the data represents, how reliable the estimate is, and scores by tone band."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skin_app.diagnoses import MALIGNANT
from skin_app.skin_tone import LEAST_YELLOW, TONES, ToneBands, angle_of, tone_band
from train.audit.lesion_masks import kept_survey
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import Dataset
from train.scores.intervals import Estimate, mean_estimate
from train.scores.metrics import scores_by_rule

# With 100 lesions the 95 % interval of a share is at most 10 points wide to each side.
LEAST_LESIONS = 100
VIEWS = 8
UNKNOWN = "not estimated"
# The decision rule of each score.
SCORES = {
    "accuracy": "calibrated",
    "balanced_accuracy": "prior_adjusted",
    "malignant_auc": "calibrated",
    "expected_calibration_error": "calibrated",
}


@dataclass(frozen=True)
class SameLesion:
    """Pairs of photographs of one lesion, so of the same skin; `by_chance`: for any two images."""

    pairs: int
    same_band: Estimate
    by_chance: float
    median_degrees_apart: float | None


@dataclass(frozen=True)
class OfBand:
    """Out-of-fold images of one band; `scores`: by name, None below `LEAST_LESIONS` lesions."""

    images: int
    lesions: int
    diagnoses: int
    malignant: int
    scores: dict[str, Estimate] | None


@dataclass(frozen=True)
class ToneMeasured:
    """`bands`: see `skin_app.skin_tone.ToneBands`; `out_of_fold`: by band."""

    bands: dict[str, Any]
    no_skin: int
    bluer_than_grey: int
    darker_than_middle_grey: int
    angle_quantiles: dict[str, float]
    follows_lightness: float
    follows_yellow: float
    same_lesion: SameLesion
    out_of_fold: dict[str, OfBand]


def with_bands(survey: pd.DataFrame) -> pd.DataFrame:
    """The survey of `train.audit.lesion_masks` with the columns angle (degrees or NaN) and band."""
    angles = [
        None if np.isnan(lightness) else angle_of(lightness, yellow)
        for lightness, yellow in zip(survey["lightness"], survey["yellow"], strict=True)
    ]
    bands = [UNKNOWN if angle is None else tone_band(angle) for angle in angles]
    return survey.assign(angle=[np.nan if a is None else a for a in angles], band=bands)


def fit_tone(unseen: OutOfFold, data: Dataset) -> ToneBands:
    """Count images and lesions of `data` by band."""
    table = with_bands(kept_survey(unseen, data))
    lesions = table.groupby("band")["group"].nunique().to_dict()
    return ToneBands(
        images={band: int((table["band"] == band).sum()) for band in TONES},
        lesions={band: int(lesions.get(band, 0)) for band in TONES},
        unknown=int((table["band"] == UNKNOWN).sum()),
        least_lesions=LEAST_LESIONS,
        fitted_on=f"{len(table)} HAM10000 images of {table['group'].nunique()} lesions, all folds",
    )


def measure(unseen: OutOfFold, data: Dataset) -> ToneMeasured:
    """The bands of all images, how reproducible the angle is, and out-of-fold scores by band."""
    table = with_bands(kept_survey(unseen, data))
    known = table.dropna(subset="angle")
    band_of = table.set_index("image_id")["band"]
    bands = band_of.loc[unseen.table["image_id"]].to_numpy(str)
    return ToneMeasured(
        bands=fit_tone(unseen, data).model_dump(),
        no_skin=int(table["lightness"].isna().sum()),
        bluer_than_grey=int((table["yellow"] < LEAST_YELLOW).sum()),
        darker_than_middle_grey=int((table["lightness"] < 50).sum()),
        angle_quantiles={str(q): float(known["angle"].quantile(q)) for q in (0.05, 0.25, 0.5, 0.75)},
        follows_lightness=float(known["angle"].corr(known["lightness"], method="spearman")),
        follows_yellow=float(known["angle"].corr(known["yellow"], method="spearman")),
        same_lesion=_same_lesion(table),
        out_of_fold={band: _scores(unseen, bands == band) for band in (*TONES, UNKNOWN)},
    )


def _same_lesion(table: pd.DataFrame) -> SameLesion:
    known = table.query("band != @UNKNOWN")
    pairs = [own.iloc[:2] for _, own in known.groupby("group") if len(own) > 1]
    same = np.array([own["band"].iloc[0] == own["band"].iloc[1] for own in pairs], dtype=bool)
    apart = np.array([abs(own["angle"].iloc[0] - own["angle"].iloc[1]) for own in pairs])
    share = known["band"].value_counts(normalize=True).to_numpy()
    return SameLesion(
        pairs=len(pairs),
        same_band=mean_estimate(same, np.arange(len(pairs)).astype(str)),
        by_chance=float((share**2).sum()),
        median_degrees_apart=float(np.nanmedian(apart)) if np.isfinite(apart).any() else None,
    )


def _scores(unseen: OutOfFold, own: np.ndarray) -> OfBand:
    """The scores of one band; `own`: (images,) bool, its images."""
    labels, lesions = unseen.labels[own], unseen.lesions[own]
    count = len(np.unique(lesions))
    measured = None
    if count >= LEAST_LESIONS:
        calibrated = unseen.calibrated(unseen.logits[VIEWS][own], VIEWS)
        rules = {"calibrated": calibrated, "prior_adjusted": unseen.prior_adjusted(calibrated)}
        found = scores_by_rule(rules, labels, lesions)
        measured = {name: found[rule].estimate(name) for name, rule in SCORES.items()}
    malignant = int(np.array(MALIGNANT)[labels].sum())
    return OfBand(len(labels), count, len(np.unique(labels)), malignant, measured)
