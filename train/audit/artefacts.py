"""How much painted hair, rulers, ink, bubbles and dark corners change answers and draw the heat."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torchvision.io import encode_jpeg

from skin_app.decision import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.lesion import HeatLimit, heat_on_lesion, standard_square
from skin_app.photo.read import Photo, read_photo
from train.audit.bench import Bench, measured_mean
from train.audit.heat import CHUNK, first_maps, fit_heat_limit, shares_on_lesion
from train.data.artefacts import ARTEFACTS, Painted, paint

IMAGES = 300
SENSITIVITY = 95
JPEG_QUALITY = 75
Variant = Callable[[Photo, int], Painted]


def mirrored(photo: Photo, _seed: int) -> Painted:
    """Left and right swapped: what no answer should depend on."""
    return _unpainted(photo, np.ascontiguousarray(photo.pixels[:, ::-1]))


def saved_again(photo: Photo, _seed: int) -> Painted:
    """Through a JPEG file of quality `JPEG_QUALITY`."""
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).contiguous()
    file = cast(torch.Tensor, encode_jpeg(pixels, quality=JPEG_QUALITY))
    return _unpainted(photo, read_photo(file.numpy().tobytes()).pixels)


CONTROLS: dict[str, Variant] = {"mirrored": mirrored, "saved as JPEG again": saved_again}


def _unpainted(photo: Photo, pixels: np.ndarray) -> Painted:
    return Painted(Photo(pixels), np.zeros((photo.height, photo.width), dtype=bool))


def operating_threshold(positive: np.ndarray, score: np.ndarray, percent: int = SENSITIVITY) -> float:
    """The highest threshold that calls at least `percent` of the positives, at or above it.

    `positive`: (images,) bool with at least one True; `score`: (images,). The rule of
    `train.scores.metrics.weighted_specificity`.
    """
    falling = np.sort(score[positive])[::-1]
    caught = np.arange(1, len(falling) + 1)
    return float(falling[(caught * 100 >= len(falling) * percent).argmax()])


def _read_plain(bench: Bench, rows: np.ndarray) -> dict[str, Any]:
    """Logits, and the positive map of the first diagnosis, of the images as they are."""
    found: dict[str, Any] = {"logits": [], "maps": []}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        logits, maps = first_maps(bench, chunk, [bench.photo(row) for row in chunk])
        found["logits"] += logits.tolist()
        found["maps"] += maps.tolist()
    return found


def _read(bench: Bench, rows: np.ndarray, variant: Variant, plain_maps: np.ndarray) -> dict[str, Any]:
    """After `variant`: logits; the changed part's share of the area, and of the heat before and after;
    the share of heat on the lesion afterwards."""
    names = ("logits", "area", "heat_before", "heat_after", "on_lesion", "lesion_area")
    found: dict[str, Any] = {name: [] for name in names}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        painted = [variant(bench.photo(row), int(row)) for row in chunk]
        photos = [own.photo for own in painted]
        logits, maps = first_maps(bench, chunk, photos)
        found["logits"] += logits.tolist()
        for own, old, new in zip(painted, plain_maps[start : start + CHUNK], maps, strict=True):
            changed = changed_square(own.changed)
            found["area"].append(float(changed.mean()))
            found["heat_before"].append(_share(old, changed))
            found["heat_after"].append(_share(new, changed))
        for share, area in shares_on_lesion(maps, photos):
            found["on_lesion"].append(share)
            found["lesion_area"].append(area)
    return found


def changed_square(changed: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) bool: the part of (height, width) `changed` that the networks see."""
    return (
        standard_square(Photo(np.repeat(changed[..., None] * np.uint8(255), 3, axis=2)))[..., 0] >= 128
    )


def _share(class_map: np.ndarray, mask: np.ndarray) -> float | None:
    share = heat_on_lesion(class_map, mask)
    return None if np.isnan(share) else share


def measure(bench: Bench) -> dict[str, Any]:
    """Flips, probability changes and heat, for each of `ARTEFACTS` and the harmless `CONTROLS`."""
    rows = bench.sample(IMAGES)
    probabilities = bench.calibrated(bench.logits[1], 1)
    positive = np.array(MALIGNANT)[bench.labels]
    threshold = operating_threshold(positive, malignant_probability(probabilities))
    limit = fit_heat_limit(bench)
    plain = bench.kept("artefacts-none", lambda: _read_plain(bench, rows))
    before = np.array(plain["logits"])
    found = {}
    for name, variant in _variants().items():
        kept = bench.kept(
            f"artefacts-{name.replace(' ', '-')}",
            lambda own=variant: _read(bench, rows, own, np.array(plain["maps"])),
        )
        effect = _effect(bench, rows, before, np.array(kept["logits"]), threshold)
        found[name] = effect | _heat(bench, rows, kept, limit)
    return {
        "images": len(rows),
        "malignant": int(positive[rows].sum()),
        "sensitivity_percent": SENSITIVITY,
        "threshold": threshold,
        "jpeg_quality": JPEG_QUALITY,
        "controls": list(CONTROLS),
        "variants": found,
    }


def _variants() -> dict[str, Variant]:
    painters: dict[str, Variant] = {
        name: lambda photo, seed, name=name: paint(photo, name, seed) for name in ARTEFACTS
    }
    return CONTROLS | painters


