"""docs/results.md and docs/flagship.md: measure the evidence, draw figures, fill the templates."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from skin_app.result_files import replace_file
from train.data.ham10000 import TEXT, DataError
from train.documents.figures import (
    draw_confusion,
    draw_learning_curves,
    draw_range_test,
    draw_reliability,
    draw_roc,
    draw_tsne,
)
from train.documents.template import filled
from train.engine.range_test import chosen_rate
from train.recipes.published import RECIPES
from train.recipes.studies import STUDIES
from train.scores.evaluate import measure_weights
from train.scores.evidence import Evidence, read_json, unseen_members, weights_evidence
from train.scores.intervals import plain
from train.scores.metrics import SHOWN, confusion_counts
from train.scores.study_numbers import measure_study, read_study

DECIMALS = 7  # rounding these to the 3 that are shown gives the same as rounding once
CURVE = 5  # epochs that a training needs for its learning curves to be worth a figure
FLAGSHIP, FLAGSHIP_STUDIES = "flagship", ("flagship", "view-sizes", "unlike-members", "full-runs")
Figures = list[dict[str, Any]]


def write_results(
    evidence_folder: Path, weights_folder: Path, out_md: Path, figures_folder: Path
) -> None:
    """Measure all evidence; write `out_md`, its numbers as JSON, flagship.md beside it, and figures.

    `evidence_folder`: `<study>/study.json` with a folder for each setting beside it. The same evidence
    gives the same bytes. Raises `DataError` or `WeightsError` when a file is missing or does not fit
    the others.
    """
    studies = sorted(path.parent for path in evidence_folder.glob("*/study.json"))
    if not studies:
        raise DataError(f"{evidence_folder} holds no study (STUDY/study.json): check the path.")
    shipped = weights_evidence(weights_folder)
    weights = plain(measure_weights(weights_folder, shipped), DECIMALS)
    curves: list[Any] = []
    numbers = {
        "weights": weights | {"figures": _weights_figures(shipped, figures_folder)},
        "studies": [_study(folder, figures_folder, curves) for folder in tqdm(studies, "studies")],
        "trials": [_trial(path) for path in sorted(evidence_folder.glob("trials/*.json"))],
    }
    numbers |= {"not_run": _not_run(numbers["weights"], numbers["studies"])}
    out_md.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out_md.with_suffix(".json"), _compact(numbers) + "\n")
    for path, text in pages(numbers, evidence_folder, out_md, figures_folder).items():
        replace_file(path, text)


def pages(
    numbers: dict[str, Any], evidence_folder: Path, out_md: Path, figures_folder: Path
) -> dict[Path, str]:
    """Path -> text of the documents, from the numbers that `write_results` keeps."""
    flagship = out_md.with_name("flagship.md")
    by_name = {study["study"]: study for study in numbers["studies"]}
    values = {
        "numbers": numbers,
        "evidence": evidence_folder.as_posix(),
        "out": out_md.as_posix(),
        "results": out_md.name,
        "answered_by": unseen_members(len(numbers["weights"]["runs"])),
        "figures": _link(figures_folder, out_md),
        "flagship_studies": [by_name[name] for name in FLAGSHIP_STUDIES if name in by_name],
    }
    written = {out_md: filled("results.md", **values)}
    if FLAGSHIP in by_name:
        written[flagship] = filled("flagship.md", **values)
    return written


def write_study(folder: Path, out_md: Path) -> str:
    """Measure one study, write `out_md` with its figures beside it; returns the text.

    `folder`: `<evidence>/<study>`. Raises `DataError` as `write_results` does.
    """
    figures = out_md.parent / "figures"
    study = _study(folder, figures, [])
    text = filled("results_study.md", study=study, figures=_link(figures, out_md))
    replace_file(out_md, text)
    return text


def _link(figures_folder: Path, out_md: Path) -> str:
    return Path(os.path.relpath(figures_folder, out_md.parent)).as_posix()


def _study(folder: Path, figures_folder: Path, curves: list[Any]) -> dict[str, Any]:
    """The numbers and figures of a study. `curves`: trainings that have a figure already."""
    about, settings = read_study(folder)
    figures = [
        figure
        for name, evidence in settings.items()
        for figure in _setting_figures(evidence, figures_folder, f"{folder.name}-{name}", curves)
    ]
    return plain(measure_study(about, settings), DECIMALS) | {"figures": figures}


def _trial(path: Path) -> dict[str, Any]:
    """The values that the page shows from one `trial.json`."""
    trial = read_json(path)
    same = ("backbone", "size", "start_weights", "images", "hardware", "minutes_per_1000_images")
    found = {key: trial[key] for key in same}
    for name in ("balanced_accuracy", "macro_auc", "top_3"):
        scores = trial["scores"][SHOWN[name]]
        found[name] = {"value": scores[name], "interval_95": scores["intervals_95"].get(name)}
    return plain(found, DECIMALS) | {"answer_seconds": trial["target"]["answer_seconds"]}


def _not_run(weights: dict[str, Any], studies: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Studies without evidence, and recipes that no setting ran on all folds and unchanged."""
    whole = {
        setting["recipe"]
        for study in studies
        for setting in study["settings"]
        if setting["as_published"] and len(setting["folds"]) == setting["of_folds"]
    }
    if len(weights["folds"]) == weights["of_folds"]:
        whole.add(weights["recipe"])
    return {
        "studies": sorted(set(STUDIES) - {study["study"] for study in studies}),
        "recipes": sorted(set(RECIPES) - whole),
    }


