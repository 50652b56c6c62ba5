"""All results from the kept evidence: numbers as JSON, figures, and the document that shows them."""

import json
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.output import replace_file
from skin_app.weights.folder import open_weights
from train.data.ham10000 import TEXT, DataError
from train.documents.figures import (
    draw_confusion,
    draw_learning_curves,
    draw_range_test,
    draw_reliability,
    draw_roc,
    draw_tsne,
)
from train.documents.flagship import STUDY as FLAGSHIP_STUDY
from train.documents.flagship import flagship_page
from train.documents.members import input_sizes
from train.documents.results_page import results_page, study_page
from train.engine.range_test import choose
from train.recipes.published import RECIPES
from train.recipes.studies import STUDIES
from train.scores.crossfit import CALIBRATORS
from train.scores.evidence import (
    Evidence,
    ensemble_of,
    on_common_views,
    read_evidence,
    read_json,
    weights_evidence,
)
from train.scores.summary import differences, in_depth, run_numbers, score_numbers, sibling_numbers

DECIMALS = 7  # so few that rounding again, to what is shown, ends where rounding once does


def write_results(
    evidence_folder: Path, weights_folder: Path, out_md: Path, figures_folder: Path
) -> dict[str, Any]:
    """Measure everything that is kept; write `out_md`, the JSON and flagship.md beside it, the figures.

    `evidence_folder`: `<study>/study.json` and the settings beside it; `weights_folder`: the shipped
    weights. The same evidence gives the same bytes. Returns the numbers. Raises `DataError` or
    `WeightsError` when a file is missing or does not fit the others.
    """
    studies = sorted(path.parent for path in evidence_folder.glob("*/study.json"))
    if not studies:
        raise DataError(f"{evidence_folder} holds no study (STUDY/study.json): check the path.")
    numbers = {
        "weights": measure_weights(weights_folder, figures_folder),
        "studies": [measure_study(folder, figures_folder) for folder in tqdm(studies, "studies")],
        "trials": [trial_numbers(path) for path in sorted(evidence_folder.glob("trials/*.json"))],
    }
    numbers = _rounded(numbers | {"not_run": not_run(numbers)})
    out_md.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out_md.with_suffix(".json"), json.dumps(numbers, indent=1) + "\n")
    replace_file(out_md, results_page(numbers, evidence_folder, out_md, figures_folder))
    if any(study["study"] == FLAGSHIP_STUDY for study in numbers["studies"]):
        page = out_md.with_name("flagship.md")
        replace_file(page, flagship_page(numbers, page, out_md))
    return numbers


def trial_numbers(path: Path) -> dict[str, Any]:
    """What the document shows of one kept `trial.json`."""
    trial = read_json(path)
    scores = trial["scores"]
    return {
        **{
            key: trial[key]
            for key in ("backbone", "size", "start_weights", "images", "lesions", "seed", "hardware")
        },
        "minutes_per_1000_images": trial["minutes_per_1000_images"],
        "answer_seconds": trial["target"]["answer_seconds"],
        "target": trial["target"]["source"],
        "calibrated": scores["calibrated"],
        "prior_adjusted": scores["prior_adjusted"],
    }


def not_run(numbers: dict[str, Any]) -> dict[str, list[str]]:
    """Studies without evidence, and recipes that no setting ran on all folds and unchanged."""
    studies = numbers["studies"]
    whole = {
        run["recipe"]
        for study in studies
        for run in study["settings"].values()
        if not run["changed"] and len(run["folds"]) == run["of_folds"]
    }
    weights = numbers["weights"]
    if len(weights["folds"]) == weights["of_folds"]:
        whole.add(weights["recipe"])
    return {
        "studies": sorted(set(STUDIES) - {study["study"] for study in studies}),
        "recipes": sorted(set(RECIPES) - whole),
    }


