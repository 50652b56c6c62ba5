"""What a photo's file does to its answer: colour profiles, used or ignored; damage, found or not."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from skin_app.decision import malignant_probability, prediction_set
from skin_app.diagnoses import MALIGNANT
from skin_app.outcome import COVERAGE, GROUNDS, SENSITIVITY, grounds
from skin_app.photo.file_type import HEAD_BYTES, type_of
from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.made_profile import ADOBE_RGB, CODED, made_profile
from skin_app.photo.read import Photo, PhotoError, read_photo
from train.audit import conformal
from train.audit.artefacts import operating_threshold
from train.audit.bench import Bench, measured_mean
from train.data.file_damage import FILE_DAMAGE, spoilt
from train.data.ham10000 import DataError, Dataset
from train.documents.tables import table as markdown

IMAGES, FILES = 200, 1000
CHUNK = 20
QUALITY = 97
PROFILES = {"Display P3": made_profile(CODED[12], None), "Adobe RGB": ADOBE_RGB}
PLAIN_JPEG = "sRGB, JPEG (control)"
CHANGED = 16  # levels by which a pixel must differ to count as changed


def measure(bench: Bench, data: Dataset, images: int = IMAGES, files: int = FILES) -> dict[str, Any]:
    """`of_profiles` of about `images` out-of-fold images, `of_damage` of `files` files of `data`."""
    return {
        "profiles": of_profiles(bench, bench.sample(images)),
        "damage": of_damage(data, files),
    }


def of_profiles(bench: Bench, rows: np.ndarray) -> dict[str, Any]:
    """How answers change when the same colours are stored otherwise, by way of storing.

    One view, by the members that had not seen the image. The outcome is that of the limits fitted on
    all out-of-fold images, before novelty and disagreement are asked.
    """
    positive = np.array(MALIGNANT)[bench.labels]
    every = bench.calibrated(bench.logits[1], 1)
    threshold = operating_threshold(positive, malignant_probability(every), round(100 * SENSITIVITY))
    sets = conformal.fit_sets(every, bench.labels, COVERAGE)
    read = bench.kept(f"file-profiles-{len(rows)}", lambda: _read(bench, rows))
    answers = {way: bench.calibrated(np.array(logits), 1) for way, logits in read.items()}
    outcomes = {
        way: _outcomes(own, prediction_set(own, sets), threshold) for way, own in answers.items()
    }
    before = answers.pop("as it came")
    plain = outcomes.pop("as it came")
    caught = positive[rows] & (plain == "suspicious")
    lesions = bench.lesions[rows]
    return {
        "images": len(rows),
        "malignant": int(positive[rows].sum()),
        "suspicious_malignant": int(caught.sum()),
        "threshold": threshold,
        "quality": QUALITY,
        "ways": {
            way: {
                "outcomes": measured_mean(outcomes[way] != plain, lesions),
                "first": measured_mean(own.argmax(1) != before.argmax(1), lesions),
                "largest_change": float(np.abs(own - before).max()),
                "no_longer_suspicious": int((caught & (outcomes[way] != "suspicious")).sum()),
            }
            for way, own in answers.items()
        },
    }


def _outcomes(probabilities: np.ndarray, sets: np.ndarray, threshold: float) -> np.ndarray:
    no = np.zeros(len(probabilities), dtype=bool)
    found = grounds(malignant_probability(probabilities), sets, threshold, disagree=no, novel=no)
    return np.array([outcome for outcome, _ in GROUNDS])[found]


def _read(bench: Bench, rows: np.ndarray) -> dict[str, Any]:
    """Logits (images, 7) by way of storing, and of the images as they came."""
    found: dict[str, Any] = {}
    for way, store in {"as it came": None, **ways()}.items():
        found[way] = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            photos = [bench.photo(int(row)) for row in chunk]
            if store is not None:
                photos = [read_photo(store(photo)) for photo in photos]
            found[way] += bench.read_logits(chunk, photos).tolist()
    return found


def ways() -> dict[str, Callable[[Photo], bytes]]:
    """A photo as a file: in another colour space, with its profile or without, as PNG or JPEG."""
    found: dict[str, Callable[[Photo], bytes]] = {}
    for name, profile in PROFILES.items():
        for kind in ("PNG", "JPEG"):
            for used, said in ((profile, "used"), (None, "ignored")):
                found[f"{name}, {kind}, profile {said}"] = (
                    lambda photo, kind=kind, own=profile, used=used: _stored(
                        _converted(photo, own), kind, used
                    )
                )
    found[PLAIN_JPEG] = lambda photo: _stored(Image.fromarray(photo.pixels), "JPEG", None)
    return found


def _converted(photo: Photo, profile: bytes) -> Image.Image:
    """The same colours in the space of `profile`."""
    changed = ImageCms.profileToProfile(
        Image.fromarray(photo.pixels),
        ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert changed is not None  # None is of changes in place
    return changed


def _stored(image: Image.Image, kind: str, profile: bytes | None) -> bytes:
    file = io.BytesIO()
    options = {"quality": QUALITY, "subsampling": 0} if kind == "JPEG" else {"compress_level": 1}
    image.save(file, kind, icc_profile=profile, **options)
    return file.getvalue()


def of_damage(data: Dataset, files: int) -> dict[str, Any]:
    """False alarms on sound JPEGs of `data`, and the share of spoilt ones found or refused, by damage.

    "changed": of what is not noticed, the mean share of pixels that differ by `CHANGED` levels or more.
    """
    table = data.table.loc[data.table["path"].map(_is_jpeg).to_numpy(bool)]
    if table.empty:
        raise DataError("There is no JPEG among the images: damage to files cannot be measured.")
    chosen = np.random.default_rng(0).permutation(len(table))[:files]
    sound = [Path(str(path)).read_bytes() for path in table["path"].iloc[chosen]]
    lesions = table["group"].iloc[chosen].to_numpy(str)
    found = {}
    for damage in FILE_DAMAGE:
        spoils = [
            spoilt(file, sound[place - 1], damage, seed=place) for place, file in enumerate(sound)
        ]
        told = [
            _missed(file, spoil) for file, spoil in zip(sound, spoils, strict=True) if spoil is not None
        ]
        kept = np.array([spoil is not None for spoil in spoils])
        noticed = np.array([share is None for share in told])
        missed = [share for share in told if share is not None]
        found[damage] = {
            "noticed": measured_mean(noticed, lesions[kept]),
            "changed": float(np.mean(missed)) if missed else None,
        }
    alarms = np.array([is_damaged(file) for file in sound])
    return {
        "files": len(sound),
        "lesions": len(np.unique(lesions)),
        "false_alarms": measured_mean(alarms, lesions),
        "damage": found,
    }


def _is_jpeg(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return type_of(file.read(HEAD_BYTES)) == "JPEG"


def _missed(sound: bytes, spoil: bytes) -> float | None:
    """None where the damage is found or the file refused, else the share of pixels that it changed."""
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


def render(numbers: dict[str, Any]) -> str:
    """The section of docs/trust.md."""
    return "\n\n".join(
        [
            "## Files: colour profiles and damage",
            _profiles_text(numbers["profiles"]),
            _profiles_table(numbers["profiles"]),
            _damage_text(numbers["damage"]),
            _damage_table(numbers["damage"]["damage"]),
            "This section alone is measured again by\n\n"
            "    python -m train.audit.remeasure --data HAM10000_FOLDER --out docs/trust.md",
        ]
    )


def _profiles_text(numbers: dict[str, Any]) -> str:
    return (
        f"The same colours of {numbers['images']} out-of-fold images (about equally many of each "
        f"diagnosis, one a lesion, {numbers['malignant']} of them malignant) were stored in the colour "
        "spaces of telephones (Display P3) and cameras (Adobe RGB): with their profile, and without "
        f"it, as programs do that drop it. JPEGs have quality {numbers['quality']}. Each was answered "
        "from 1 view by members that had not seen it: all shipped members together, and 8 views, were "
        "not measured. The outcome is that of the 90 % set and the point of 98 % sensitivity (a "
        f"malignant probability of {numbers['threshold']:.3f}), both fitted on all out-of-fold "
        "images, before novelty and disagreement are asked. The last column counts, of the "
        f"{numbers['suspicious_malignant']} malignant images that are called suspicious as they came, "
        "those that no longer are."
    )


def _profiles_table(numbers: dict[str, Any]) -> str:
    header = [
        "stored as",
        "outcome changed",
        "first diagnosis changed",
        "largest change of a probability",
        "malignant, no longer suspicious",
    ]
    rows = [
        [
            way,
            _percent(own["outcomes"]),
            _percent(own["first"]),
            f"{own['largest_change']:.3f}",
            str(own["no_longer_suspicious"]),
        ]
        for way, own in numbers["ways"].items()
    ]
    return markdown(header, rows)


def _damage_text(numbers: dict[str, Any]) -> str:
    return (
        f"{numbers['files']:,} JPEGs of HAM10000 ({numbers['lesions']:,} lesions), drawn at random, "
        "were spoilt as copying and storing do it, each at a place of its own. Found: the program says "
        "that the photo is damaged and never calls it not suspicious, or it refuses the file. False "
        f"alarms among the same files before that: {_percent(numbers['false_alarms'])}. Damage that "
        "leaves a valid file of the right length cannot be found; of single wrong bytes that is most. "
        f"The last column says how much of the picture it changes by {CHANGED} of 255 levels or more, "
        "on average over the files in which it was not found. All these shares are of JPEGs. In HEIC "
        "and AVIF only stretches of zeros among the coded pixels are looked for, in WebP only whole "
        "disk sectors (512 bytes) of zeros: other damage in these files is not found, unless they "
        "cannot be decoded at all."
    )


def _damage_table(found: dict[str, Any]) -> str:
    rows = [
        [
            damage,
            str(own["noticed"]["images"]),
            _percent(own["noticed"]),
            "" if own["changed"] is None else f"{own['changed']:.1%}",
        ]
        for damage, own in found.items()
    ]
    return markdown(["damage", "files", "found", "pixels changed where not"], rows)


def _percent(measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return "-"
    low, high = measured["interval_95"]
    return f"{measured['value']:.1%} ({low:.1%}-{high:.1%})"