def _weights_figures(evidence: Evidence, folder: Path) -> Figures:
    probabilities, labels = evidence.calibrated(), evidence.labels
    draw_roc(probabilities, labels, folder / "weights-roc.png")
    counts = confusion_counts(labels, probabilities.argmax(axis=1))
    draw_confusion(counts, folder / "weights-confusion.png")
    draw_reliability(probabilities, labels, folder / "weights-reliability.png")
    drawn = ("roc", "confusion", "reliability")
    return [{"shows": shows, "file": f"weights-{shows}.png"} for shows in drawn]


def _setting_figures(evidence: Evidence, folder: Path, prefix: str, curves: list[Any]) -> Figures:
    figures: Figures = []

    def figure(shows: str, **values: object) -> Path:
        file = f"{prefix}-{shows}.png"
        figures.append({"shows": shows, "file": file, "setting": evidence.setting, **values})
        return folder / file

    if _epochs(evidence.histories) >= CURVE and evidence.histories not in curves:
        curves.append(evidence.histories)
        draw_learning_curves(evidence.histories, figure("learning"))
    if (evidence.folder / "tsne.csv.gz").is_file():
        points = pd.read_csv(evidence.folder / "tsne.csv.gz", dtype=TEXT)
        diagnoses = evidence.images.set_index("image_id")["dx"].reindex(points["image_id"])
        draw_tsne(points, diagnoses, figure("tsne"))
    if (evidence.folder / "range-test.csv").is_file():
        tested = pd.read_csv(evidence.folder / "range-test.csv")
        chosen = chosen_rate(tested)
        draw_range_test(tested, figure("range-test", chosen=f"{chosen:.2g}"), chosen)
    return figures


def _epochs(histories: Mapping[int, dict[str, Any]]) -> int:
    """The epochs of the longest stage whose losses were kept."""
    stages = [stage["epochs"] for history in histories.values() for stage in history["stages"]]
    return max((len(own) for own in stages if own and own[0]["train_loss"] is not None), default=0)


def _compact(value: Any, depth: int = 4) -> str:
    """`value` as JSON, one line for what lies `depth` levels deep: a setting, a comparison."""
    if not depth or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_compact(part, depth - 1)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    return "[\n" + ",\n".join(_compact(part, depth - 1) for part in value) + "\n]"