def _effect(
    bench: Bench, rows: np.ndarray, before: np.ndarray, after: np.ndarray, threshold: float
) -> dict[str, Any]:
    """`before`, `after`: logits (images, 7)."""
    lesions = bench.lesions[rows]
    before, after = bench.calibrated(before, 1), bench.calibrated(after, 1)
    adjusted = bench.prior_adjusted(before), bench.prior_adjusted(after)
    mass_before, mass_after = malignant_probability(before), malignant_probability(after)
    called, still = mass_before >= threshold, mass_after >= threshold
    return {
        "flips_calibrated": measured_mean(before.argmax(1) != after.argmax(1), lesions),
        "flips_prior_adjusted": measured_mean(adjusted[0].argmax(1) != adjusted[1].argmax(1), lesions),
        "side_flips": measured_mean(called != still, lesions),
        "malignant_to_benign": measured_mean(~still[called], lesions[called]),
        "benign_to_malignant": measured_mean(still[~called], lesions[~called]),
        "malignant_change": measured_mean(mass_after - mass_before, lesions),
        "malignant_absolute_change": measured_mean(np.abs(mass_after - mass_before), lesions),
    }


def _heat(bench: Bench, rows: np.ndarray, kept: dict[str, Any], limit: HeatLimit) -> dict[str, Any]:
    lesions = bench.lesions[rows]
    on_lesion = list(zip(kept["on_lesion"], kept["lesion_area"], strict=True))
    warned = [share is not None and limit.warns(share, area) for share, area in on_lesion]
    heat = {
        name: np.array([np.nan if share is None else share for share in kept[name]])
        for name in ("area", "heat_before", "heat_after")
    }
    seen = (heat["area"] > 0) & ~np.isnan(heat["heat_before"]) & ~np.isnan(heat["heat_after"])
    return {
        **{name: measured_mean(values[seen], lesions[seen]) for name, values in heat.items()},
        "heat_change": measured_mean((heat["heat_after"] - heat["heat_before"])[seen], lesions[seen]),
        "warned": measured_mean(np.array(warned), lesions),
        "without_mask": measured_mean(np.array(kept["lesion_area"]) == 0, lesions),
    }


def render(numbers: dict[str, Any]) -> str:
    """The section on artefacts."""
    variants, controls = numbers["variants"], numbers["controls"]
    lines = [
        "## Hair, rulers, ink, bubbles, dark corners\n",
        f"Our own drawings of these, painted onto {numbers['images']} out-of-fold images (about "
        f"equally many of each diagnosis, one a lesion, {numbers['malignant']} of them malignant), 1 "
        "view, each read by members that had not seen it: all shipped members together, and 8 "
        "views, were not measured. A flip is another first diagnosis than the same image gave "
        "unpainted. The two harmless changes (mirrored; saved as JPEG of quality "
        f"{numbers['jpeg_quality']}) show how often an answer flips anyway. Painted artefacts are "
        "plausible to the eye, not real; some of these photographs have real hair, ink or bubbles "
        "already.\n",
        "| change | flips, calibrated | flips, prior-adjusted | suspicious to not | not to suspicious "
        "| mean change of the malignant probability |",
        "|---|---|---|---|---|---|",
    ]
    for name in (*controls, *(name for name in variants if name not in controls)):
        own = variants[name]
        columns = (
            "flips_calibrated",
            "flips_prior_adjusted",
            "malignant_to_benign",
            "benign_to_malignant",
        )
        cells = " | ".join(_percent(own[column]) for column in columns)
        change = _points(own["malignant_change"])
        lines.append(f"| {name}{' (control)' if name in controls else ''} | {cells} | {change} |")
    lines += [
        f"\nSuspicious means a malignant probability of {numbers['threshold']:.3f} or more, which "
        f"called {numbers['sensitivity_percent']} % of the malignant out-of-fold images (1 view); the "
        "shares are of the images that were on the other side before. Brackets: 95 % intervals over "
        "lesions.\n",
        "| artefact | share of the area | share of the heat before | after | rise in points "
        "| page warns of heat off the lesion | no lesion mask |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, own in variants.items():
        if name not in controls:
            cells = " | ".join(_percent(own[part]) for part in ("area", "heat_before", "heat_after"))
            lines.append(
                f"| {name} | {cells} | {_points(own['heat_change'])} | {_percent(own['warned'])} "
                f"| {_percent(own['without_mask'])} |"
            )
    lines.append("\n" + _in_words(variants, controls))
    return "\n".join(lines) + "\n"


def _in_words(variants: dict[str, Any], controls: list[str]) -> str:
    """Which artefacts lie beyond both harmless changes, by intervals that do not overlap."""
    told = []
    for part, words in (
        ("flips_calibrated", "flip the first diagnosis (calibrated)"),
        ("malignant_to_benign", "turn suspicious images into not suspicious ones"),
        ("warned", "make the page warn of heat off the lesion"),
    ):
        intervals = {name: own[part]["interval_95"] for name, own in variants.items()}
        usual = max((intervals[name] or (0.0, 1.0))[1] for name in controls)
        beyond = [
            name
            for name, interval in intervals.items()
            if name not in controls and interval is not None and interval[0] > usual
        ]
        told.append(f"- {', '.join(beyond) or 'none'}: {words}.")
    harmless = " and ".join(f"{variants[name]['warned']['value']:.1%}" for name in controls)
    return (
        "More often than both harmless changes, by intervals that do not overlap (the page warns of "
        f"{harmless} of those):\n\n" + "\n".join(told)
    )


def _percent(measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return "-"
    low, high = measured["interval_95"]
    return f"{measured['value']:.1%} ({low:.1%}-{high:.1%})"


def _points(measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return "-"
    low, high = measured["interval_95"]
    return f"{100 * measured['value']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
