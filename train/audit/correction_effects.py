"""How each photo correction changes the answers, on undamaged and on damaged images."""

from dataclasses import dataclass

from skin_app.corrections import CORRECTIONS
from skin_app.photo.read import Photo
from train.audit.changed_photos import UNCHANGED, Change, ChangedPhotos, read_changed
from train.audit.out_of_fold import OutOfFold, random_lesions
from train.data.damage import damage_photo
from train.scores.intervals import Estimate

UNDAMAGED, DAMAGED = 400, 200  # images: in each of two undamaged samples, and in the damaged sample
GRADES = (2, 4)
MADE_FOR = {
    "gamma": "under-exposure",
    "illumination": "uneven illumination",
    "colour constancy": "colour cast",
    "field of view": "dark corners",
}


@dataclass(frozen=True)
class Repair:
    """Balanced accuracy of damaged photos, of the same photos corrected, and the paired difference."""

    damage: str
    damaged: float | None
    corrected: float | None
    difference: Estimate


@dataclass(frozen=True)
class CorrectionEffects:
    """`images`: of each sample; `before`: scores without correction or damage.

    `undamaged`: correction -> score -> corrected minus uncorrected. `damaged`: by correction and grade
    of the damage that it addresses; `undamaged_of_damaged`: balanced accuracy of this sample before the
    damage. Balanced accuracy uses prior-adjusted probabilities, accuracy calibrated ones.
    """

    images: dict[str, int]
    before: dict[str, float | None]
    undamaged: dict[str, dict[str, Estimate]]
    damaged: dict[str, dict[str, Repair]]
    undamaged_of_damaged: float | None


def measure(unseen: OutOfFold, images: int = UNDAMAGED, harmed: int = DAMAGED) -> CorrectionEffects:
    """`images`: size of each of the two undamaged samples; `harmed`: size of the damaged sample."""
    corrections = {name: _after(name) for name in CORRECTIONS}
    harms = {
        f"{name} {grade}{after}": _after(name if after else None, MADE_FOR[name], grade)
        for name in CORRECTIONS
        for grade in GRADES
        for after in ("", " corrected")
    }
    random = random_lesions(unseen.lesions, images, seed=0)
    balanced = read_changed(unseen, "corrections-balanced", unseen.sample(images), corrections)
    natural = read_changed(unseen, "corrections-natural", random, corrections)
    spoilt = read_changed(unseen, "corrections-damaged", unseen.sample(harmed, seed=1), harms)
    return CorrectionEffects(
        images={
            "balanced": len(balanced.rows),
            "natural": len(natural.rows),
            "damaged": len(spoilt.rows),
        },
        before={
            "balanced_accuracy": balanced.balanced_accuracy().value,
            "accuracy": float(natural.right(UNCHANGED, "calibrated").mean()),
        },
        undamaged={
            name: {
                "balanced_accuracy": balanced.balanced_gain(name),
                "accuracy": natural.accuracy_gain(name),
            }
            for name in CORRECTIONS
        },
        damaged={
            name: {str(grade): _repair(spoilt, name, grade) for grade in GRADES} for name in CORRECTIONS
        },
        undamaged_of_damaged=spoilt.balanced_accuracy().value,
    )


def _repair(sample: ChangedPhotos, name: str, grade: int) -> Repair:
    broken, mended = f"{name} {grade}", f"{name} {grade} corrected"
    return Repair(
        damage=MADE_FOR[name],
        damaged=sample.balanced_accuracy(broken).value,
        corrected=sample.balanced_accuracy(mended).value,
        difference=sample.balanced_gain(mended, before=broken),
    )


def _after(correction: str | None, damage: str | None = None, grade: int = 0) -> Change:
    """First the damage, then the correction, where they are named."""

    def change(photo: Photo, row: int) -> Photo:
        harmed = damage_photo(photo, damage, grade, row) if damage else photo
        return CORRECTIONS[correction](harmed) if correction else harmed

    return change
