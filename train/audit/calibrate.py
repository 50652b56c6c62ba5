"""Fit all parts of trust for a weights folder, measure them, and write both: the verb `calibrate`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save as safetensors_bytes
from tqdm import tqdm

from skin_app.novelty import FILE as NOVELTY_FILE
from skin_app.outcome import COVERAGE, SENSITIVITY
from skin_app.trust import MAP_AGAINST_CENTRE, MIRRORED, PAINTED_CORNERS, PAINTED_HAIR, Estimate, Trust
from skin_app.views import VIEWS
from skin_app.weights.folder import Contract, WeightsFolder
from train.audit import (
    artefacts,
    corrections,
    decisions,
    explanations,
    files,
    foreign,
    heat,
    lesion,
    quality,
    skin_tone,
)
from train.audit.bench import Bench
from train.audit.nested import Nested
from train.audit.novelty import FittedNovelty, fit_novelty
from train.data.ham10000 import DataError, Dataset
from train.documents.template import plain
from train.documents.trust import write_document
from train.release.weights_folder import put_into
from train.scores.evidence import weights_evidence
from train.scores.summary import out_of_fold_scores

RULE_IN_USE = f"{COVERAGE:g} set, {SENSITIVITY:g} point"


def calibrate(
    weights: WeightsFolder, data: Dataset, work: Path, not_dermoscopy: Path | None, out: Path
) -> Contract:
    """Fit on the weights' out-of-fold images, measure nested, store in the folder, write `out`.

    The weights' temperatures are fitted anew too, with a bias of each class where that helps, and their
    scores follow. What took long is kept in `work` and reused for the same members, images and code.
    `not_dermoscopy`: folder of pictures that must be refused, for measuring only; without it they are
    said to be not measured. Raises `DataError` when `data` is not what the weights were trained on, or
    their split parts lesions.
    """
    if weights.contract.training.recipe.get("split") == "image":
        raise DataError(
            "These weights were trained on a split by image, in which a lesion can be on both sides, "
            "so nothing measured on it says how far they can be trusted: train with split=lesion."
        )
    if not_dermoscopy is not None:
        foreign.pictures_to_refuse(not_dermoscopy)  # a faulty list is told before hours of work
    bench = with_calibration(Bench.open(weights, data, work))
    novelty = fit_novelty(bench)
    divided = decisions.divisions(bench)
    numbers = measure(bench, data, novelty, not_dermoscopy, divided)
    trust = fit_trust(bench, data, novelty, divided, summary(numbers))
    scores = scored_anew(bench.weights)
    write_document(numbers, out)
    return store(bench.weights, trust, novelty, scores)


def with_calibration(bench: Bench) -> Bench:
    """The bench with the calibration that is to be shipped, on which everything else rests."""
    fitted = decisions.fit_calibration(bench)
    contract = bench.weights.contract.model_copy(update={"calibration": fitted})
    return replace(bench, weights=replace(bench.weights, contract=contract))


def fit_trust(
    bench: Bench,
    data: Dataset,
    novelty: FittedNovelty,
    divided: dict[int, Nested],
    measured: dict[str, Estimate],
) -> Trust:
    """All limits, fitted on all out-of-fold images, beside what was `measured` of them."""
    input_size = max(member.config.size for member in bench.members)
    return Trust(
        decisions=decisions.fit_decisions(bench, divided=divided),
        novelty=novelty.limits,
        quality=quality.fit_quality(quality.measured_images(data, bench.work), input_size),
        heat=heat.fit_heat_limit(bench),
        tone=skin_tone.fit_tone(bench, data),
        measured=measured,
    )


def scored_anew(weights: WeightsFolder) -> dict[str, Any]:
    """Scores of the kept out-of-fold predictions, by calibrators that were fitted on other lesions."""
    evidence = replace(weights_evidence(weights.folder), bias="chosen")
    return out_of_fold_scores(evidence, len(weights.contract.trainings))


def measure(
    bench: Bench,
    data: Dataset,
    novelty: FittedNovelty,
    not_dermoscopy: Path | None,
    divided: dict[int, Nested],
) -> dict[str, Any]:
    """All sections of docs/trust.json."""
    contract = bench.weights.contract
    sections: dict[str, Callable[[], object]] = {
        "decisions": lambda: decisions.measure(bench, divided=divided),
        "novelty": lambda: foreign.measure(bench, novelty, not_dermoscopy),
        "quality": lambda: quality.measure(bench, data),
        "corrections": lambda: corrections.measure(bench),
        "lesion": lambda: lesion.measure(bench, data),
        "heat": lambda: heat.measure(bench),
        "artefacts": lambda: artefacts.measure(bench),
        "files": lambda: files.measure(bench, data),
        "explanations": lambda: explanations.measure(bench),
        "skin_tone": lambda: skin_tone.measure(bench, data),
    }
    about = {
        "name": contract.name,
        "members": [contract.files[f"{name}/model.safetensors"] for name in contract.members],
        "images": len(bench.table),
        "lesions": len(np.unique(bench.lesions)),
        "kinds": len(contract.trainings),
        "folds": list(contract.training.shipped),
        "of_folds": int(contract.training.recipe["folds"]),
        "data_fingerprint": contract.training.data_fingerprint,
    }
    measured: dict[str, Any] = {"about": about}
    with tqdm(sections.items(), unit="section") as bar:
        for name, measure_section in bar:
            bar.set_description(f"measuring {name}")  # some take a quarter of an hour
            measured[name] = plain(measure_section())
    return measured


def summary(numbers: dict[str, Any]) -> dict[str, Estimate]:
    """What of the numbers goes into `ensemble.json`, for the page: of 8 views where not said otherwise,
    and of the outcomes before the readings' disagreement was asked, as only some lesions were read view
    by view; the page says so."""
    decided, views = numbers["decisions"], str(VIEWS)
    outcomes = decided["outcomes"][views][RULE_IN_USE]
    sets = decided["sets"][views][f"{COVERAGE:g}"]
    explained, painted = numbers["explanations"], numbers["artefacts"]["variants"]
    found: dict[str, tuple[dict[str, Any], bool]] = {
        "malignant among those called suspicious": (outcomes["malignant among suspicious"], True),
        "benign among those called not suspicious": (outcomes["benign among not suspicious"], True),
        "melanomas that end in not suspicious": (outcomes["melanomas cleared"], True),
        "malignant images called suspicious": (outcomes["malignant called suspicious"], True),
        "answers that are uncertain": (outcomes["share uncertain"], True),
        "coverage of the 90 % sets": (sets["coverage"], True),
        "diagnoses in a 90 % set": (sets["mean_size"], False),
        "dermatoscopic images refused": (numbers["novelty"]["false_alarms"][views], True),
    }
    for kind, title in foreign.GROUPS.items():
        if kind in numbers["novelty"]["groups"] and kind in foreign.TARGETS:
            found[f"{title} refused (by all members, 1 view)"] = (
                numbers["novelty"]["groups"][kind]["refused"],
                True,
            )
    found |= {
        "HAM10000 images with a quality finding": (numbers["quality"]["false_alarms"]["any"], True),
        "heat on the lesion": (numbers["heat"]["share"], True),
        "area of the lesion": (numbers["heat"]["area"], True),
        PAINTED_HAIR: (painted["dark hair"]["flips_calibrated"], True),
        PAINTED_CORNERS: (painted["dark corners"]["flips_calibrated"], True),
        MIRRORED: (painted["mirrored"]["flips_calibrated"], True),
        MAP_AGAINST_CENTRE: (
            explained["curves"]["ours_less"]["centre Gaussian"]["insertion less deletion"],
            False,
        ),
    }
    return {
        name: Estimate(
            value=own["value"],
            interval_95=own["interval_95"],
            images=own.get("images", explained["images"]),
            is_share=is_share,
        )
        for name, (own, is_share) in found.items()
        if own["value"] is not None and own["interval_95"] is not None  # such an outcome is never given
    }


def store(
    weights: WeightsFolder,
    trust: Trust,
    novelty: FittedNovelty,
    scores: dict[str, Any] | None = None,
) -> Contract:
    """Put `trust` and the contract of `weights` into its folder, and the model card with them.

    `scores`: the new scores, or None to leave them. A whole new folder takes the old one's place, or
    nothing changes; members, gallery, predictions and map stay as they are.
    """
    contract = weights.contract.model_copy(update={"trust": trust})
    files = {NOVELTY_FILE: safetensors_bytes(novelty.tensors(contract.members))}
    if scores is not None:
        contract = contract.model_copy(update={"scores": scores})
        files["evaluation/scores.json"] = (json.dumps(scores, indent=1) + "\n").encode()
    return put_into(weights.folder, contract, files)