def write_study(folder: Path, out_md: Path) -> str:
    """Measure one study, write `out_md` with its figures beside it; returns the text.

    `folder`: `<evidence>/<study>`. Raises `DataError` as `write_results` does.
    """
    figures_folder = out_md.parent / "figures"
    figures_folder.mkdir(parents=True, exist_ok=True)
    text = study_page(_rounded(measure_study(folder, figures_folder)), out_md, figures_folder)
    replace_file(out_md, text)
    return text


def measure_weights(folder: Path, figures_folder: Path) -> dict[str, Any]:
    """How the shipped weights came about, and what their out-of-fold predictions are worth."""
    contract = open_weights(folder).contract
    evidence = weights_evidence(folder)
    if contract.trust is not None:
        evidence = replace(evidence, bias="chosen")  # as `calibrate` scored them
    training = contract.training
    return {
        "name": contract.name,
        "members": len(contract.members),
        "recipe": training.recipe["name"],
        "kinds": [
            {
                "members": len(kind.shipped),
                "backbone": kind.recipe["member"]["architecture"],
                "input_sizes": input_sizes(kind.recipe["member"]),
                "start_weights": kind.start_weights,
                "kept_epochs": {str(fold): list(kept) for fold, kept in kind.kept_epochs.items()},
            }
            for kind in contract.trainings
        ],
        "seed": training.seed,
        "data_fingerprint": training.data_fingerprint,
        "of_folds": training.recipe["folds"],
        "shown": contract.scores,
        "bias": evidence.bias,
        **score_numbers(evidence),
        **in_depth(evidence),
        "figures": _figures(evidence, figures_folder, "weights"),
    }


def measure_study(folder: Path, figures_folder: Path) -> dict[str, Any]:
    """All settings of a study: how they were run, their scores, and their differences."""
    study = read_json(folder / "study.json")
    ran = [name for name in study["settings"] if (folder / name / "run.json").is_file()]
    if not ran:
        raise DataError(f"No setting of {folder} was kept: export a run into it first.")
    bias = study.get("bias", "none")
    kept = [replace(read_evidence(folder / name), bias=bias) for name in ran]
    settings = on_common_views(kept)
    report: dict[str, Any] = {
        **{key: study[key] for key in ("study", "title", "baseline", "published", "notes")},
        "bias": bias,
        "command": study.get("command", ""),
        "not_run": [name for name in study["settings"] if name not in settings],
        "settings": {name: {**run_numbers(e), **score_numbers(e)} for name, e in settings.items()},
    }
    against = {name: other for name, other in study.get("against", {}).items() if name in settings}
    report["against"] = {name: other for name, other in against.items() if other in settings}
    report["notes"] = [
        *study["notes"],
        f"All are calibrated with {CALIBRATORS[bias]}.",
        *_other_reference(against, settings, study["baseline"]),
        *_other_folds(settings, study["baseline"]),
    ]
    baseline = settings.get(study["baseline"])
    if baseline is not None:
        references = {name: report["against"].get(name, study["baseline"]) for name in settings}
        report["differences"] = {
            name: differences(settings[name], settings[reference])
            for name, reference in references.items()
            if name != reference
        }
        report["to_baseline"] = {
            name: differences(settings[name], baseline)
            for name, reference in references.items()
            if study["baseline"] not in (name, reference)
        }
        report["untouched"] = _on_folds(study.get("untouched", []), settings, references)
        report["in_depth"] = in_depth(baseline)
        report["figures"] = _figures(baseline, figures_folder, study["study"])
    report["more_figures"] = [
        figure
        for name, evidence in settings.items()
        for figure in _extra_figures(evidence, figures_folder, f"{study['study']}-{name}")
    ]
    if study.get("ensemble") and len(settings) > 1:
        average = ensemble_of(list(settings.values()))
        report["average"] = {
            **score_numbers(average),
            "against": {name: differences(average, evidence) for name, evidence in settings.items()},
        }
    by_image = [e for e in settings.values() if e.settings["recipe"]["split"] == "image"]
    if by_image:
        report["siblings"] = {evidence.setting: sibling_numbers(evidence) for evidence in by_image}
    return report


