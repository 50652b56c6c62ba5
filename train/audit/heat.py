"""How much of the heat lies on the lesion, and when that is so little that the page warns."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from skin_app.lesion import HeatLimit, heat_on_lesion, lesion_mask, standard_square
from skin_app.photo.read import Photo
from train.audit.bench import Bench, in_percent, measured_mean, random_lesions

IMAGES, CHUNK = 1000, 16
FALSE_ALARMS = 0.05
NEARLY_EVEN = 1.25  # times the share that an even map would have on the lesion


def one_image_a_lesion(bench: Bench, count: int, seed: int = 0) -> np.ndarray:
    """`count` random rows of different lesions; those with several images are more often among them."""
    return random_lesions(bench.lesions, count, seed)


def first_maps(bench: Bench, rows: np.ndarray, photos: list[Photo]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 7) and the positive map (n, rows, columns) of each photo's own first diagnosis."""
    logits = bench.read_logits(rows, photos)
    return logits, bench.explain(rows, photos, bench.calibrated(logits, 1))


def shares_on_lesion(maps: np.ndarray, photos: list[Photo]) -> list[tuple[float | None, float]]:
    """For each photo the share of its map on the lesion (None without mask or heat), and the mask's
    share of the square."""
    found: list[tuple[float | None, float]] = []
    for own, photo in zip(maps, photos, strict=True):
        mask = lesion_mask(standard_square(photo))
        share = heat_on_lesion(own, mask) if mask.any() else float("nan")
        found.append((None if np.isnan(share) else share, float(mask.mean())))
    return found


def read_heat(bench: Bench) -> dict[str, Any]:
    """rows, logits, share and area of `IMAGES` out-of-fold images; kept, as it takes minutes."""
    return bench.kept("heat-on-lesion", lambda: _read_heat(bench, one_image_a_lesion(bench, IMAGES)))


