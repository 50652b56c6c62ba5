"""What is fuzzed: each target's sound inputs, how they are changed, and the function that gets them.

A target's `run` returns whether the input was accepted, and False where it was refused by a documented
error. Every other exception leaves it, and counts as a finding.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson

from benchmarks.reliability.fuzz_seeds import exif_seeds, other_seeds, photo_seeds, profile_seeds
from benchmarks.reliability.json_mutations import mutated_json
from benchmarks.reliability.mutations import mutated
from skin_app.ensemble import Ensemble
from skin_app.page.api import CallError, analysed, scored
from skin_app.photo.colour_profile import ProfileError, ink_to_srgb, to_srgb
from skin_app.photo.formats.exif import profile_of, read_exif, upright
from skin_app.photo.formats.heif_damage import has_zeroed_pixels
from skin_app.photo.formats.jpeg_damage import is_damaged
from skin_app.photo.read import FAULTS, FORMATS, PhotoError, read_photo
from skin_app.report.json_record import record
from skin_app.stated_patients import stated_patient
from skin_app.weights.contract import CONTRACT
from skin_app.weights.evaluation import FILE as EVALUATION
from skin_app.weights.evaluation import read_evaluation
from skin_app.weights.folder import WeightsError, WeightsFolder, read_folder
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.weights.verify import file_hash
from tests.tiny import MOBILENET, SWIN, give_trust, write_weights

DOCUMENTED = (PhotoError, WeightsError, CallError)
MAP, REPORT = "map.csv", "evaluation/external/some.json"
CONFIG, STORED = "member-0/config.json", "member-0/model.safetensors"


@dataclass(frozen=True)
class Target:
    """`name`: as in the table; `seeds`: sound inputs; `guided`: whether coverage chooses the inputs."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    run: Callable[[bytes], bool]
    change: Callable[[bytes, bytes, Random], bytes] = mutated
    guided: bool = False

    def tried(self, data: bytes) -> bool:
        """Whether the input is accepted; what is not documented is raised."""
        try:
            return self.run(data)
        except DOCUMENTED as error:
            str(error).encode()  # a sentence that cannot be written is no help
            return False


def _photo(data: bytes) -> bool:
    return read_photo(data).pixels.ndim == 3


def _damage(data: bytes) -> bool:
    return not (is_damaged(data) if data[:2] == b"\xff\xd8" else has_zeroed_pixels(data))


def _opened(data: bytes) -> bool:
    """Only the headers, by every format's own module: no decoder, but all that is written here."""
    accepted = False
    for name, opened in FORMATS.items():
        try:
            if name not in ("HEIC", "AVIF"):
                opened(data)
                accepted = True
        except (PhotoError, *FAULTS):
            continue
    return accepted


def _exif(data: bytes) -> bool:
    stated = read_exif(data)
    upright(np.zeros((2, 3, 3), np.uint8), stated)
    return profile_of(stated) is not None or len(stated) > 0


def _profile(data: bytes) -> bool:
    accepted = False
    for channels, convert in ((3, to_srgb), (4, ink_to_srgb)):
        try:
            convert(np.full((8, 8, channels), 128, np.uint8), data)
            accepted = True
        except ProfileError:
            continue
    return accepted


