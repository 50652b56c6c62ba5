"""What each correction of a photo does to the answers: on images as they are, and on damaged ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skin_app.corrections import CORRECTIONS, GAMMA, MINKOWSKI
from skin_app.photo.read import Photo
from train.audit.bench import Bench, measured_mean
from train.audit.quality import mean_recall, paired_change
from train.data.damage import damaged
from train.documents.tables import table as markdown

UNDAMAGED, DAMAGED = 400, 200  # images: of each of two samples, and of one
GRADES = (2, 4)
MADE_FOR = {
    "gamma": "under-exposure",
    "illumination": "uneven illumination",
    "colour constancy": "colour cast",
    "field of view": "dark corners",
}
SCORES = ("balanced_accuracy", "accuracy")
Change = Callable[[Photo, int], Photo]


def measure(bench: Bench, images: int = UNDAMAGED, harmed: int = DAMAGED) -> dict[str, Any]:
    """Paired differences by correction, with intervals and verdicts; kept in the bench's folder.

    `images`: of each of the two samples that are answered as they are; `harmed`: that are damaged.
    """
    return bench.kept(f"corrections-{images}-{harmed}", lambda: _measured(bench, images, harmed))


def _measured(bench: Bench, images: int, harmed: int) -> dict[str, Any]:
    balanced, natural = bench.sample(images), random_lesions(bench, images)
    few = bench.sample(harmed, seed=1)
    whole = _right(bench, few, answered(bench, few, _as_it_is))
    return {
        "images": {"balanced": len(balanced), "natural": len(natural), "damaged": len(few)},
        "undamaged": undamaged(bench, balanced, natural),
        "damaged": {
            name: {str(grade): on_damage(bench, few, name, grade) for grade in GRADES}
            for name in CORRECTIONS
        },
        "undamaged_of_damaged": _value(bench, few, whole["prior_adjusted"]),
    }


def random_lesions(bench: Bench, count: int, seed: int = 0) -> np.ndarray:
    """One image of each of `count` random lesions: the diagnoses in HAM10000's own mix."""
    order = np.random.default_rng(seed).permutation(len(bench.table))
    _, first = np.unique(bench.lesions[order], return_index=True)
    chosen = np.random.default_rng(seed + 1).permutation(order[first])
    return np.sort(chosen[:count])


def answered(bench: Bench, rows: np.ndarray, change: Change) -> np.ndarray:
    """Logits (rows, 7) of one view of each changed photo, by members that had not seen it."""
    pieces = []
    for start in range(0, len(rows), 50):  # so that few photos are held at a time
        some = rows[start : start + 50]
        photos = [change(bench.photo(row), int(row)) for row in some]
        pieces.append(bench.read_logits(some, photos))
    return np.concatenate(pieces)


def undamaged(bench: Bench, balanced: np.ndarray, natural: np.ndarray) -> dict[str, Any]:
    """Corrected minus not: balanced accuracy on the `balanced` rows, accuracy on the `natural` ones."""
    before = [_right(bench, of, answered(bench, of, _as_it_is)) for of in (balanced, natural)]
    report: dict[str, Any] = {
        "before": {
            "balanced_accuracy": _value(bench, balanced, before[0]["prior_adjusted"]),
            "accuracy": float(before[1]["calibrated"].mean()),
        }
    }
    for name in CORRECTIONS:
        after = [_right(bench, of, answered(bench, of, _corrected(name))) for of in (balanced, natural)]
        gain = after[1]["calibrated"] - before[1]["calibrated"]
        report[name] = {
            "balanced_accuracy": _difference(
                bench, balanced, after[0]["prior_adjusted"], before[0]["prior_adjusted"]
            ),
            "accuracy": _with_verdict(measured_mean(gain, bench.lesions[natural])),
        }
    return report


def on_damage(bench: Bench, rows: np.ndarray, name: str, grade: int) -> dict[str, Any]:
    """Balanced accuracy of damaged and of damaged and corrected photos, and the paired difference."""

    def harm(photo: Photo, row: int) -> Photo:
        return damaged(photo, MADE_FOR[name], grade, row)

    def repair(photo: Photo, row: int) -> Photo:
        return CORRECTIONS[name](harm(photo, row))

    harmed, repaired = (
        _right(bench, rows, answered(bench, rows, change))["prior_adjusted"]
        for change in (harm, repair)
    )
    return {
        "damaged": _value(bench, rows, harmed),
        "corrected": _value(bench, rows, repaired),
        "difference": _difference(bench, rows, repaired, harmed),
    }


def _as_it_is(photo: Photo, _: int) -> Photo:
    return photo


