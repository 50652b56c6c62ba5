"""How much painted hair, rulers, ink, bubbles and dark corners change answers and attract heat.

Compared with two harmless changes: the photo mirrored, and saved as JPEG again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torchvision.io import encode_jpeg

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.heatmap import HeatLimit, heat_on_lesion
from skin_app.photo.read import Photo, read_photo
from train.audit.changed_photos import UNCHANGED, ChangedPhotos
from train.audit.explanations import first_maps
from train.audit.fitted_operating_points import empirical_threshold
from train.audit.lesion_heat import fit_heat_limit, heat_and_area
from train.audit.lesion_masks import on_square
from train.audit.out_of_fold import OutOfFold
from train.data.painted_artefacts import ARTEFACTS, Painted, paint
from train.scores.intervals import Estimate

IMAGES = 300
SENSITIVITY = 95  # per cent
JPEG_QUALITY = 75
Variant = Callable[[Photo, int], Painted]


@dataclass(frozen=True)
class ArtefactEffects:
    """`threshold`: malignant probability from which an image is called suspicious.

    `variants`: artefact or control -> estimates of `flips_of` and `heat_of`, by name.
    """

    images: int
    malignant: int
    sensitivity_percent: int
    threshold: float
    jpeg_quality: int
    controls: list[str]
    variants: dict[str, dict[str, Estimate]]


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
    threshold = empirical_threshold(positive, every, SENSITIVITY)
    limit = fit_heat_limit(unseen)
    plain = unseen.kept("artefacts-none", lambda: _read_plain(unseen, rows))
    maps = np.array(plain["maps"])
    stored = {
        name: unseen.kept(
            f"artefacts-{name.replace(' ', '-')}",
            lambda variant=variant: _read(unseen, rows, variant, maps),
        )
        for name, variant in VARIANTS.items()
    }
    logits = {name: np.array(of["logits"]) for name, of in (stored | {UNCHANGED: plain}).items()}
    answers = ChangedPhotos(unseen, rows, logits)
    return ArtefactEffects(
        images=len(rows),
        malignant=int(positive[rows].sum()),
        sensitivity_percent=SENSITIVITY,
        threshold=threshold,
        jpeg_quality=JPEG_QUALITY,
        controls=list(CONTROLS),
        variants={
            name: flips_of(answers, name, threshold) | heat_of(unseen, rows, stored[name], limit)
            for name in VARIANTS
        },
    )


def _read_plain(unseen: OutOfFold, rows: np.ndarray) -> dict[str, Any]:
    """Logits and positive map of the first diagnosis for the unchanged images."""
    found: dict[str, Any] = {"logits": [], "maps": []}
    for chunk, photos in unseen.chunks(rows):
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        found["maps"] += maps.tolist()
    return found


def _read(
    unseen: OutOfFold, rows: np.ndarray, variant: Variant, plain_maps: np.ndarray
) -> dict[str, Any]:
    """After `variant`: logits; `painted`, the changed part's share of the area, and of the heat before
    and after the change; `lesion`, from `heat_and_area`."""
    found: dict[str, Any] = {"logits": [], "painted": [], "lesion": []}
    before = iter(plain_maps)
    for chunk, originals in unseen.chunks(rows):
        painted = [variant(photo, int(row)) for row, photo in zip(chunk, originals, strict=True)]
        photos = [own.photo for own in painted]
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        for own, new in zip(painted, maps, strict=True):
            changed = on_square(own.changed)
            heat = [heat_on_lesion(of, changed) for of in (next(before), new)]
            found["painted"].append([float(changed.mean()), *heat])
        found["lesion"] += heat_and_area(maps, photos)
    return found


def flips_of(answers: ChangedPhotos, variant: str, threshold: float) -> dict[str, Estimate]:
    """How answers change: other first diagnosis by either rule, other side of `threshold` (of all, and
    in each direction), mean change of the malignant probability and of its absolute value."""
    before, after = (
        malignant_probability(answers.probabilities(name)["calibrated"])
        for name in (UNCHANGED, variant)
    )
    called, still, mean = before >= threshold, after >= threshold, answers.unseen.mean
    return {
        "flips_calibrated": answers.flips(variant, "calibrated"),
        "flips_prior_adjusted": answers.flips(variant, "prior_adjusted"),
        "side_flips": mean(called != still, answers.rows),
        "malignant_to_benign": mean(~still[called], answers.rows[called]),
        "benign_to_malignant": mean(still[~called], answers.rows[~called]),
        "malignant_change": mean(after - before, answers.rows),
        "malignant_absolute_change": mean(np.abs(after - before), answers.rows),
    }


def heat_of(
    unseen: OutOfFold, rows: np.ndarray, stored: dict[str, Any], limit: HeatLimit
) -> dict[str, Estimate]:
    """The changed part's share of the square (`area`), and of the heat before and after the change.

    `warned`: share of images for which the page would warn of heat off the lesion.
    """
    area, before, after = np.array(stored["painted"]).T
    on_lesion, lesion_area = np.array(stored["lesion"]).T
    seen = (area > 0) & ~np.isnan(after - before)
    painted = {"area": area, "heat_before": before, "heat_after": after, "heat_change": after - before}
    warned = [limit.warns(*both) for both in zip(on_lesion, lesion_area, strict=True)]
    return {
        **{name: unseen.mean(values[seen], rows[seen]) for name, values in painted.items()},
        "warned": unseen.mean(np.array(warned), rows),
        "without_mask": unseen.mean(lesion_area == 0, rows),
    }
