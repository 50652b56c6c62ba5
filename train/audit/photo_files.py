"""How a photo's file affects its answer: colour profiles, used or ignored; damage, found or missed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.operating_points import prediction_set
from skin_app.outcome import CLEARED_BELOW, COVERAGE, GROUNDS, SUSPICIOUS_FROM, grounds
from skin_app.photo.colour_profile import ADOBE_RGB, CODED, made_profile
from skin_app.photo.file_type import HEAD_BYTES, type_of
from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.read import Photo, PhotoError, read_photo
from train.audit.changed_photos import UNCHANGED, Change, read_changed
from train.audit.conformal_sets import fit_sets
from train.audit.fitted_operating_points import empirical_threshold
from train.audit.out_of_fold import OutOfFold
from train.data.damage import FILE_DAMAGE, damage_file
from train.data.ham10000 import DataError, Dataset
from train.scores.intervals import Estimate, mean_estimate

IMAGES, FILES = 200, 1000
QUALITY = 97  # of the JPEGs
PROFILES = {"Display P3": made_profile(CODED[12], None), "Adobe RGB": ADOBE_RGB}
CHANGED = 16  # levels by which a pixel must differ to count as changed


@dataclass(frozen=True)
class StoredOtherwise:
    """Share of outcomes and of first diagnoses that differ from those of the original file.

    `no_longer_suspicious`: malignant images called suspicious from the original file only.
    """

    outcomes: Estimate
    first: Estimate
    largest_change: float
    no_longer_suspicious: int


@dataclass(frozen=True)
class ProfileEffects:
    """`ways`: effects by way of storing the same colours; `thresholds`: of the rule's two points."""

    images: int
    malignant: int
    suspicious_malignant: int
    thresholds: tuple[float, float]
    quality: int
    ways: dict[str, StoredOtherwise]


@dataclass(frozen=True)
class DamageFound:
    """`false_alarms`: share of the files that are reported as damaged before the damage.

    `noticed`: damage -> share of damaged files that are reported as damaged or refused; `changed`: mean
    share of pixels that differ by at least `CHANGED` levels in the others.
    """

    files: int
    false_alarms: Estimate
    noticed: dict[str, Estimate]
    changed: dict[str, float | None]


def measure(
    unseen: OutOfFold, data: Dataset, images: int = IMAGES, files: int = FILES
) -> dict[str, ProfileEffects | DamageFound]:
    """`of_profiles` of about `images` out-of-fold images, `of_damage` of `files` files of `data`."""
    return {
        "profiles": of_profiles(unseen, unseen.sample(images)),
        "damage": of_damage(data, files),
    }


def of_profiles(unseen: OutOfFold, rows: np.ndarray) -> ProfileEffects:
    """How answers change when the same colours are stored in another way.

    Members that had not seen an image answer from one view. Outcomes use limits fitted on all
    out-of-fold images, and ignore novelty.
    """
    positive = np.array(MALIGNANT)[unseen.labels]
    every = unseen.calibrated(unseen.logits[1], 1)
    suspicious_from, cleared_below = (
        empirical_threshold(positive, malignant_probability(every), round(100 * target))
        for target in (SUSPICIOUS_FROM, CLEARED_BELOW)
    )
    thresholds = suspicious_from, cleared_below
    sets = fit_sets(every, unseen.labels, COVERAGE)
    changes: dict[str, Change] = {
        way: lambda photo, _row, store=store: read_photo(store(photo)) for way, store in ways().items()
    }
    answers = read_changed(unseen, "file-profiles", rows, changes)
    found = {way: unseen.calibrated(logits, 1) for way, logits in answers.logits.items()}
    outcomes = {
        way: _outcomes(own, prediction_set(own, sets), *thresholds) for way, own in found.items()
    }
    before, plain = found.pop(UNCHANGED), outcomes.pop(UNCHANGED)
    caught = positive[rows] & (plain == "suspicious")
    return ProfileEffects(
        images=len(rows),
        malignant=int(positive[rows].sum()),
        suspicious_malignant=int(caught.sum()),
        thresholds=thresholds,
        quality=QUALITY,
        ways={
            way: StoredOtherwise(
                outcomes=unseen.mean(outcomes[way] != plain, rows),
                first=answers.flips(way, "calibrated"),
                largest_change=float(np.abs(own - before).max()),
                no_longer_suspicious=int((caught & (outcomes[way] != "suspicious")).sum()),
            )
            for way, own in found.items()
        },
    )


