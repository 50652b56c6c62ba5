"""The verb `audit`: fits the limits for trusting answers, measures them, and stores both."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

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
    patient_context,
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
from train.documents.trust_document import outdated_sections, read_document, write_document
from train.release.weights_folder import put_into
from train.scores.evaluate import out_of_fold_scores
from train.scores.evidence import weights_evidence
from train.scores.intervals import plain
from train.scores.strata import YOUNG

# The main results -> where docs/trust.json has them; 8 views where there are several.
OUTCOMES = ("decisions", "outcomes", str(VIEWS), "rules", rule_name(IN_USE))
SETS = ("decisions", "sets", str(VIEWS), f"{COVERAGE:g}")
IN_CONTEXT = ("context", "outcomes", patient_context.BOTH)
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
    "context_specificity_gain": ("context", "gain", "specificity_at_95_sensitivity"),
    "context_melanomas_not_suspicious": (*IN_CONTEXT, "melanomas_cleared"),
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


class Section(NamedTuple):
    """`measure`: its numbers in docs/trust.json; `fit`: by field of `Trust`, what the weights keep."""

    measure: Callable[[], object]
    fit: Callable[[], dict[str, Any]] = dict


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
    measuring only; without it they are said to be not measured. `only`: the one section of `out` to
    fit and measure again, while the rest stays, calibration and scores too. Raises `DataError` when
    `data` is not what the weights were trained on, their split parts lesions, or `only` is given and
    `out` is about others.
    """
    if weights.contract.training.recipe.get("split") == "image":
        raise DataError(
            "These weights were trained on a split by image, in which a lesion can be on both sides, "
            "so nothing measured on it says how far they can be trusted: train with split=lesion."
        )
    if not_dermoscopy is not None:
        pictures_to_refuse(not_dermoscopy)  # reports a faulty list before hours of work
    numbers: dict[str, Any] = {} if only is None else numbers_about(weights, out, only)
    unseen = OutOfFold.open(weights, data, work)
    if only is None:
        unseen = decisions.with_calibration(unseen)
        numbers["about"] = about(unseen.weights.contract, unseen)
    asked, fitted = sections(unseen, data, not_dermoscopy), {}
    with tqdm([only] if only else list(asked), unit="section") as bar:
        for name in bar:
            bar.set_description(f"measuring {name}")  # some take a quarter of an hour
            numbers[name] = plain(asked[name].measure())
            fitted |= asked[name].fit()
    scores = None
    if only is None:
        evidence = replace(weights_evidence(weights.folder), bias="chosen")  # crossfit calibrations
        scores = out_of_fold_scores(evidence, unseen.runs)
    write_document(numbers, out)
    novelty: FittedNovelty | None = fitted.get("novelty")
    if novelty is not None:
        fitted["novelty"] = novelty.limits
    kept = {} if only is None else dict(weights.contract.trust or ())
    trust = Trust.model_validate(kept | fitted | {"measured": summary(numbers)})
    store(unseen.weights, trust, novelty, scores)


def numbers_about(weights: WeightsFolder, out: Path, only: str) -> dict[str, Any]:
    """The numbers of the document `out`.

    Raises `DataError` when it is not about `weights`, or a section beside `only` cannot be written.
    """
    numbers = read_document(out)
    members = member_hashes(weights.contract)
    if weights.contract.trust is None or numbers.get("about", {}).get("members") != members:
        raise DataError(f"{out} is about other weights: run `python -m train audit` on these.")
    others = [name for name in outdated_sections(numbers) if name != only]
    if others:
        raise DataError(
            f"{out} has no section {', '.join(others)} of this version: leave out --only, so that all "
            "are measured."
        )
    return numbers


def sections(unseen: OutOfFold, data: Dataset, not_dermoscopy: Path | None) -> dict[str, Section]:
    """How each section of docs/trust.json is measured, and what is fitted with it."""
    return {
        "decisions": Section(
            lambda: decisions.measure(unseen),
            lambda: {"decisions": decisions.fit_decisions(unseen)},
        ),
        "context": Section(
            lambda: patient_context.measure(unseen),
            lambda: {"context": patient_context.fit_patient_context(unseen)},
        ),
        "novelty": Section(
            lambda: refused_pictures.measure(unseen, fit_novelty(unseen), not_dermoscopy),
            lambda: {"novelty": fit_novelty(unseen)},
        ),
        "quality": Section(
            lambda: photo_quality.measure(unseen, data),
            lambda: {
                "quality": photo_quality.fit_quality(
                    photo_quality.measured_images(unseen, data), unseen.input_size
                )
            },
        ),
        "corrections": Section(lambda: correction_effects.measure(unseen)),
        "lesion": Section(lambda: lesion_masks.measure(unseen, data)),
        "heat": Section(
            lambda: lesion_heat.measure(unseen),
            lambda: {"heat": lesion_heat.fit_heat_limit(unseen)},
        ),
        "artefacts": Section(lambda: artefact_effects.measure(unseen)),
        "files": Section(lambda: photo_files.measure(unseen, data)),
        "explanations": Section(lambda: explained(unseen)),
        "skin_tone": Section(
            lambda: skin_tone_bands.measure(unseen, data),
            lambda: {"tone": skin_tone_bands.fit_tone(unseen, data)},
        ),
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
            own = own.get(key) or {}  # pictures to refuse, or ages, are not always there
        if own.get("value") is not None and own["interval_95"] is not None:
            found[name] = StoredEstimate(**own, is_share=name not in NO_SHARES)
    return found


def store(
    weights: WeightsFolder,
    trust: Trust,
    novelty: FittedNovelty | None,
    scores: dict[str, Any] | None = None,
) -> None:
    """Put `trust` and the contract of `weights` into its folder, and the model card with them.

    `novelty`, `scores`: the new ones, or None to leave those there. A whole new folder takes the old
    one's place, or nothing changes; members, gallery, predictions and map stay as they are.
    """
    contract = weights.contract.model_copy(update={"trust": trust})
    files: dict[str, bytes] = {}
    if novelty is not None:
        files[NOVELTY_FILE] = safetensors_bytes(novelty.tensors(contract.members))
    if scores is not None:
        contract = contract.model_copy(update={"scores": scores})
        files["evaluation/scores.json"] = (json.dumps(scores, indent=1) + "\n").encode()
    put_into(weights.folder, contract, files)
