"""Which skin tones the data shows, how far the estimate can be believed, and scores by tone band."""

from typing import Any

import numpy as np
import pandas as pd

from skin_app.diagnoses import MALIGNANT
from skin_app.skin_tone import LEAST_YELLOW, TONES, ToneBands, angle_of, tone_band
from train.audit.bench import Bench, in_percent, measured_mean
from train.audit.lesion import kept_survey
from train.data.ham10000 import Dataset
from train.scores.metrics import SHARES, interval_95, resampled_scores, weighted_scores

# With 100 lesions the 95 % interval of a share is at most 10 points wide to each side.
LEAST_LESIONS = 100
VIEWS = 8
UNKNOWN = "not estimated"
# Which decision rule each score is of.
SCORES = {
    "accuracy": "calibrated",
    "balanced_accuracy": "prior_adjusted",
    "malignant_auc": "calibrated",
    "expected_calibration_error": "calibrated",
}


def with_bands(survey: pd.DataFrame) -> pd.DataFrame:
    """The survey of `train.audit.lesion` with the columns angle (degrees or NaN) and band."""
    angles = [
        None if np.isnan(lightness) else angle_of(lightness, yellow)
        for lightness, yellow in zip(survey["lightness"], survey["yellow"], strict=True)
    ]
    bands = [UNKNOWN if angle is None else tone_band(angle) for angle in angles]
    return survey.assign(angle=[np.nan if a is None else a for a in angles], band=bands)


def fit_tone(bench: Bench, data: Dataset) -> ToneBands:
    """Count images and lesions of `data` by band."""
    table = with_bands(kept_survey(bench, data))
    lesions = table.groupby("band")["group"].nunique().to_dict()
    return ToneBands(
        images={band: int((table["band"] == band).sum()) for band in TONES},
        lesions={band: int(lesions.get(band, 0)) for band in TONES},
        unknown=int((table["band"] == UNKNOWN).sum()),
        least_lesions=LEAST_LESIONS,
        fitted_on=f"{len(table)} HAM10000 images of {table['group'].nunique()} lesions, all folds",
    )


def measure(bench: Bench, data: Dataset) -> dict[str, Any]:
    """The bands of all images, how steady the angle is, and out-of-fold scores by band."""
    table = with_bands(kept_survey(bench, data))
    known = table.dropna(subset="angle")
    band_of = table.set_index("image_id")["band"]
    bands = band_of.loc[bench.table["image_id"]].to_numpy(str)
    return {
        "bands": fit_tone(bench, data).model_dump(),
        "images": len(table),
        "lesions": int(table["group"].nunique()),
        "no_skin": int(table["lightness"].isna().sum()),
        "bluer_than_grey": int((table["yellow"] < LEAST_YELLOW).sum()),
        "darker_than_middle_grey": int((table["lightness"] < 50).sum()),
        "angle_quantiles": {str(q): float(known["angle"].quantile(q)) for q in (0.05, 0.25, 0.5, 0.75)},
        "follows_lightness": float(known["angle"].corr(known["lightness"], method="spearman")),
        "follows_yellow": float(known["angle"].corr(known["yellow"], method="spearman")),
        "same_lesion": _same_lesion(table),
        "out_of_fold": {band: _scores(bench, bands == band) for band in (*TONES, UNKNOWN)},
    }


def _same_lesion(table: pd.DataFrame) -> dict[str, Any]:
    """Two photographs of one lesion show one skin: how often they come to lie in the same band."""
    known = table.query("band != @UNKNOWN")
    pairs = [own.iloc[:2] for _, own in known.groupby("group") if len(own) > 1]
    same = np.array([own["band"].iloc[0] == own["band"].iloc[1] for own in pairs], dtype=bool)
    apart = np.array([abs(own["angle"].iloc[0] - own["angle"].iloc[1]) for own in pairs])
    share = known["band"].value_counts(normalize=True).to_numpy()
    return {
        "pairs": len(pairs),
        "same_band": measured_mean(same, np.arange(len(pairs)).astype(str)),
        "by_chance": float((share**2).sum()),
        "median_degrees_apart": float(np.nanmedian(apart)) if np.isfinite(apart).any() else None,
    }


