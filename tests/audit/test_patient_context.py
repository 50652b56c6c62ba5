"""What age and sex add is measured on other lesions than it was fitted on."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skin_app.calibration import malignant_probability
from skin_app.outcome import GROUNDS, decide
from skin_app.weights.folder import WeightsFolder, open_weights
from tests.predictions import BASE, made
from train.audit import patient_context
from train.audit.conformal_sets import fit_sets
from train.audit.fitted_context import Patients
from train.audit.fitted_operating_points import fit_threshold, is_malignant
from train.audit.out_of_fold import OutOfFold
from train.audit.patient_context import BOTH, PHOTO, crossfit_in_context, grounds_in_context
from train.documents.template import filled
from train.release.audit_weights import summary
from train.scores.crossfit import Crossfit
from train.scores.intervals import plain

IMAGES, WITHOUT_AGE = 1000, 40


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> OutOfFold:
    """Predictions that know nothing of the age; malignant lesions are those of older patients."""
    logits, labels, lesions = made(IMAGES)
    random = np.random.default_rng(1)
    ages = np.where(is_malignant(labels), 60, 45) + 5.0 * random.integers(-5, 6, IMAGES)
    ages[:WITHOUT_AGE] = np.nan
    columns = {"age": ages, "sex": random.choice(["female", "male"], IMAGES)}
    table = pd.DataFrame(columns | {"lesion": lesions.astype(str)})
    calibration = BASE.model_copy(update={"temperatures": {8: 1.0}})
    contract = SimpleNamespace(calibration=calibration, trainings=("one run",))
    weights = cast(WeightsFolder, SimpleNamespace(contract=contract))
    own = OutOfFold(weights, (), table, {8: logits}, labels, tmp_path_factory.mktemp("work"))
    own.__dict__["crossfits"] = {  # two in place of five, to save time
        8: tuple(Crossfit.of(calibration, logits, labels, own.lesions, 8, seed) for seed in (0, 1))
    }
    return own


@pytest.fixture(scope="module")
def in_context(unseen: OutOfFold) -> list[Crossfit]:
    patients = Patients.of(unseen.table)
    return [crossfit_in_context(crossfit, patients) for crossfit in unseen.crossfits[8]]


@pytest.fixture(scope="module")
def numbers(unseen: OutOfFold) -> dict[str, Any]:
    return plain(patient_context.measure(unseen))


def test_what_lies_inside_a_part_does_not_move_its_own_context(
    unseen: OutOfFold, in_context: list[Crossfit]
) -> None:
    """Poison: inside one part every diagnosis becomes another; only the other parts may notice."""
    photo, patients = unseen.crossfits[8][0], Patients.of(unseen.table)
    inside, known = photo.parts == 2, patients.known
    poisoned = replace(photo, labels=np.where(inside, (photo.labels + 3) % 7, photo.labels))
    before, after = in_context[0].own, crossfit_in_context(poisoned, patients).own
    assert np.array_equal(before[inside], after[inside])
    assert not np.array_equal(before[~inside & known], after[~inside & known])
    assert np.array_equal(before[~known], photo.own[~known])
    assert (before[known] != photo.own[known]).any(axis=1).all()


def test_the_outcomes_are_those_of_decide(unseen: OutOfFold, in_context: list[Crossfit]) -> None:
    found = grounds_in_context(unseen.crossfits[8], in_context)[0]
    trust = open_weights().contract.trust
    assert trust is not None
    shipped = trust.decisions.of(8)
    for part, (fit, apply, photo) in enumerate(unseen.crossfits[8][0].each_part()):
        on = photo[fit], unseen.labels[fit]
        points = tuple(
            point.model_copy(update={"threshold": fit_threshold(*on, point.target_sensitivity)})
            for point in shipped.operating_points
        )
        sets = tuple(fit_sets(*on, own.coverage) for own in shipped.sets)
        own = shipped.model_copy(update={"operating_points": points, "sets": sets})
        limits = trust.decisions.model_copy(update={"by_views": {8: own}})
        for row in np.flatnonzero(apply):
            both = in_context[0].probabilities[part, row]
            decision = decide(photo[row], 1.0, limits, 8, novel=False, in_context=both)
            assert GROUNDS[found[row]] == (decision.outcome, decision.reason)


def test_age_helps_where_it_tells_something_and_sex_does_not(
    unseen: OutOfFold, in_context: list[Crossfit], numbers: dict[str, Any]
) -> None:
    for name, crossfits in ((PHOTO, unseen.crossfits[8]), (BOTH, in_context)):
        areas = [
            roc_auc_score(is_malignant(unseen.labels), malignant_probability(crossfit.own))
            for crossfit in crossfits
        ]
        assert numbers["scores"][name]["malignant_auc"]["value"] == pytest.approx(np.mean(areas))
    assert numbers["gain"]["malignant_auc"]["interval_95"][0] > 0.02
    assert numbers["gain"]["negative_log_likelihood"]["interval_95"][1] < 0
    low, high = numbers["gain_of_sex"]["negative_log_likelihood"]["interval_95"]
    assert low < 0.005
    assert high > -0.005
    assert numbers["without_age"] == WITHOUT_AGE
    young, old = (
        numbers["groups"][f"age band {band}"]["melanoma_sensitivity"] for band in ("30-44", "75+")
    )
    for point in ("0.85", "0.99"):
        assert young[point][BOTH]["value"] < young[point][PHOTO]["value"]
        assert young[point]["in use"]["value"] == pytest.approx(young[point][PHOTO]["value"])
        assert old[point]["in use"]["value"] >= old[point][PHOTO]["value"]


def test_the_price_is_compared_with_a_lower_threshold(numbers: dict[str, Any]) -> None:
    before, after = (numbers["outcomes"][name] for name in (PHOTO, BOTH))
    left, called = numbers["steps"]["from not suspicious"], numbers["steps"]["to suspicious"]
    for step in (left, called):
        own, lower = step["by_context"]["counts"], step["by_lower_threshold"]["counts"]
        assert own["images"] == lower["images"] == pytest.approx(own["benign"] + own["malignant"])
        shares = (step[by]["malignant"]["value"] for by in ("by_context", "by_lower_threshold"))
        assert step["more_malignant"]["value"] == pytest.approx(np.subtract(*shares))
    fewer = before["not_suspicious"]["value"] - after["not_suspicious"]["value"]
    assert left["by_context"]["images"]["value"] == pytest.approx(fewer)
    assert fewer > 0
    more = after["suspicious"]["value"] - before["suspicious"]["value"]
    assert called["by_context"]["images"]["value"] == pytest.approx(more)
    saved = before["missed_melanomas"] - after["missed_melanomas"]
    assert left["by_context"]["counts"]["melanoma"] == pytest.approx(saved)


def test_a_lower_threshold_raises_the_answers_with_the_highest_probabilities(unseen: OutOfFold) -> None:
    photo, places = unseen.crossfits[8], np.arange(IMAGES)
    among, moved = (np.stack([places < count] * 2) for count in (500, 10))
    found = patient_context.raised_by_lower_threshold(photo, among, moved)
    assert found.sum(axis=1).tolist() == [10, 10]
    assert not found[:, 500:].any()
    malignant = malignant_probability(photo[0].own[:500])
    assert malignant[found[0, :500]].min() >= malignant[~found[0, :500]].max()


def test_the_text_says_what_was_found(numbers: dict[str, Any]) -> None:
    text = filled("trust/context.md", numbers=numbers)
    assert "nan" not in text.split()
    assert f"**{numbers['gain']['malignant_auc']['value']:+.3f}**" in text
    young = numbers["groups"]["age under 40"]["melanoma_sensitivity"]["0.99"]
    missed = "the sensitivity for melanoma under 40 at the 99 % point would change by"
    for high, told in ((-0.1, True), (0.1, False)):
        young["difference"] = {"value": -0.2, "interval_95": [-0.3, high], "images": 9}
        assert (missed in filled("trust/context.md", numbers=numbers)) == told
    for interval, told in (
        ([-0.1, 0.1], "do not show that age and sex do better"),
        ([0.1, 0.2], "Age and sex find more"),
        ([-0.2, -0.1], "Age and sex find fewer"),
    ):
        for step in numbers["steps"].values():
            step["more_malignant"] = {"value": 0.0, "interval_95": interval, "images": 9}
        assert filled("trust/context.md", numbers=numbers).count(told) == 2


@pytest.mark.parametrize("lack", ["ages", "a diagnosis"])
def test_images_that_tell_too_little_give_no_model(unseen: OutOfFold, lack: str) -> None:
    ages = unseen.table["age"].to_numpy().copy()
    ages[unseen.labels == 3 if lack == "a diagnosis" else np.arange(IMAGES) > 150] = 0
    poor = replace(unseen, table=unseen.table.assign(age=ages))
    assert patient_context.fit_patient_context(poor) is None
    assert patient_context.measure(poor) is None
    assert "Not measured" in filled("trust/context.md", numbers=None)
    assert summary({"context": None}) == {}


def test_the_text_needs_no_young_patients(numbers: dict[str, Any]) -> None:
    groups = {name: group for name, group in numbers["groups"].items() if name != "age under 40"}
    text = filled("trust/context.md", numbers=numbers | {"groups": groups})
    assert "melanomas under 40" not in text
    assert text.count("\n| age ") == sum(name.startswith("age band") for name in groups)
