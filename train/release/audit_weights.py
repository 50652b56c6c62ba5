"""The verb `audit`: fits the limits for trusting answers, measures them, and stores both."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save as safetensors_bytes
from tqdm import tqdm

from skin_app.novelty import FILE as NOVELTY_FILE
from skin_app.outcome import COVERAGE
from skin_app.trust import Measured, StoredEstimate, Trust
from skin_app.views import VIEWS
from skin_app.weights.contract import Contract
from skin_app.weights.folder import WeightsFolder
from train.audit import (
    artefact_effects,
    correction_effects,
    decisions,
    deletion_curves,
    explanations,
    lesion_heat,
    lesion_masks,
    photo_files,
    photo_quality,
    refused_pictures,
    sanity_checks,
    skin_tone_bands,
)
from train.audit.fitted_novelty import FittedNovelty, fit_novelty
from train.audit.out_of_fold import OutOfFold
from train.audit.outcome_rules import IN_USE, rule_name
from train.audit.refused_pictures import pictures_to_refuse
from train.data.ham10000 import DataError, Dataset
from train.documents.trust_document import read_document, write_document
from train.release.weights_folder import put_into
from train.scores.evaluate import out_of_fold_scores
from train.scores.evidence import weights_evidence
from train.scores.intervals import plain
from train.scores.strata import YOUNG

# The main results -> where docs/trust.json has them; 8 views where there are several.
OUTCOMES = ("decisions", "outcomes", str(VIEWS), "rules", rule_name(IN_USE))
SETS = ("decisions", "sets", str(VIEWS), f"{COVERAGE:g}")
YOUNG_PATIENTS = ("decisions", "patients", "0.95", "age", YOUNG)
CURVES = ("explanations", "curves", "ours_less", "centre Gaussian")
SUMMARY: dict[Measured, tuple[str, ...]] = {
    "ppv_of_suspicious": (*OUTCOMES, "malignant_among_suspicious"),
    "npv_of_not_suspicious": (*OUTCOMES, "benign_among_not_suspicious"),
    "melanomas_not_suspicious": (*OUTCOMES, "melanomas_cleared"),
    "malignant_suspicious": (*OUTCOMES, "malignant_called_suspicious"),
    "melanoma_sensitivity_under_40": (*YOUNG_PATIENTS, "melanoma_sensitivity"),
    "uncertain": (*OUTCOMES, "uncertain"),
    "set_coverage": (*SETS, "coverage"),
    "set_size": (*SETS, "mean_size"),
    "refused_dermatoscopic": ("novelty", "false_alarms"),
    "refused_ordinary": ("novelty", "groups", "photo", "refused"),
    "refused_clinical": ("novelty", "groups", "clinical", "refused"),
    "with_quality_finding": ("quality", "false_alarms", "any"),
    "heat_on_lesion": ("heat", "share"),
    "lesion_area": ("heat", "area"),
    "changed_by_dark_hair": ("artefacts", "variants", "dark hair", "flips_calibrated"),
    "changed_by_dark_corners": ("artefacts", "variants", "dark corners", "flips_calibrated"),
    "changed_by_mirroring": ("artefacts", "variants", "mirrored", "flips_calibrated"),
    "map_above_centre": (*CURVES, "insertion less deletion"),
}
NO_SHARES = ("set_size", "map_above_centre")


def audit(
    weights: WeightsFolder,
    data: Dataset,
    work: Path,
    not_dermoscopy: Path | None,
    out: Path,
    only: str | None = None,
) -> None:
    """Fit on the weights' out-of-fold images, measure on other lesions, store both, and write `out`.

    Also refits the weights' calibration and updates their scores. Slow results are stored in `work`, so
    that a stopped audit can resume. `not_dermoscopy`: folder of pictures that must be refused, for
    measuring only; without it they are said to be not measured. `only`: a section to measure again,
    while all that is fitted stays. Raises `DataError` when `data` is not what the
    weights were trained on, their split parts lesions, or `only` is given and `out` is about others.
    """
    if weights.contract.training.recipe.get("split") == "image":
        raise DataError(
            "These weights were trained on a split by image, in which a lesion can be on both sides, "
            "so nothing measured on it says how far they can be trusted: train with split=lesion."
        )
    if not_dermoscopy is not None:
        pictures_to_refuse(not_dermoscopy)  # reports a faulty list before hours of work
    if only is not None:
        measure_again(weights, data, work, not_dermoscopy, out, only)
        return
    unseen = decisions.with_calibration(OutOfFold.open(weights, data, work))
    novelty = fit_novelty(unseen)
    numbers: dict[str, Any] = {"about": about(weights.contract, unseen)}
    with tqdm(sections(unseen, data, not_dermoscopy).items(), unit="section") as bar:
        for name, measure in bar:
            bar.set_description(f"measuring {name}")  # some take a quarter of an hour
            numbers[name] = plain(measure())
    trust = Trust(
        decisions=decisions.fit_decisions(unseen),
        novelty=novelty.limits,
        quality=photo_quality.fit_quality(
            photo_quality.measured_images(unseen, data), unseen.input_size
        ),
        heat=lesion_heat.fit_heat_limit(unseen),
        tone=skin_tone_bands.fit_tone(unseen, data),
        measured=summary(numbers),
    )
    evidence = replace(weights_evidence(weights.folder), bias="chosen")  # crossfit calibrations
    scores = out_of_fold_scores(evidence, unseen.runs)
    write_document(numbers, out)
    store(unseen.weights, trust, novelty, scores)


def measure_again(
    weights: WeightsFolder,
    data: Dataset,
    work: Path,
    not_dermoscopy: Path | None,
    out: Path,
    section: str,
) -> None:
    """Measure one section again, and put it into the document `out` and the weights' summary."""
    numbers, contract = read_document(out), weights.contract
    if contract.trust is None or numbers["about"]["members"] != member_hashes(contract):
        raise DataError(f"{out} is about other weights: run `python -m train audit` on these.")
    unseen = OutOfFold.open(weights, data, work)
    numbers[section] = plain(sections(unseen, data, not_dermoscopy)[section]())
    write_document(numbers, out)
    trust = contract.trust.model_copy(update={"measured": summary(numbers)})
    put_into(weights.folder, contract.model_copy(update={"trust": trust}), {})


