"""docs/trust.md, docs/trust.json and the embedded weights tell the same story."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from skin_app.novelty import NoveltyDetector
from skin_app.trust import Trust
from skin_app.weights.contract import Contract
from skin_app.weights.folder import open_weights
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import DataError, Dataset
from train.documents.trust_document import FIGURE, SECTIONS, document, read_document, write_text
from train.release.audit_weights import audit, sections, summary

DOCUMENT = Path(__file__).parents[2] / "docs" / "trust.md"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return open_weights().contract


@pytest.fixture(scope="module")
def trust(contract: Contract) -> Trust:
    assert contract.trust is not None
    return contract.trust


def test_every_number_of_the_text_comes_from_the_json() -> None:
    numbers = read_document(DOCUMENT)
    assert DOCUMENT.read_text(encoding="utf-8") == document(numbers)
    assert set(SECTIONS) <= set(numbers)
    assert (DOCUMENT.parent / FIGURE).is_file()
    numbers["about"]["images"] += 1
    assert DOCUMENT.read_text(encoding="utf-8") != document(numbers)


def test_a_goal_of_the_refusals_is_met_or_missed_by_its_number() -> None:
    numbers = read_document(DOCUMENT)
    for refused, verdict in ((0.08, "met"), (0.081, "**missed**")):
        numbers["novelty"]["by_diagnosis"]["vasc"]["value"] = refused
        numbers["novelty"]["groups"]["clinical"]["refused"]["value"] = 1 - refused + 0.03
        lines = document(numbers).split("## Refused pictures")[1].splitlines()
        for start in ("| vasc | 5", "| clinical skin"):
            row = next(line for line in lines if line.startswith(start))
            assert row.rstrip(" |").endswith(f": {verdict}")


def test_the_document_is_about_the_embedded_weights_and_the_page_shows_its_numbers(
    contract: Contract, trust: Trust
) -> None:
    numbers = read_document(DOCUMENT)
    about = numbers["about"]
    assert about["members"] == [contract.files[f"{m}/model.safetensors"] for m in contract.members]
    assert about["data_fingerprint"] == contract.training.data_fingerprint
    assert trust.measured == summary(numbers)


def test_a_section_fitted_again_enters_a_document_about_the_same_weights_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust: Trust
) -> None:
    weights, data, out = open_weights(), Dataset(pd.DataFrame(), "0"), tmp_path / "trust.md"
    measured, stored = {**read_document(DOCUMENT)["heat"], "images": 7}, []
    limit = trust.heat.model_copy(update={"least_concentration": 0.4})
    monkeypatch.setattr("train.audit.lesion_heat.measure", lambda _: measured)
    monkeypatch.setattr("train.audit.lesion_heat.fit_heat_limit", lambda _: limit)
    monkeypatch.setattr(OutOfFold, "open", lambda *_: SimpleNamespace(weights=weights))
    monkeypatch.setattr("train.release.audit_weights.put_into", lambda *put: stored.append(put))
    numbers = read_document(DOCUMENT)
    write_text(numbers | {"about": {**numbers["about"], "members": ["another"]}}, out)
    with pytest.raises(DataError, match="about other weights"):
        audit(weights, data, tmp_path, None, out, only="heat")
    older = numbers | {"decisions": {}, "heat": {}}
    out.with_suffix(".json").write_text(json.dumps(older))
    with pytest.raises(DataError, match="no section decisions of this version: leave out --only"):
        audit(weights, data, tmp_path, None, out, only="heat")
    write_text(numbers, out)
    audit(weights, data, tmp_path, None, out, only="heat")
    assert read_document(out) == numbers | {"heat": measured}
    ((_, contract, files),) = stored
    update = {"heat": limit, "measured": summary(read_document(out))}
    assert contract.trust == trust.model_copy(update=update)
    assert (contract.calibration, contract.scores) == (
        weights.contract.calibration,
        weights.contract.scores,
    )
    assert not files  # the statistics of novelty stay


def test_the_sections_fit_all_limits_of_the_weights(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = {
        "audit.decisions.fit_decisions": trust.decisions,
        "audit.patient_context.fit_patient_context": trust.context,
        "audit.photo_quality.fit_quality": trust.quality,
        "audit.lesion_heat.fit_heat_limit": trust.heat,
        "audit.skin_tone_bands.fit_tone": trust.tone,
        "release.audit_weights.fit_novelty": trust.novelty,
        "audit.photo_quality.measured_images": None,
    }
    for name, limits in fits.items():
        monkeypatch.setattr(f"train.{name}", lambda *_, limits=limits: limits)
    unseen = cast(OutOfFold, SimpleNamespace(input_size=224))
    own = sections(unseen, Dataset(pd.DataFrame(), "0"), None)
    fitted = {field: limits for one in own.values() for field, limits in one.fit().items()}
    assert own.keys() == SECTIONS.keys()
    assert fitted == {field: limits for field, limits in trust if field != "measured"}


def test_the_quick_and_the_full_answer_have_limits_of_their_own(trust: Trust) -> None:
    assert {1, 8} <= set(trust.decisions.by_views)
    for limits in trust.decisions.by_views.values():
        ninety, ninety_five = limits.sets
        assert all(a >= b for a, b in zip(ninety.least, ninety_five.least, strict=True))
        thresholds = [point.threshold for point in limits.operating_points]
        assert thresholds == sorted(thresholds, reverse=True)


def test_the_novelty_statistics_load() -> None:
    assert isinstance(open_weights().novelty(), NoveltyDetector)
