import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from skin_app.calibration import calibrated
from skin_app.diagnoses import CODES
from skin_app.operating_points import DecisionLimits, prediction_set, predictive_values
from skin_app.weights.folder import WeightsFolder
from skin_app.words.outcome import REASONS
from tests.predictions import BASE, crossfit_predictions, made
from train.audit import decisions, out_of_fold, withheld_answers
from train.audit.out_of_fold import OutOfFold
from train.documents.template import filled
from train.scores.fitted_calibration import chosen_calibration
from train.scores.intervals import plain


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
    limits = decisions.fit_decisions(made_up)
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
    assert DecisionLimits.model_validate_json(limits.model_dump_json()) == limits
    numbers = json.loads(json.dumps(plain(decisions.measure(made_up))))
    assert "nan" not in section(numbers).split()
    numbers["abstention"]["8"]["rise"]["value"] = 0.049
    numbers["sets"]["8"]["0.9"] |= {"missed": ["mel"], "judged": ["mel"], "always_in": ["df"]}
    used = numbers["outcomes"]["8"]["rules"][numbers["rule_in_use"]]
    used["uncertain"]["value"], used["melanomas_cleared"]["value"] = 0.29, 0.031
    text = section(numbers)
    assert "at most 30 % uncertain: **met**;" in text
    assert "at most 3 % of the melanomas called not suspicious: **missed**." in text
    assert "**85 / 99** (in use)" in text
    assert re.search(r"With 20 % withheld, .* 0\.049 .*\*\*missed\*\*", text)
    assert "**missed** for mel; too few images, so always in the set: df |" in text


def section(numbers: dict[str, object]) -> str:
    values = {"predictive_values": predictive_values, "reasons": REASONS}
    return filled("trust/decisions.md", numbers=numbers, **values)