def sections(
    unseen: OutOfFold, data: Dataset, not_dermoscopy: Path | None
) -> dict[str, Callable[[], object]]:
    """The function that measures each section of docs/trust.json."""
    return {
        "decisions": lambda: decisions.measure(unseen),
        "novelty": lambda: refused_pictures.measure(unseen, fit_novelty(unseen), not_dermoscopy),
        "quality": lambda: photo_quality.measure(unseen, data),
        "corrections": lambda: correction_effects.measure(unseen),
        "lesion": lambda: lesion_masks.measure(unseen, data),
        "heat": lambda: lesion_heat.measure(unseen),
        "artefacts": lambda: artefact_effects.measure(unseen),
        "files": lambda: photo_files.measure(unseen, data),
        "explanations": lambda: explained(unseen),
        "skin_tone": lambda: skin_tone_bands.measure(unseen, data),
    }


def explained(unseen: OutOfFold) -> dict[str, Any]:
    """The section of explanations: four tests of the same images."""
    tested = explanations.cases(unseen, unseen.sample(explanations.IMAGES))
    return plain(explanations.measure(unseen, tested)) | {
        "randomisation": sanity_checks.measure(unseen, tested),
        "curves": deletion_curves.measure(unseen, tested),
        "lesion": lesion_heat.heat_by_method(unseen, tested),
    }


def about(contract: Contract, unseen: OutOfFold) -> dict[str, Any]:
    """What all sections were measured on."""
    return {
        "name": contract.name,
        "members": member_hashes(contract),
        "images": len(unseen.table),
        "lesions": len(np.unique(unseen.lesions)),
        "answered_by": unseen.answered_by,
        "folds": list(contract.training.shipped),
        "of_folds": int(contract.training.recipe["folds"]),
        "data_fingerprint": contract.training.data_fingerprint,
    }


def member_hashes(contract: Contract) -> list[str]:
    """SHA-256 of each member's weights."""
    return [contract.files[f"{name}/model.safetensors"] for name in contract.members]


def summary(numbers: dict[str, Any]) -> dict[Measured, StoredEstimate]:
    """The main results, for `ensemble.json` and the page; those that were measured, see `SUMMARY`."""
    found: dict[Measured, StoredEstimate] = {}
    for name, path in SUMMARY.items():
        own: dict[str, Any] = numbers
        for key in path:
            own = own.get(key, {})  # pictures to refuse are not always there
        if own.get("value") is not None and own["interval_95"] is not None:
            found[name] = StoredEstimate(**own, is_share=name not in NO_SHARES)
    return found


def store(
    weights: WeightsFolder,
    trust: Trust,
    novelty: FittedNovelty,
    scores: dict[str, Any] | None = None,
) -> None:
    """Put `trust` and the contract of `weights` into its folder, and the model card with them.

    `scores`: the new scores, or None to leave them. A whole new folder takes the old one's place, or
    nothing changes; members, gallery, predictions and map stay as they are.
    """
    contract = weights.contract.model_copy(update={"trust": trust})
    files = {NOVELTY_FILE: safetensors_bytes(novelty.tensors(contract.members))}
    if scores is not None:
        contract = contract.model_copy(update={"scores": scores})
        files["evaluation/scores.json"] = (json.dumps(scores, indent=1) + "\n").encode()
    put_into(weights.folder, contract, files)