@cache
def weights() -> Path:
    """A small weights folder with every part that a folder may hold."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-weights-")) / "weights"
    small = MOBILENET.model_copy(update={"architecture": "test_efficientnet"})
    give_trust(write_weights(folder, (small,)))
    ids = [f"ISIC_{9_000_000 + number}" for number in range(10)]
    (folder / MAP).write_text("image_id,x,y\n" + "".join(f"{name},1.5,-{name[-1]}\n" for name in ids))
    numbers = ",".join(
        f"logit_8views_{code}" for code in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    )
    rows = "".join(f"{name},nv,0.1,0.2,-0.3,4,5e-1,6,7\n" for name in ids)
    (folder / EVALUATION).write_text(f"image_id,dx,{numbers}\n{rows}")
    contract = json.loads((folder / CONTRACT).read_text())
    classes = {code: {"images": 1} for code in contract["codes"]}
    report = {
        **{"name": "PH2", "weights": "x", "views": 8, "images": 9, "lesions": 9, "by_others": False},
        "rules": {key: {"per_class": classes} for key in ("calibrated", "prior_adjusted")},
        "members": {},
    }
    (folder / REPORT).parent.mkdir(parents=True)
    (folder / REPORT).write_text(json.dumps(report))
    for name in (MAP, EVALUATION, REPORT):
        contract["files"][name] = file_hash(folder / name)
    (folder / CONTRACT).write_text(json.dumps(contract))
    return folder


@cache
def _ensemble() -> Ensemble:
    return Ensemble(read_folder(weights(), "fuzz"))


@cache
def _one_photo() -> Any:
    return read_photo(photo_seeds()["JPEG"][0])


def _contract(data: bytes) -> bool:
    """`ensemble.json`: read, verified, and one photo answered by its calibration and limits."""
    return _with_file(CONTRACT, data, _answered)


def _part(names: Sequence[str], use: Callable[[WeightsFolder], object], data: bytes) -> bool:
    """Every one of these files, with hashes that match, so that what reads it is reached."""
    accepted = [_with_file(name, data, use) for name in names]
    return any(accepted)


def _with_file(name: str, data: bytes, use: Callable[[WeightsFolder], object]) -> bool:
    folder = weights()
    contract, path = folder / CONTRACT, folder / name
    before, own = contract.read_bytes(), path.read_bytes()
    try:
        path.write_bytes(data)
        if name != CONTRACT:
            kept = json.loads(before)
            kept["files"][name] = file_hash(path)
            contract.write_text(json.dumps(kept))
        use(read_folder(folder, "fuzz"))
        return True
    except WeightsError as error:
        str(error).encode()
        return False
    finally:
        path.write_bytes(own)
        contract.write_bytes(before)


def _answered(opened: WeightsFolder) -> None:
    member = _ensemble().members[0]  # the networks are not what is changed here
    with patch.object(WeightsFolder, "member", return_value=member):
        ensemble = Ensemble(opened)
    json.dumps(record(ensemble(_one_photo(), 8), datetime.now(timezone.utc)))


def _tables(opened: WeightsFolder) -> None:
    opened.gallery().nearest(np.ones(opened.gallery()._embeddings.shape[1], np.float32))
    opened.cohort()
    opened.lesion_map()
    read_evaluation(opened)
    read_outside_scores(opened.folder, opened.contract)


def _tensors(opened: WeightsFolder) -> None:
    opened.gallery()
    opened.novelty()
    opened.member("member-0")


def _files_of(*names: str) -> list[bytes]:
    return [(weights() / name).read_bytes() for name in names]


@cache
def _uploads() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-uploads-")).resolve()


def _uploaded() -> dict[str, Any]:
    path = _uploads() / "a" / "photo.jpg"
    return {
        "path": str(path), "url": None, "size": 9, "orig_name": "photo.jpg", "mime_type": "image/jpeg",
        "is_stream": False, "meta": {"_type": "gradio.FileData"},
    }  # fmt: skip


def _call(data: bytes) -> bool:
    """One call of the machine API: whatever JSON a client sent, with its upload in place."""
    try:
        sent = json.loads(data)
    except (ValueError, RecursionError):  # never reaches our code
        return False
    upload = _uploads() / "a" / "photo.jpg"
    upload.parent.mkdir(exist_ok=True)
    upload.write_bytes(photo_seeds()["JPEG"][0])
    sent = sent if isinstance(sent, dict) else {"photo": sent}
    if "photos" in sent:
        answer = scored(_ensemble(), _uploads(), sent["photos"], sent.get("ages"), sent.get("sexes"))
    else:
        patient = stated_patient(sent.get("age"), sent.get("sex"))
        answer = analysed(_ensemble(), _uploads(), sent.get("photo"), sent.get("views", 8), patient)
    orjson.dumps(answer)  # as gradio sends it
    return True


def _calls() -> list[bytes]:
    one, file = {"views": 8, "age": "54", "sex": "f"}, _uploaded()
    calls = (
        {"photo": file} | one,
        {"photo": file, "views": 1, "age": 85, "sex": None},
        {"photos": [file], "ages": [54], "sexes": ["male"]},
        {"photos": [file, file], "ages": ["85+", None], "sexes": ["", "f"]},
    )
    return [json.dumps(call).encode() for call in calls]


def clean_up() -> None:
    """Delete what the targets wrote."""
    for made in (weights, _uploads):
        if made.cache_info().currsize:
            folder = made()
            shutil.rmtree(folder.parent if made is weights else folder, ignore_errors=True)
            made.cache_clear()


def _formats() -> Iterable[Target]:
    for name in FORMATS:
        yield Target(name, partial(lambda own: photo_seeds()[own], name), _photo)


def _guided_seeds() -> list[bytes]:
    return [data for name, files in photo_seeds().items() for data in files[:3] if name != "BMP"]


TABLES = ("gallery.csv", MAP, EVALUATION)
TENSORS = (STORED, "gallery.safetensors", "novelty.safetensors")
TARGETS = {
    target.name: target
    for target in (
        *_formats(),
        Target("other types", other_seeds, _photo),
        Target("EXIF", exif_seeds, _exif),
        Target("colour profiles", profile_seeds, _profile),
        Target("headers, guided", _guided_seeds, _opened, guided=True),
        Target("EXIF, guided", exif_seeds, _exif, guided=True),
        Target(
            "damage, guided",
            lambda: photo_seeds()["JPEG"] + photo_seeds()["HEIC"],
            _damage,
            guided=True,
        ),
        Target("ensemble.json", lambda: _files_of(CONTRACT), _contract, mutated_json),
        Target(
            *("member config", lambda: [*_files_of(CONFIG), SWIN.model_dump_json().encode()]),
            partial(_part, (CONFIG,), lambda opened: opened.member("member-0")),
            mutated_json,
        ),
        Target(
            "outside scores",
            lambda: _files_of(REPORT),
            partial(_part, (REPORT,), _tables),
            mutated_json,
        ),
        Target("tables", lambda: _files_of(*TABLES), partial(_part, TABLES, _tables)),
        Target("safetensors", lambda: _files_of(*TENSORS), partial(_part, TENSORS, _tensors)),
        Target("API call", _calls, _call, mutated_json),
    )
}