def _scores(bench: Bench, own: np.ndarray) -> dict[str, Any]:
    """Counts of one band's out-of-fold images, and scores where there are `LEAST_LESIONS` lesions."""
    labels, lesions = bench.labels[own], bench.lesions[own]
    found: dict[str, Any] = {
        "images": int(own.sum()),
        "lesions": len(np.unique(lesions)),
        "diagnoses": len(np.unique(labels)),
        "malignant": int(np.array(MALIGNANT)[labels].sum()),
        "scores": None,
    }
    if found["lesions"] < LEAST_LESIONS:
        return found
    probabilities = bench.calibrated(bench.logits[VIEWS][own], VIEWS)
    rules = {"calibrated": probabilities, "prior_adjusted": bench.prior_adjusted(probabilities)}
    once = np.ones((1, len(labels)))
    estimate = {rule: weighted_scores(p, labels, once) for rule, p in rules.items()}
    drawn = {rule: resampled_scores(p, labels, lesions) for rule, p in rules.items()}
    found["scores"] = {
        name: {
            "value": None if np.isnan(value := float(estimate[rule][name][0])) else value,
            "interval_95": interval_95(drawn[rule][name], found["lesions"] if name in SHARES else 0),
        }
        for name, rule in SCORES.items()
    }
    return found


def render(numbers: dict[str, Any]) -> str:
    """The section on skin tone."""
    bands, same = numbers["bands"], numbers["same_lesion"]
    scarce = [band for band in TONES if bands["lesions"][band] < bands["least_lesions"]]
    dark = sum(bands["images"][band] for band in ("brown", "dark"))
    lines = [
        "## Skin tone: what the data shows, and what it cannot show\n",
        "Tone is estimated as the individual typology angle, arctan((L* - 50) / b*), of the skin "
        "around the lesion mask, in the bands of Del Bino and Bernerd (2013). The angle was made for "
        "a calibrated colorimeter. In photographs it moves with light, polarisation, contact gel and "
        "white balance; these are not known here, and nobody recorded the tone of HAM10000's "
        "patients. So **this is the tone of the picture**, and the table says little of people.\n",
        f"- Of {numbers['images']:,} images {dark} lie in the bands brown or dark, and "
        f"{numbers['darker_than_middle_grey']} show skin darker than L* 50 whatever its hue. By this "
        "estimate " + _darker(scarce),
        f"- In {bands['unknown']:,} images no angle can be given: in {numbers['bluer_than_grey']:,} "
        f"the skin is grey or bluer (b* below {LEAST_YELLOW:g}), which is the camera's doing, and in "
        f"{numbers['no_skin']:,} too little skin is seen. The page can then say nothing of tone.",
        "- Where there is an angle, it follows b* (rank correlation "
        f"{numbers['follows_yellow']:+.2f}), which the white balance sets, and lightness "
        f"({numbers['follows_lightness']:+.2f}).",
        f"- Two photographs of one lesion ({same['pairs']:,} pairs; many are crops of one photograph, "
        f"which flatters) lie in the same band in {in_percent(same['same_band'])}; any two images "
        f"would in {same['by_chance']:.1%}." + _apart(same["median_degrees_apart"]),
        f"- The page warns in bands with fewer than {bands['least_lesions']} lesions in the training "
        "data (with fewer, a share is not known to 10 points): "
        + (", ".join(scarce) if scarce else "no band of these weights")
        + ".\n",
        "| band | training images | lesions | out of fold: images | malignant | accuracy | "
        "balanced accuracy | malignant AUC | ECE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(band, numbers) for band in (*TONES, UNKNOWN)]
    lines.append(
        f"\nOut of fold: {VIEWS} views, each image by members that had not seen it; accuracy, "
        "AUC and ECE of the calibrated rule, balanced accuracy of the prior-adjusted one over the "
        "diagnoses that the band has. The bands differ in their mix of diagnoses and in their "
        f"cameras, so a difference between rows need not come from skin. Fewer than {LEAST_LESIONS} "
        "lesions: no score. ECE is biased upwards where there are few images. Brackets: 95 % "
        "intervals over lesions."
    )
    return "\n".join(lines) + "\n"


def _darker(scarce: list[str]) -> str:
    """What the training data says of the bands brown and dark; `scarce`: bands with few lesions."""
    if {"brown", "dark"} <= set(scarce):
        return (
            "these weights have hardly been trained on dark skin, and what they do there has not been "
            "tested."
        )
    return "the training data holds some darker skin; the table shows how much."


def _apart(degrees: float | None) -> str:
    return "" if degrees is None else f" Their angles are {degrees:.0f} degrees apart at the median."


def _row(band: str, numbers: dict[str, Any]) -> str:
    bands, own = numbers["bands"], numbers["out_of_fold"][band]
    counts = (
        (f"{bands['unknown']:,}", "")
        if band == UNKNOWN
        else (f"{bands['images'][band]:,}", f"{bands['lesions'][band]:,}")
    )
    cells = ["too few"] * len(SCORES)
    if own["scores"] is not None:
        cells = [_score(own["scores"][name]) for name in SCORES]
        if own["diagnoses"] < 7:
            cells[1] += f", {own['diagnoses']} diagnoses"
    return f"| {' | '.join((band, *counts, str(own['images']), str(own['malignant']), *cells))} |"


def _score(measured: dict[str, Any]) -> str:
    value, interval = measured["value"], measured["interval_95"]
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")