def _outcomes(
    probabilities: np.ndarray, sets: np.ndarray, suspicious_from: float, cleared_below: float
) -> np.ndarray:
    found = grounds(malignant_probability(probabilities), sets, suspicious_from, cleared_below)
    return np.array([outcome for outcome, _ in GROUNDS])[found]


def ways() -> dict[str, Callable[[Photo], bytes]]:
    """Ways to write a photo: in another colour space, with or without profile, as PNG or JPEG."""
    found: dict[str, Callable[[Photo], bytes]] = {}
    for name, profile in PROFILES.items():
        for file_type in ("PNG", "JPEG"):
            for used, said in ((profile, "used"), (None, "ignored")):
                found[f"{name}, {file_type}, profile {said}"] = (
                    lambda photo, file_type=file_type, own=profile, used=used: _stored(
                        _converted(photo, own), file_type, used
                    )
                )
    found["sRGB, JPEG (control)"] = lambda photo: _stored(Image.fromarray(photo.pixels), "JPEG", None)
    return found


def _converted(photo: Photo, profile: bytes) -> Image.Image:
    """The same colours in the colour space of `profile`."""
    changed = ImageCms.profileToProfile(
        Image.fromarray(photo.pixels),
        ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert changed is not None  # it is None only for changes in place
    return changed


def _stored(image: Image.Image, file_type: str, profile: bytes | None) -> bytes:
    file = io.BytesIO()
    options = {"quality": QUALITY, "subsampling": 0} if file_type == "JPEG" else {"compress_level": 1}
    image.save(file, file_type, icc_profile=profile, **options)
    return file.getvalue()


def of_damage(data: Dataset, files: int) -> DamageFound:
    """False alarms on intact JPEGs of `data`, and the detection of each damage.

    Raises `DataError` if there is no JPEG.
    """
    table = data.table.loc[data.table["path"].map(_is_jpeg).to_numpy(bool)]
    if table.empty:
        raise DataError("There is no JPEG among the images: damage to files cannot be measured.")
    chosen = np.random.default_rng(0).permutation(len(table))[:files]
    sound = [Path(str(path)).read_bytes() for path in table["path"].iloc[chosen]]
    lesions = table["group"].iloc[chosen].to_numpy(str)
    noticed, changed = {}, {}
    for damage in FILE_DAMAGE:
        spoils = [
            damage_file(file, sound[place - 1], damage, place) for place, file in enumerate(sound)
        ]
        possible = np.array([spoil is not None for spoil in spoils])  # others are too short for it
        told = [
            _missed(file, spoil) for file, spoil in zip(sound, spoils, strict=True) if spoil is not None
        ]
        found = np.array([share is None for share in told])
        missed = [share for share in told if share is not None]
        noticed[damage] = mean_estimate(found, lesions[possible])
        changed[damage] = float(np.mean(missed)) if missed else None
    false_alarms = mean_estimate(np.array([is_damaged(file) for file in sound]), lesions)
    return DamageFound(len(sound), false_alarms, noticed, changed)


def _is_jpeg(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return type_of(file.read(HEAD_BYTES)) == "JPEG"


def _missed(sound: bytes, spoil: bytes) -> float | None:
    """None if the damage is found or the file refused, else the share of pixels that it changed."""
    if is_damaged(spoil):
        return None
    try:
        after = read_photo(spoil).pixels.astype(int)
    except PhotoError:
        return None
    before = read_photo(sound).pixels
    if after.shape != before.shape:
        return 1.0
    return float((np.abs(after - before).max(axis=2) >= CHANGED).mean())