def _read_heat(bench: Bench, rows: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": rows.tolist(), "logits": [], "share": [], "area": []}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        photos = [bench.photo(row) for row in chunk]
        logits, maps = first_maps(bench, chunk, photos)
        found["logits"] += logits.tolist()
        for share, area in shares_on_lesion(maps, photos):
            found["share"].append(share)
            found["area"].append(area)
    return found


def fit_heat_limit(bench: Bench) -> HeatLimit:
    """The concentration of heat that only `FALSE_ALARMS` of out-of-fold images are below."""
    share, area, _ = _with_mask(read_heat(bench))
    return HeatLimit(
        least_concentration=_limit(share / area),
        false_alarm_rate=FALSE_ALARMS,
        fitted_on=f"{len(share)} out-of-fold HAM10000 images with a lesion mask, one a lesion, 1 "
        f"view, each by {bench.answered_by}",
    )


def _with_mask(heat: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares and areas of the images that have both a mask and heat, and (images,) which these are."""
    known = np.array([share is not None for share in heat["share"]])
    share = np.array([share for share in heat["share"] if share is not None])
    return share, np.array(heat["area"])[known], known


def _limit(concentrations: np.ndarray) -> float:
    return float(np.quantile(concentrations, FALSE_ALARMS))


def measure(bench: Bench) -> dict[str, Any]:
    """Heat on the lesion, the limit's false alarms on other lesions, and errors below it."""
    heat = read_heat(bench)
    share, area, known = _with_mask(heat)
    concentration = share / area
    rows = np.array(heat["rows"])[known]
    lesions, labels, parts = bench.lesions[rows], bench.labels[rows], bench.parts[rows]
    probabilities = bench.calibrated(np.array(heat["logits"])[known], 1)
    below = np.zeros(len(rows), dtype=bool)
    for part in np.unique(parts):
        others = parts != part
        below[~others] = concentration[~others] < _limit(concentration[others])
    rules = {"calibrated": probabilities, "prior_adjusted": bench.prior_adjusted(probabilities)}
    small = area <= np.median(area)
    return {
        "images": len(heat["rows"]),
        "without_mask": int((~known).sum()),
        "limit": fit_heat_limit(bench).model_dump(),
        "quantiles": {str(q): float(np.quantile(concentration, q)) for q in (0.05, 0.5, 0.95)},
        "share": measured_mean(share, lesions),
        "area": measured_mean(area, lesions),
        "share_follows_area": float(np.corrcoef(rankdata(share), rankdata(area))[0, 1]),
        "above_even": measured_mean(concentration > 1, lesions),
        "false_alarms_nested": measured_mean(below, lesions),
        "false_alarms_small_lesions": measured_mean(below[small], lesions[small]),
        "false_alarms_large_lesions": measured_mean(below[~small], lesions[~small]),
        "wrong": {
            rule: {
                "below": measured_mean(wrong[below], lesions[below]),
                "above": measured_mean(wrong[~below], lesions[~below]),
            }
            for rule, wrong in ((name, p.argmax(axis=1) != labels) for name, p in rules.items())
        },
    }


def render(numbers: dict[str, Any]) -> str:
    """The section on heat and lesion."""
    limit, wrong, spread = numbers["limit"], numbers["wrong"], numbers["quantiles"]
    lines = [
        "## Heat on the lesion, and the warning when it is elsewhere\n",
        f"Measured on {numbers['images']:,} out-of-fold images, one a lesion (lesions with "
        "several images more often among them), 1 view, the positive map of the first diagnosis, each "
        "answered by members that had not seen it: the page's map, averaged over all members, "
        "is not what was "
        f"measured. In {numbers['without_mask']} no lesion mask was found: there the page says so "
        "instead of warning.\n",
        f"- On average {in_percent(numbers['share'])} of the heat lies on a mask that covers "
        f"{in_percent(numbers['area'])} of the square. An even map would give the mask's own share: "
        f"{_against_even(numbers['share']['value'] / numbers['area']['value'])}; the share follows the "
        f"lesion's size (rank correlation {numbers['share_follows_area']:.2f}).",
        "- So the warning goes by the concentration, share of heat divided by share of area: 1 for "
        f"an even map, {spread['0.5']:.2f} at the median, {spread['0.05']:.2f} to "
        f"{spread['0.95']:.2f} for nine in ten; above 1 in {in_percent(numbers['above_even'])}.",
        f"- The page warns below {limit['least_concentration']:.2f}, the lowest "
        f"{limit['false_alarm_rate']:.0%} of these images. With the limit fitted on other lesions it "
        f"warns in {in_percent(numbers['false_alarms_nested'])}: "
        f"{in_percent(numbers['false_alarms_small_lesions'])} of the smaller half of the masks, "
        f"{in_percent(numbers['false_alarms_large_lesions'])} of the larger.\n",
        "| decision rule | wrong below the limit | wrong above it |",
        "|---|---|---|",
    ]
    for rule, own in wrong.items():
        lines.append(
            f"| {rule.replace('_', '-')} | {in_percent(own['below'])} of {own['below']['images']} "
            f"| {in_percent(own['above'])} of {own['above']['images']} |"
        )
    lines.append("\n" + _meaning(wrong))
    return "\n".join(lines) + "\n"


def _meaning(wrong: dict[str, Any]) -> str:
    """In words what the two intervals of each rule allow to say."""
    told = [rule.replace("_", "-") for rule, own in wrong.items() if _apart(own)]
    if not told:
        return (
            "The intervals overlap: these images do not show that answers below the limit are wrong "
            "more often. The warning says where the heat lies, and no more."
        )
    return (
        "Answers below the limit are wrong more often, by intervals that do not overlap, under the "
        f"{' and the '.join(told)} rule. Concentration was preferred to the plain share after both "
        "had been seen on these images, which flatters it a little."
    )


def _apart(own: dict[str, Any]) -> bool:
    below, above = own["below"]["interval_95"], own["above"]["interval_95"]
    return below is not None and above is not None and below[0] > above[1]


def _against_even(ratio: float) -> str:
    """`ratio`: share of heat on the lesion over the lesion's share of the square."""
    if 1 / NEARLY_EVEN < ratio < NEARLY_EVEN:
        return "**these maps are nearly even**"
    return f"these maps hold {ratio:.2f} times that"
