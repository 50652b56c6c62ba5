"""How much painted hair, rulers, ink, bubbles and dark corners change answers and attract heat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torchvision.io import encode_jpeg

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.lesion import HeatLimit, standard_square
from skin_app.photo.read import Photo, read_photo
from train.audit.changed_photos import by_rule, chunks, operating_threshold
from train.audit.heat_on_lesion import first_maps, fit_heat_limit, share_inside, shares_on_lesion
from train.audit.out_of_fold import OutOfFold
from train.data.artefacts import ARTEFACTS, Painted, paint
from train.scores.estimate import Estimate, mean_estimate

IMAGES = 300
SENSITIVITY = 95  # per cent
JPEG_QUALITY = 75
Variant = Callable[[Photo, int], Painted]


@dataclass(frozen=True)
class Flips:
    """How answers change. In a flip, the first diagnosis differs from that of the unchanged photo."""

    flips_calibrated: Estimate
    flips_prior_adjusted: Estimate
    side_flips: Estimate
    malignant_to_benign: Estimate
    benign_to_malignant: Estimate
    malignant_change: Estimate
    malignant_absolute_change: Estimate


@dataclass(frozen=True)
class Effect(Flips):
    """`area`: the changed part's share of the square; `heat_before`, `heat_after`: of the heat.

    `warned`: share of images for which the page would warn of heat off the lesion.
    """

    area: Estimate
    heat_before: Estimate
    heat_after: Estimate
    heat_change: Estimate
    warned: Estimate
    without_mask: Estimate


@dataclass(frozen=True)
class ArtefactEffects:
    """`threshold`: malignant probability from which an image is called suspicious."""

    images: int
    malignant: int
    sensitivity_percent: int
    threshold: float
    jpeg_quality: int
    controls: list[str]
    variants: dict[str, Effect]


def mirrored(photo: Photo, _seed: int) -> Painted:
    """Left and right swapped."""
    return _unpainted(photo, np.ascontiguousarray(photo.pixels[:, ::-1]))


def saved_again(photo: Photo, _seed: int) -> Painted:
    """Saved as a JPEG of quality `JPEG_QUALITY` and read again."""
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).contiguous()
    file = cast(torch.Tensor, encode_jpeg(pixels, quality=JPEG_QUALITY))
    return _unpainted(photo, read_photo(file.numpy().tobytes()).pixels)


def _unpainted(photo: Photo, pixels: np.ndarray) -> Painted:
    return Painted(Photo(pixels), np.zeros((photo.height, photo.width), dtype=bool))


CONTROLS: dict[str, Variant] = {"mirrored": mirrored, "saved as JPEG again": saved_again}
VARIANTS: dict[str, Variant] = CONTROLS | {
    name: lambda photo, seed, name=name: paint(photo, name, seed) for name in ARTEFACTS
}


def measure(unseen: OutOfFold) -> ArtefactEffects:
    """Flips, probability changes and heat for each of `ARTEFACTS` and of the harmless `CONTROLS`."""
    rows = unseen.sample(IMAGES)
    positive = np.array(MALIGNANT)[unseen.labels]
    every = malignant_probability(unseen.calibrated(unseen.logits[1], 1))
    threshold = operating_threshold(positive, every, SENSITIVITY)
    limit = fit_heat_limit(unseen)
    plain = unseen.kept("artefacts-none", lambda: _read_plain(unseen, rows))
    variants = {}
    for name, variant in VARIANTS.items():
        kept = unseen.kept(
            f"artefacts-{name.replace(' ', '-')}",
            lambda own=variant: _read(unseen, rows, own, np.array(plain["maps"])),
        )
        flips = flips_between(
            unseen, rows, np.array(plain["logits"]), np.array(kept["logits"]), threshold
        )
        variants[name] = Effect(**vars(flips), **_heat(unseen.lesions[rows], kept, limit))
    return ArtefactEffects(
        images=len(rows),
        malignant=int(positive[rows].sum()),
        sensitivity_percent=SENSITIVITY,
        threshold=threshold,
        jpeg_quality=JPEG_QUALITY,
        controls=list(CONTROLS),
        variants=variants,
    )


def _read_plain(unseen: OutOfFold, rows: np.ndarray) -> dict[str, Any]:
    """Logits and positive map of the first diagnosis for the unchanged images."""
    found: dict[str, Any] = {"logits": [], "maps": []}
    for chunk, photos in chunks(unseen, rows):
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        found["maps"] += maps.tolist()
    return found


def _read(
    unseen: OutOfFold, rows: np.ndarray, variant: Variant, plain_maps: np.ndarray
) -> dict[str, Any]:
    """After `variant`: logits; the changed part's share of the area, and of the heat before and after
    the change; the share of heat on the lesion after the change."""
    names = ("logits", "area", "heat_before", "heat_after", "on_lesion", "lesion_area")
    found: dict[str, Any] = {name: [] for name in names}
    before = iter(plain_maps)
    for chunk, originals in chunks(unseen, rows):
        painted = [variant(photo, int(row)) for row, photo in zip(chunk, originals, strict=True)]
        photos = [own.photo for own in painted]
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        for own, new in zip(painted, maps, strict=True):
            changed = changed_square(own.changed)
            found["area"].append(float(changed.mean()))
            found["heat_before"].append(share_inside(next(before), changed))
            found["heat_after"].append(share_inside(new, changed))
        for share, area in shares_on_lesion(maps, photos):
            found["on_lesion"].append(share)
            found["lesion_area"].append(area)
    return found


def changed_square(changed: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) bool: `changed`, (height, width), on the square that the networks see."""
    white = Photo(np.repeat(changed[..., None] * np.uint8(255), 3, axis=2))
    return standard_square(white)[..., 0] >= 128


