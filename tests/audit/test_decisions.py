import json
import re
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score

from skin_app.decision import calibrated, prediction_set
from skin_app.diagnoses import CODES
from skin_app.outcome import DecisionLimits
from skin_app.weights.folder import WeightsFolder
from tests.predictions import BASE, made, nested_predictions
from train.audit import abstention, decisions, outcomes
from train.audit.agreement import agreements_of, error_ratios, fit_least_agreement
from train.audit.bench import Bench
from train.audit.nested import Nested
from train.audit.nested import nested as make_nested
from train.audit.readings import Readings, random_lesions


@pytest.fixture(scope="module")
def nested() -> Nested:
    return nested_predictions()


def test_outcome_scores_count_what_goes_wrong() -> None:
    """Grounds 6, 7 and 2: suspicious, not suspicious, uncertain."""
    labels = np.array([4, 4, 4, 5, 5, 1])
    found = np.array([[6, 7, 2, 7, 6, 6], [6, 7, 7, 7, 2, 6]])
    scores = outcomes.outcome_scores(found, labels, np.array([0, 1, 1, 2, 3, 4]))
    assert scores["missed_melanomas"] == 1.5
    assert scores["missed_melanoma_lesions"] == 1
    assert scores["melanomas cleared"]["value"] == pytest.approx(0.5)
    assert scores["malignant not cleared"]["value"] == pytest.approx(1 - 1.5 / 4)
    assert scores["malignant among suspicious"]["value"] == pytest.approx(4 / 5)
    assert scores["benign among not suspicious"]["value"] == pytest.approx(2 / 5)
    assert scores["share uncertain"]["value"] == pytest.approx(2 / 12)
    assert scores["share uncertain"]["images"] == 6


def test_predictive_values_count_the_images_that_they_rest_on() -> None:
    """Called suspicious in one division: two images and another two, so two and not four."""
    labels = np.array([4, 4, 5, 5, 1])
    found = np.array([[6, 7, 6, 7, 2], [7, 6, 7, 6, 2]])
    scores = outcomes.outcome_scores(found, labels, np.arange(5))
    assert scores["malignant among suspicious"]["images"] == 2
    assert scores["benign among not suspicious"]["images"] == 2


def test_the_limit_is_where_answers_are_clearly_more_often_wrong() -> None:
    random = np.random.default_rng(0)
    agreements = random.integers(4, 9, 2000) / 8
    called = random.random(2000) < 0.5
    wrong = random.random(2000) < np.where(agreements < 0.7, 0.4, 0.1)
    limit = fit_least_agreement(agreements, called, wrong, 8)
    ratios = error_ratios(agreements, called, wrong, 8)
    assert ratios[5]["value"] == pytest.approx(0.4 / wrong.mean(), rel=0.1)  # below 0.75
    assert limit >= 0.75
    clueless = random.random(2000) < 0.2
    assert fit_least_agreement(np.ones(2000), called, clueless, 8) == 0.5


@pytest.mark.parametrize("kinds", [1, 2])
def test_agreement_is_read_from_the_first_views_of_every_kind(kinds: int) -> None:
    random = np.random.default_rng(0)
    readings = Readings(np.array([3, 1]), random.normal(size=(2, kinds, 8, 7)))
    probabilities = softmax(random.normal(size=(5, 7)), axis=1)
    found = agreements_of(readings, probabilities, 4, BASE, 0.3)
    malignant = [CODES.index(code) for code in ("akiec", "bcc", "mel")]
    first = readings.logits[:, :, :4].reshape(2, -1, 7)
    singles = softmax(first, axis=2)[..., malignant].sum(axis=2) >= 0.3
    answer = probabilities[[3, 1]][:, malignant].sum(axis=1) >= 0.3
    assert found.tolist() == [(row == side).mean() for row, side in zip(singles, answer, strict=True)]


def test_random_lesions_are_one_image_each() -> None:
    lesions = np.repeat(np.arange(40), 3)
    rows = random_lesions(lesions, 25, seed=0)
    assert len(np.unique(lesions[rows])) == 25
    assert len(random_lesions(lesions, 100, seed=0)) == 40
    assert not np.array_equal(rows, random_lesions(lesions, 25, seed=1))


