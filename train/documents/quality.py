"""The section of docs/trust.md on photo quality, written from its numbers."""

from typing import Any

from skin_app.quality import CHECKS
from train.documents.tables import table as markdown

FINDS = {
    "gaussian blur": "blur",
    "motion blur": "blur",
    "low resolution": "blur",
    "under-exposure": "exposure",
    "over-exposure": "exposure",
    "colour cast": "colour cast",
    "dark corners": "dark corners",
    "off centre": "framing",
    "too far away": "framing",
}


def render(numbers: dict[str, Any]) -> str:
    """The section "Photo quality" of docs/trust.md."""
    return "\n\n".join(
        [
            "## Photo quality",
            _how(numbers),
            _limits_table(numbers["limits"]),
            _alarms_table(numbers),
            _detection_text(numbers["detection"]),
            _detection_table(numbers["detection"]["found"]),
            _answers_text(numbers["answers"]),
            _answers_table(numbers["answers"]),
            "HAM10000 was chosen by hand and holds hardly any spoilt photo: what is found there is "
            "mostly unusual rather than faulty (the least sharp are smooth lesions on smooth skin; "
            "a lesion cut off or off centre is often a mistake of the mask at a dark rim).",
            "Not known: whether these findings hold for photos of other dermatoscopes and for dark "
            "skin (HAM10000 has hardly any, so the limit on the skin's lightness also finds dark skin "
            "under good light); how real blur, real shade and real bad framing compare with these "
            "imitations. No finding is made for JPEG blocks or for uneven light.",
        ]
    )


def _how(numbers: dict[str, Any]) -> str:
    return (
        f"Every limit is a quantile over {numbers['images']:,} HAM10000 images "
        f"({numbers['lesions']:,} lesions), set so that "
        f"{100 * numbers['limits']['false_alarm_rate']:g} % of them are beyond it; no network takes "
        "part. The size is the exception: all images have one size here, and its limit is the side "
        "that the networks see. A kind with several limits finds more than one limit does. Framing is "
        f"not judged where no lesion stands out ({100 * numbers['without_lesion']:.1f} % of images)."
    )


def _limits_table(limits: dict[str, Any]) -> str:
    rows = [
        [check.name, check.measurement, check.side, f"{limits[check.side][check.measurement]:.3g}"]
        for check in CHECKS
    ]
    return markdown(["finding", "measurement", "side", "limit"], rows)


def _alarms_table(numbers: dict[str, Any]) -> str:
    rows = []
    for kind, found in numbers["false_alarms"].items():
        low, high = found["interval_95"]
        of_kind = [check for check in CHECKS if check.name == kind and kind != "size"]
        aimed = f"{100 * numbers['limits']['false_alarm_rate'] * len(of_kind):g}" if of_kind else ""
        rows.append([kind, aimed, f"{100 * found['value']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"])
    return (
        "False alarms in per cent of images, by limits that were fitted on other lesions (five parts), "
        "with 95 % intervals over lesions; aimed: the rate times the number of limits of that kind.\n\n"
    ) + markdown(["finding", "aimed at most", "measured"], rows)


def _detection_text(found: dict[str, Any]) -> str:
    return (
        f"Found on damage: {found['images']} out-of-fold images, about equally many of each diagnosis "
        f"and one a lesion (of {found['sampled']}, those without any finding before), each damaged in "
        "five grades (`train/data/damage.py`); the limits were fitted on other lesions. Per cent of "
        "images with the finding that fits the damage, and in brackets with any finding."
    )


def _detection_table(found: dict[str, Any]) -> str:
    rows = []
    for damage, by_grade in found.items():
        kind = FINDS.get(damage)
        cells = [
            (f"{100 * shares[kind]:.0f} " if kind else "") + f"({100 * shares['any']:.0f})"
            for shares in by_grade.values()
        ]
        rows.append([damage, kind or "none", *cells])
    return markdown(["damage", "finding", *_grades(found)], rows)


def _answers_text(answered: dict[str, Any]) -> str:
    low, high = answered["undamaged"]["interval_95"]
    return (
        "What the damage does: balanced accuracy (prior-adjusted, 1 view, each image by members "
        f"that had not seen its lesion) of {answered['images']} images is "
        f"{answered['undamaged']['value']:.3f} [{low:.3f}, {high:.3f}] undamaged; below, its paired "
        "change in points, with 95 % intervals over lesions. In bold: the interval leaves out zero."
    )


def _answers_table(answered: dict[str, Any]) -> str:
    rows = []
    for damage, by_grade in answered["change"].items():
        cells = []
        for change in by_grade.values():
            low, high = (100 * bound for bound in change["interval_95"])
            value = f"{100 * change['value']:+.1f}"
            bold = value if low <= 0 <= high else f"**{value}**"
            cells.append(f"{bold} [{low:+.1f}, {high:+.1f}]")
        rows.append([damage, *cells])
    return markdown(["damage", *_grades(answered["change"])], rows)


def _grades(by_damage: dict[str, dict[str, Any]]) -> list[str]:
    return [f"grade {grade}" for grade in next(iter(by_damage.values()))]
