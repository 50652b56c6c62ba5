import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score

from skin_app.calibration import calibrated
from skin_app.diagnoses import CODES
from skin_app.operating_points import DecisionLimits, prediction_set, predictive_values
from skin_app.weights.folder import WeightsFolder
from skin_app.words.outcome import REASONS
from tests.predictions import BASE, crossfit_predictions, made
from train.audit import decisions, out_of_fold, withheld_answers
from train.audit.agreement import Readings, agreements_of, error_ratios, fit_least_agreement
from train.audit.out_of_fold import OutOfFold, random_lesions
from train.documents.template import filled
from train.scores.fitted_calibration import chosen_calibration
from train.scores.intervals import plain


def test_outcome_scores_count_what_goes_wrong() -> None:
    """Grounds 6, 7 and 2: suspicious, not suspicious, uncertain."""
    labels = np.array([4, 4, 4, 5, 5, 1])
    found = np.array([[6, 7, 2, 7, 6, 6], [6, 7, 7, 7, 2, 6]])
    scores = decisions.outcome_scores(found, labels, np.array([0, 1, 1, 2, 3, 4]))
    assert scores.missed_melanomas == 1.5
    assert scores.missed_melanoma_lesions == 1
    assert scores.melanomas_cleared.value == pytest.approx(0.5)
    assert scores.malignant_not_cleared.value == pytest.approx(1 - 1.5 / 4)
    assert scores.malignant_among_suspicious.value == pytest.approx(4 / 5)
    assert scores.benign_among_not_suspicious.value == pytest.approx(2 / 5)
    assert scores.uncertain.value == pytest.approx(2 / 12)
    assert scores.uncertain.images == 6
    assert scores.malignant_among_suspicious.images == round(5 / 2)  # on average of both divisions


def test_the_limit_is_where_answers_are_clearly_more_often_wrong() -> None:
    random = np.random.default_rng(0)
    agreements = random.integers(4, 9, 2000) / 8
    called = random.random(2000) < 0.5
    wrong = random.random(2000) < np.where(agreements < 0.7, 0.4, 0.1)
    limit = fit_least_agreement(agreements, called, wrong, 8)
    ratios = error_ratios(agreements, called, wrong, 8)
    assert ratios[5].value == pytest.approx(0.4 / wrong.mean(), rel=0.1)  # below 0.75
    assert limit >= 0.75
    clueless = random.random(2000) < 0.2
    assert fit_least_agreement(np.ones(2000), called, clueless, 8) == 0.5


@pytest.mark.parametrize("runs", [1, 2])
def test_agreement_is_read_from_the_first_views_of_every_run(runs: int) -> None:
    random = np.random.default_rng(0)
    readings = Readings(np.array([3, 1]), random.normal(size=(2, runs, 8, 7)))
    probabilities = softmax(random.normal(size=(5, 7)), axis=1)
    found = agreements_of(readings, probabilities, 4, BASE, 0.3)
    malignant = [CODES.index(code) for code in ("akiec", "bcc", "mel")]
    first = readings.logits[:, :, :4].reshape(2, -1, 7)
    singles = softmax(first, axis=2)[..., malignant].sum(axis=2) >= 0.3
    answer = probabilities[[3, 1]][:, malignant].sum(axis=1) >= 0.3
    assert found.tolist() == [(row == side).mean() for row, side in zip(singles, answer, strict=True)]


def test_doubtful_answers_are_the_wrong_ones() -> None:
    crossfit = crossfit_predictions()[0]
    labels, first = crossfit.labels, crossfit.own.argmax(axis=1)
    answered, chosen = withheld_answers.crossfit_answers(crossfit, BASE.frequencies)
    assert answered[0].all()
    assert (np.diff(answered.astype(int), axis=0) <= 0).all()  # who is set aside stays so
    assert answered[4].mean() == pytest.approx(0.8, abs=0.03)
    assert set(chosen) <= set(withheld_answers.MEASURES)
    right = first == labels
    assert right[answered[-1]].mean() > right.mean() + 0.1
    found = withheld_answers.measure(crossfit, BASE.frequencies)
    scores = [balanced_accuracy_score(labels[rows], first[rows]) for rows in answered]
    assert [point.balanced_accuracy.value for point in found.curve] == pytest.approx(scores)
    assert found.rise.value == pytest.approx(scores[4] - scores[0])
    assert found.rise.interval_95 is not None
    low, high = found.rise.interval_95
    assert low < scores[4] - scores[0] < high


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutOfFold:
    """Predictions of two numbers of views, without any network."""
    monkeypatch.setattr(out_of_fold, "REPEATS", 1)
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
    by_views = {1: logits + random.normal(size=logits.shape), 8: logits}
    fitted = chosen_calibration(BASE, by_views, labels, lesions, "numbers of this test")
    contract = SimpleNamespace(calibration=fitted, trainings=("one run",))
    weights = cast(WeightsFolder, SimpleNamespace(contract=contract))
    return OutOfFold(weights, (), table, by_views, labels, tmp_path)


def test_all_is_fitted_and_told(made_up: OutOfFold) -> None:
    rows = random_lesions(made_up.lesions, 150, seed=0)
    views = np.repeat(made_up.logits[8][rows][:, None], 8, axis=1)
    readings = Readings(rows, (views + np.random.default_rng(2).normal(size=views.shape))[:, None])
    limits = decisions.fit_decisions(made_up, readings)
    assert list(limits.by_views) == [1, 8]
    fitted = made_up.weights.contract.calibration
    assert fitted.temperatures[1] > fitted.temperatures[8]  # it is the noisier one
    for count in (1, 8):
        own = limits.of(count)
        probabilities = calibrated(made_up.logits[count], fitted, count)
        for thresholds in own.sets:
            sets = prediction_set(probabilities, thresholds)
            hit = sets[np.arange(700), made_up.labels].mean()
            assert thresholds.coverage <= hit < thresholds.coverage + 0.02  # 7 roundings up
        rising = [point.threshold for point in own.operating_points]
        assert rising == sorted(rising, reverse=True)
    assert limits.of(1).least_agreement == limits.of(8).least_agreement
    assert DecisionLimits.model_validate_json(limits.model_dump_json()) == limits
    numbers = json.loads(json.dumps(plain(decisions.measure(made_up, readings))))
    agreeing = numbers["outcomes_with_agreement"]["8"]
    without, with_them = (agreeing[f"{word} agreement"] for word in ("without", "with"))
    assert with_them["uncertain"]["value"] >= without["uncertain"]["value"]
    assert "nan" not in section(numbers).split()
    numbers["abstention"]["8"]["rise"]["value"] = 0.049
    numbers["sets"]["8"]["0.9"] |= {"missed": ["mel"], "judged": ["mel"], "always_in": ["df"]}
    text = section(numbers)
    assert re.search(r"With 20 % withheld, .* 0\.049 .*\*\*missed\*\*", text)
    assert "**missed** for mel; too few images, so always in the set: df |" in text


def section(numbers: dict[str, object]) -> str:
    values = {"predictive_values": predictive_values, "reasons": REASONS}
    return filled("trust/decisions.md", numbers=numbers, **values)
