"""docs/results.md is what the kept evidence says: nothing in it is typed in, or out of date."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skin_app.weights.folder import EMBEDDED
from train.documents.results_document import DECIMALS, pages
from train.recipes.studies import STUDIES
from train.scores.differences import DECISIVE
from train.scores.evidence import read_evidence
from train.scores.intervals import plain
from train.scores.study_numbers import measure_study, read_study
from train.study import study_json

ROOT = Path(__file__).resolve().parents[2]
DOCS, EVIDENCE = ROOT / "docs", ROOT / "docs" / "evidence"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return json.loads((DOCS / "results.json").read_text())


def written(numbers: dict[str, Any]) -> dict[str, str]:
    paths = Path("docs/evidence"), Path("docs/results.md"), Path("docs/figures")
    return {path.name: text for path, text in pages(numbers, *paths).items()}


def test_the_pages_show_the_numbers_beside_them(numbers: dict[str, Any]) -> None:
    found = written(numbers)
    assert sorted(found) == ["flagship.md", "results.md"]
    for name, text in found.items():
        assert text == (DOCS / name).read_text()


def test_the_documents_are_short(numbers: dict[str, Any]) -> None:
    text = (DOCS / "results.md").read_text()
    summary = text.partition("## How to read")[0]
    assert len(summary.splitlines()) < 50
    assert all(study["title"] in summary for study in numbers["studies"])
    assert len(text) < 50_000
    assert len((DOCS / "flagship.md").read_text()) < 9_000
    assert (DOCS / "results.json").stat().st_size < 200_000


def test_only_what_is_better_by_the_rule_is_called_better(numbers: dict[str, Any]) -> None:
    lower_is_better = "negative_log_likelihood"
    for pair in (pair for study in numbers["studies"] for pair in study["compared"]):
        intervals = {name: pair["differences"][name]["interval_95"] for name in DECISIVE}
        low, high = intervals[lower_is_better]
        intervals[lower_is_better] = [-high, -low]
        better = any(low > 0 for low, _ in intervals.values())
        worse = any(high < 0 for _, high in intervals.values())
        verdict = {(1, 0): "better", (0, 1): "worse", (1, 1): "mixed", (0, 0): "none"}
        assert pair["verdict"] == verdict[better, worse]


def test_the_weights_have_one_set_of_scores(numbers: dict[str, Any]) -> None:
    """README, model card and the page show what the weights hold; this document measures again."""
    held = json.loads((EMBEDDED / "ensemble.json").read_text())
    weights = numbers["weights"]
    assert weights["data_fingerprint"] == held["training"]["data_fingerprint"]
    assert _leaves(weights["by_rule"]) == pytest.approx(_leaves(held["scores"]["views_8"]), abs=2e-5)
    accuracy = held["scores"]["views_1"]["calibrated"]["accuracy"]
    assert weights["scores"]["1"]["accuracy"]["value"] == pytest.approx(accuracy, abs=2e-5)


def test_every_kept_study_is_in_the_document_and_says_what_the_code_says(
    numbers: dict[str, Any],
) -> None:
    studies = [json.loads(path.read_text()) for path in sorted(EVIDENCE.glob("*/study.json"))]
    names = [study["study"] for study in studies]
    assert sorted(study["study"] for study in numbers["studies"]) == names
    assert {"le2020-ablations", "focal-weights", "split", "supercon"} <= set(names)
    for study in studies:
        assert study == study_json(STUDIES[study["study"]], study["command"])


def test_every_figure_that_is_shown_is_there_and_no_other() -> None:
    text = (DOCS / "results.md").read_text()
    shown = {part.split(")")[0] for part in text.split("](figures/")[1:]}
    others = (DOCS / "trust.md").read_text()
    there = {path.name for path in (DOCS / "figures").iterdir()}
    assert {name for name in there if f"](figures/{name})" not in others} == shown


def test_the_numbers_follow_from_the_evidence(numbers: dict[str, Any]) -> None:
    stored = next(study for study in numbers["studies"] if study["study"] == "split")
    again = plain(measure_study(*read_study(EVIDENCE / "split")), DECIMALS)
    assert _leaves(again) == pytest.approx(_leaves(stored), abs=2e-5)


def test_a_bias_makes_up_for_class_weights_that_were_half_learnt() -> None:
    """Each diagnosis is as probable on average as it is frequent, whatever its class weight was."""
    bias = json.loads((EVIDENCE / "focal-weights" / "study.json").read_text())["bias"]
    evidence = replace(read_evidence(EVIDENCE / "focal-weights" / "focal-and-weights"), bias=bias)
    shares = np.bincount(evidence.labels, minlength=7) / len(evidence.labels)
    assert evidence.calibrated(1).mean(axis=0) == pytest.approx(shares, abs=0.01)


@pytest.mark.parametrize("bias", ["none", "always", "chosen"])
def test_a_bias_is_named_only_where_there_is_one(numbers: dict[str, Any], bias: str) -> None:
    other = {**numbers, "weights": {**numbers["weights"], "bias": bias}}
    sentence = written(other)["results.md"].split("shipped weights have ")[1].split(".")[0]
    assert sentence.startswith("a temperature")
    assert ("bias of each class" in " ".join(sentence.split())) == (bias != "none")


def _leaves(value: object, path: str = "") -> dict[str, float]:
    if isinstance(value, dict):
        parts = [_leaves(part, f"{path}/{key}") for key, part in value.items()]
    elif isinstance(value, list):
        parts = [_leaves(part, f"{path}/{index}") for index, part in enumerate(value)]
    else:
        return {path: float(value)} if isinstance(value, int | float) else {}
    return {key: number for part in parts for key, number in part.items()}