def _corrected(name: str) -> Change:
    return lambda photo, _: CORRECTIONS[name](photo)


def _right(bench: Bench, rows: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
    """By decision rule, (rows,) 1.0 where the answer is right."""
    calibrated = bench.calibrated(logits, 1)
    rules = {"calibrated": calibrated, "prior_adjusted": bench.prior_adjusted(calibrated)}
    labels = bench.labels[rows]
    return {rule: 1.0 * (found.argmax(axis=1) == labels) for rule, found in rules.items()}


def _value(bench: Bench, rows: np.ndarray, correct: np.ndarray) -> float:
    """Balanced accuracy."""
    return float(mean_recall(correct, bench.labels[rows], np.ones((1, len(rows))))[0])


def _difference(
    bench: Bench, rows: np.ndarray, after: np.ndarray, before: np.ndarray
) -> dict[str, Any]:
    return _with_verdict(paired_change(after, before, bench.labels[rows], bench.lesions[rows]))


def _with_verdict(change: dict[str, Any]) -> dict[str, Any]:
    """`change` with "better", "worse", or "none" when its interval spans zero."""
    low, high = change["interval_95"]
    verdict = "none" if low <= 0 <= high else "better" if low > 0 else "worse"
    return {**change, "verdict": verdict}


def render(numbers: dict[str, Any]) -> str:
    """The section "Photo corrections" of docs/trust.md."""
    images = numbers["images"]
    return "\n\n".join(
        [
            "## Photo corrections",
            f"Four corrections are offered and none is applied unasked: gamma {GAMMA}, illumination "
            "(a quadratic surface through the brightness of the skin, divided out), colour constancy "
            f"(shades of gray, p = {MINKOWSKI}), and the crop to the field of view. The networks were "
            "trained on uncorrected images. Each image is answered once (1 view) by members "
            "that had not seen its lesion; nothing is fitted here. Differences are corrected minus "
            "uncorrected on the same images, in points, with 95 % intervals over lesions.",
            f"On images as they are: balanced accuracy (prior-adjusted) on {images['balanced']} "
            "images, about equally many of each diagnosis; accuracy (calibrated) on "
            f"{images['natural']} images of random lesions, in HAM10000's own mix.",
            _undamaged_table(numbers["undamaged"]),
            f"On {images['damaged']} images (about equally many of each diagnosis) that were damaged "
            "on purpose (`train/data/damage.py`, grade 1 is hardly seen and 5 useless): balanced "
            f"accuracy is {_points(numbers['undamaged_of_damaged'])} before the damage.",
            _damaged_table(numbers["damaged"]),
            _summary(numbers),
            "Not known: what the corrections do on real photos of other cameras, and what a network "
            "does that was trained on corrected images.",
        ]
    )


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _cell(difference: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in difference["interval_95"])
    verdict = difference["verdict"]
    shown = verdict if verdict == "none" else f"**{verdict}**"
    return f"{shown} {100 * difference['value']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _undamaged_table(report: dict[str, Any]) -> str:
    before = report["before"]
    rows = [["as it is", _points(before["balanced_accuracy"]), _points(before["accuracy"])]]
    rows += [[name, *(_cell(report[name][score]) for score in SCORES)] for name in CORRECTIONS]
    return markdown(["correction", "balanced accuracy", "accuracy"], rows)


def _damaged_table(report: dict[str, Any]) -> str:
    rows = []
    for name, by_grade in report.items():
        for grade, found in by_grade.items():
            values = [_points(found[side]) for side in ("damaged", "corrected")]
            rows.append([MADE_FOR[name], grade, name, *values, _cell(found["difference"])])
    return markdown(["damage", "grade", "correction", "damaged", "corrected", "difference"], rows)


def _summary(numbers: dict[str, Any]) -> str:
    """Where each verdict was reached, in words."""
    reached: dict[str, list[str]] = {"better": [], "worse": []}
    for name in CORRECTIONS:
        for score in SCORES:
            verdict = numbers["undamaged"][name][score]["verdict"]
            place = f"{name} on images as they are ({score.replace('_', ' ')})"
            reached.get(verdict, []).append(place)
        for grade, found in numbers["damaged"][name].items():
            verdict = found["difference"]["verdict"]
            reached.get(verdict, []).append(f"{name} on {MADE_FOR[name]} of grade {grade}")
    helps, hurts = (_listed(reached[verdict]) for verdict in ("better", "worse"))
    return f"Where they help: {helps}. Where they hurt: {hurts}. Elsewhere no difference was shown."


def _listed(places: Sequence[str]) -> str:
    return "; ".join(places) if places else "nowhere that these images could show"