def test_doubtful_answers_are_the_wrong_ones(nested: Nested) -> None:
    answered, right, chosen = abstention.nested_answers(nested, BASE.frequencies)
    assert answered[0].all()
    assert (np.diff(answered.astype(int), axis=0) <= 0).all()  # who is set aside stays so
    assert answered[4].mean() == pytest.approx(0.8, abs=0.03)
    assert set(chosen) <= set(abstention.MEASURES)
    assert right[answered[-1]].mean() > right.mean() + 0.1
    numbers = abstention.measure(nested, BASE.frequencies)
    own = nested.divisions[0].own
    kept = answered[4]
    scores = [
        balanced_accuracy_score(nested.labels[rows], own[rows].argmax(axis=1))
        for rows in (np.ones(len(kept), bool), kept)
    ]
    curve = [point["balanced_accuracy"]["value"] for point in numbers["curve"]]
    assert curve[0] == pytest.approx(scores[0])
    assert curve[4] == pytest.approx(scores[1])
    assert numbers["rise"]["value"] == pytest.approx(scores[1] - scores[0])
    low, high = numbers["rise"]["interval_95"]
    assert low < numbers["rise"]["value"] < high
    for rise, verdict in ((0.05, "**met**"), (0.049, "**missed**")):
        numbers["rise"]["value"] = rise
        assert verdict in abstention.render({"1": numbers})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Predictions of two numbers of views, without any network."""
    logits, labels, lesions = made(700)
    random = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "dx": np.array(CODES)[labels],
            "sex": random.choice(["female", "male"], 700),
            "age": random.integers(0, 90, 700).astype(float),
            "localization": random.choice(["back", "face"], 700),
            "lesion": lesions.astype(str),
        }
    )
    contract = SimpleNamespace(calibration=BASE, trainings=("one kind",))
    return Bench(
        weights=cast(WeightsFolder, SimpleNamespace(contract=contract)),
        members=(),
        table=table,
        logits={1: logits + random.normal(size=logits.shape), 4: logits},
        labels=labels,
        work=tmp_path_factory.mktemp("work"),
    )


def test_all_is_fitted_and_told(bench: Bench) -> None:
    divided = {views: make_nested(bench, views, repeats=1) for views in bench.logits}
    rows = random_lesions(bench.lesions, 150, seed=0)
    views = np.repeat(bench.logits[4][rows][:, None], 8, axis=1)
    readings = Readings(rows, (views + np.random.default_rng(2).normal(size=views.shape))[:, None])
    limits = decisions.fit_decisions(bench, readings, divided)
    assert list(limits.by_views) == [1, 4]
    fitted = decisions.fit_calibration(bench)
    assert fitted.temperatures[1] > fitted.temperatures[4]  # it is the noisier one
    for count in (1, 4):
        own = limits.of(count)
        probabilities = calibrated(bench.logits[count], fitted, count)
        for thresholds in own.sets:
            sets = prediction_set(probabilities, thresholds)
            hit = sets[np.arange(700), bench.labels].mean()
            assert thresholds.coverage <= hit < thresholds.coverage + 0.02  # 7 roundings up
        rising = [point.threshold for point in own.operating_points]
        assert rising == sorted(rising, reverse=True)
    assert limits.of(1).least_agreement == limits.of(4).least_agreement
    assert DecisionLimits.model_validate_json(limits.model_dump_json()) == limits
    numbers = json.loads(json.dumps(decisions.measure(bench, readings, divided)))
    text = decisions.render(numbers)
    assert text.startswith("## Decisions")
    assert re.search(r"\bnan\b", text) is None
    for part in ("Calibration", "Prediction sets", "Outcomes", "Agreement of the readings"):
        assert f"### {part}" in text
    agreeing = numbers["outcomes_with_agreement"]["4"]
    without, with_them = (agreeing[f"{word} agreement"] for word in ("without", "with"))
    assert with_them["share uncertain"]["value"] >= without["share uncertain"]["value"]
