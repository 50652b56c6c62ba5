"""docs/results.md is what the kept evidence says: nothing in it is typed in, or out of date."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skin_app.weights.folder import EMBEDDED
from train.documents.flagship import GOALS, flagship_page
from train.documents.results import measure_study
from train.documents.results_page import results_page
from train.documents.tables import score_cell
from train.scores.evidence import read_evidence

ROOT = Path(__file__).resolve().parents[2]
DOCS, EVIDENCE = ROOT / "docs", ROOT / "docs" / "evidence"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return json.loads((DOCS / "results.json").read_text())


def test_the_page_shows_the_numbers_beside_it(
    numbers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    paths = Path("docs/evidence"), Path("docs/results.md"), Path("docs/figures")
    assert results_page(numbers, *paths) == (DOCS / "results.md").read_text()


def test_the_flagships_page_shows_them_too(numbers: dict[str, Any]) -> None:
    page = DOCS / "flagship.md"
    text = flagship_page(numbers, page, DOCS / "results.md")
    assert text == page.read_text()


def test_only_what_is_better_than_what_ships_is_called_better(numbers: dict[str, Any]) -> None:
    study = next(study for study in numbers["studies"] if study["study"] == "flagship")
    scores = (
        ("calibrated", "accuracy"),
        ("prior_adjusted", "balanced_accuracy"),
        ("calibrated", "malignant_auc"),
        ("calibrated", "negative_log_likelihood"),
    )
    better = []
    for name, found in study["to_baseline"].items():
        bounds = [found[rule]["differences"][key]["interval_95"] for rule, key in scores]
        low, high = np.array(bounds).T * np.array([1, 1, 1, -1])  # less is better of the last
        low, high = np.minimum(low, high), np.maximum(low, high)
        if (low > 0).any() and not (high < 0).any():
            better.append(name)
    told = f"{', '.join(better)} by the same rule" if better else "none, by the same rule"
    assert f"Better than `8-epochs`: {told}." in (DOCS / "flagship.md").read_text()


def test_the_goals_are_held_against_the_scores_that_the_readme_shows(numbers: dict[str, Any]) -> None:
    """To the last digit: what was rounded once to be kept must not be rounded elsewhere then."""
    scores = json.loads((EMBEDDED / "ensemble.json").read_text())["scores"]["views_8"]
    page = (DOCS / "flagship.md").read_text()
    for _, rule, key, _, _ in GOALS:
        assert f"| {score_cell(scores[rule], key)} |" in page
        assert score_cell(numbers["weights"]["views_8"][rule], key) in (ROOT / "README.md").read_text()


def test_the_weights_have_one_set_of_scores(numbers: dict[str, Any]) -> None:
    """README, model card and the page show what stands in the weights; this document measures anew."""
    weights = numbers["weights"]
    for views in ("views_1", "views_8"):
        assert _leaves(weights[views]) == pytest.approx(_leaves(weights["shown"][views]), abs=2e-5)


def test_every_kept_study_is_in_the_document(numbers: dict[str, Any]) -> None:
    kept = sorted(path.parent.name for path in EVIDENCE.glob("*/study.json"))
    assert sorted(study["study"] for study in numbers["studies"]) == kept
    assert {"le2020-ablations", "focal-weights", "split", "supercon"} <= set(kept)
    weights = json.loads((ROOT / "weights" / "ensemble.json").read_text())
    assert numbers["weights"]["data_fingerprint"] == weights["training"]["data_fingerprint"]


def test_every_figure_that_is_shown_is_there() -> None:
    text = (DOCS / "results.md").read_text()
    shown = [part.split(")")[0] for part in text.split("](figures/")[1:]]
    assert len(shown) > 10
    for name in shown:
        assert (DOCS / "figures" / name).is_file(), name
    others = (DOCS / "trust.md").read_text()
    there = {path.name for path in (DOCS / "figures").iterdir()}
    assert {name for name in there if f"](figures/{name})" not in others} == set(shown)


def test_the_numbers_follow_from_the_evidence(numbers: dict[str, Any], tmp_path: Path) -> None:
    stored = next(study for study in numbers["studies"] if study["study"] == "split")
    again = json.loads(json.dumps(measure_study(EVIDENCE / "split", tmp_path)))
    assert _leaves(again) == pytest.approx(_leaves(stored), abs=2e-5)


def test_class_weights_that_were_half_learnt_are_made_up_for() -> None:
    """Each diagnosis is as probable on average as it is frequent, whatever its class weight was."""
    bias = json.loads((EVIDENCE / "focal-weights" / "study.json").read_text())["bias"]
    evidence = replace(read_evidence(EVIDENCE / "focal-weights" / "focal-and-weights"), bias=bias)
    one_view = replace(evidence, logits={1: evidence.logits[1]})
    shares = np.bincount(evidence.labels, minlength=7) / len(evidence.labels)
    assert one_view.calibrated(1).mean(axis=0) == pytest.approx(shares, abs=0.01)


@pytest.mark.parametrize("bias", ["none", "always", "chosen"])
def test_a_bias_is_named_only_where_there_is_one(numbers: dict[str, Any], bias: str) -> None:
    other = {**numbers, "weights": {**numbers["weights"], "bias": bias}}
    text = results_page(other, Path("e"), Path("docs/results.md"), Path("docs/figures"))
    sentence = text.split("shipped weights it is ")[1].split(";")[0]
    assert sentence.startswith("a temperature")
    assert ("a bias of each class" in sentence) == (bias != "none")


def _leaves(value: object, path: str = "") -> dict[str, float]:
    if isinstance(value, dict):
        parts = [_leaves(part, f"{path}/{key}") for key, part in value.items()]
    elif isinstance(value, list):
        parts = [_leaves(part, f"{path}/{index}") for index, part in enumerate(value)]
    else:
        return {path: float(value)} if isinstance(value, int | float) else {}
    return {key: number for part in parts for key, number in part.items()}