def flips_between(
    unseen: OutOfFold, rows: np.ndarray, before: np.ndarray, after: np.ndarray, threshold: float
) -> Flips:
    """How answers change from logits `before` to logits `after`, (images, 7) each."""
    lesions = unseen.lesions[rows]
    old, new = by_rule(unseen, before), by_rule(unseen, after)
    flips = {rule: old[rule].argmax(1) != new[rule].argmax(1) for rule in old}
    mass_before, mass_after = (malignant_probability(by["calibrated"]) for by in (old, new))
    called, still = mass_before >= threshold, mass_after >= threshold
    return Flips(
        flips_calibrated=mean_estimate(flips["calibrated"], lesions),
        flips_prior_adjusted=mean_estimate(flips["prior_adjusted"], lesions),
        side_flips=mean_estimate(called != still, lesions),
        malignant_to_benign=mean_estimate(~still[called], lesions[called]),
        benign_to_malignant=mean_estimate(still[~called], lesions[~called]),
        malignant_change=mean_estimate(mass_after - mass_before, lesions),
        malignant_absolute_change=mean_estimate(np.abs(mass_after - mass_before), lesions),
    )


def _heat(lesions: np.ndarray, kept: dict[str, Any], limit: HeatLimit) -> dict[str, Estimate]:
    """The fields that `Effect` adds to `Flips`."""
    on_lesion = zip(kept["on_lesion"], kept["lesion_area"], strict=True)
    warned = [share is not None and limit.warns(share, area) for share, area in on_lesion]
    shares = {
        name: np.array(kept[name], dtype=np.float64)  # None becomes NaN
        for name in ("area", "heat_before", "heat_after")
    }
    shares["heat_change"] = shares["heat_after"] - shares["heat_before"]
    seen = (shares["area"] > 0) & ~np.isnan(shares["heat_change"])
    return {
        **{name: mean_estimate(values[seen], lesions[seen]) for name, values in shares.items()},
        "warned": mean_estimate(np.array(warned), lesions),
        "without_mask": mean_estimate(np.array(kept["lesion_area"]) == 0, lesions),
    }