def _on_folds(
    folds: list[int], settings: dict[str, Evidence], references: dict[str, str]
) -> dict[str, Any] | None:
    """`differences` on `folds` alone, of settings that were run on them and on others."""
    parts = {
        name: (evidence.only(np.flatnonzero(on)), on.all())
        for name, evidence in settings.items()
        if (on := np.isin(evidence.folds, folds)).any()
    }
    found = {
        name: differences(part, parts[references[name]][0])
        for name, (part, whole) in parts.items()
        if not whole and name != references[name] and references[name] in parts
    }
    return {"folds": folds, "differences": found} if found else None


def _other_reference(against: dict[str, str], ran: Container[str], baseline: str) -> list[str]:
    """A note for settings whose own reference was not run, so that the baseline takes its place."""
    missing = sorted({other for other in against.values() if other not in ran})
    return [
        f"{other} was not run, so {', '.join(n for n, own in against.items() if own == other)} is "
        f"compared with {baseline}: the difference holds all that was changed since, the further "
        "training too."
        for other in missing
    ]


def _other_folds(settings: dict[str, Evidence], baseline: str) -> list[str]:
    """A note for settings that were run on other folds than the baseline."""
    folds = {
        name: ", ".join(map(str, np.unique(evidence.folds))) for name, evidence in settings.items()
    }
    alike: dict[str, list[str]] = {}
    for name, own in folds.items():
        if baseline in folds and own != folds[baseline]:
            alike.setdefault(own, []).append(name)
    return [
        f"{', '.join(names)} {'were' if names[1:] else 'was'} run on fold {own} alone, {baseline} on "
        f"{folds[baseline]}: scores are of each one's own images, differences of those that both have, "
        "calibrated on them alone."
        for own, names in alike.items()
    ]


def _figures(evidence: Evidence, folder: Path, prefix: str) -> list[dict[str, str]]:
    """Draw the figures of one setting; returns file names and captions."""
    probabilities, labels = evidence.calibrated(max(evidence.logits)), evidence.labels
    counts = np.zeros((len(CODES), len(CODES)), dtype=int)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    figures = [("roc", "ROC"), ("confusion", "Confusion"), ("reliability", "Reliability")]
    draw_roc(probabilities, labels, folder / f"{prefix}-roc.png")
    draw_confusion(counts, folder / f"{prefix}-confusion.png")
    draw_reliability(probabilities, labels, folder / f"{prefix}-reliability.png")
    if evidence.histories:
        draw_learning_curves(evidence.histories, folder / f"{prefix}-learning.png")
        figures.append(("learning", "Learning curves"))
    return [{"file": f"{prefix}-{name}.png", "caption": caption} for name, caption in figures]


def _extra_figures(evidence: Evidence, folder: Path, prefix: str) -> list[dict[str, str]]:
    figures = []
    if (evidence.folder / "tsne.csv.gz").is_file():
        points = pd.read_csv(evidence.folder / "tsne.csv.gz", dtype=TEXT)
        diagnoses = evidence.images.set_index("image_id")["dx"].reindex(points["image_id"])
        draw_tsne(points, diagnoses, folder / f"{prefix}-tsne.png")
        caption = f"t-SNE map of the last hidden layer, {evidence.setting}"
        figures.append({"file": f"{prefix}-tsne.png", "caption": caption})
    if (evidence.folder / "range-test.csv").is_file():
        tested = pd.read_csv(evidence.folder / "range-test.csv")
        chosen = choose(tested)
        draw_range_test(tested, folder / f"{prefix}-range-test.png", chosen)
        caption = f"Learning-rate range test, {evidence.setting}: chosen {chosen:.2g}"
        figures.append({"file": f"{prefix}-range-test.png", "caption": caption})
    return figures


def _rounded(value: Any) -> Any:
    """Floats to `DECIMALS`: beyond that they depend on the machine's order of adding."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
