"""What the Evidence tab computes from the predictions of each image, against independent code."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from skin_app.diagnoses import CODES, DIAGNOSES, MALIGNANT
from skin_app.weights.evaluation import FILE, Evaluation, confusions, read_evaluation, roc
from skin_app.weights.folder import WeightsError, file_hash, open_weights
from tests.tiny import write_weights
from train.scores.metrics import confusion_counts, weighted_scores


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    found = read_evaluation(open_weights())
    assert found is not None
    return found


def test_the_calibration_error_is_that_of_the_trainer(evaluation: Evaluation) -> None:
    measured = weighted_scores(
        evaluation.probabilities, evaluation.labels, np.ones((1, len(evaluation.labels)))
    )
    assert evaluation.reliability.error == pytest.approx(measured["expected_calibration_error"][0])
    assert evaluation.reliability.images.sum() == len(evaluation.labels)


def test_curves_are_those_of_scikit_learn(evaluation: Evaluation) -> None:
    curve = evaluation.malignant_roc
    assert curve is not None
    positive = np.array(MALIGNANT)[evaluation.labels]
    mass = evaluation.probabilities[:, np.array(MALIGNANT)].sum(axis=1)
    false, true, _ = roc_curve(positive, mass, drop_intermediate=False)
    np.testing.assert_allclose(curve, (false, true))
    for k, diagnosis in enumerate(DIAGNOSES):
        curve = evaluation.roc_of(diagnosis)
        assert curve is not None
        expected = roc_auc_score(evaluation.labels == k, evaluation.probabilities[:, k])
        assert auc(*curve) == pytest.approx(expected)


def test_equal_scores_make_one_step() -> None:
    curve = roc(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert curve is not None
    np.testing.assert_allclose(curve, ([0, 0, 0.5, 1], [0, 0.5, 1, 1]))
    assert roc(np.array([True, True]), np.array([0.1, 0.2])) is None


def test_confused_pairs_agree_with_a_cross_tabulation(evaluation: Evaluation) -> None:
    predicted = evaluation.probabilities.argmax(axis=1)
    found = confusions(confusion_counts(evaluation.labels, predicted))
    crossed = pd.crosstab(evaluation.labels, predicted)
    assert sum(pair.images for pair in found) == (evaluation.labels != predicted).sum()
    assert found == sorted(found, key=lambda pair: -pair.images)
    for pair in found:
        i, k = DIAGNOSES.index(pair.true), DIAGNOSES.index(pair.called)
        assert pair.images == crossed.loc[i, k]
        assert pair.share == pytest.approx(crossed.loc[i, k] / (evaluation.labels == i).sum())


def listed_anew(folder: Path, table: pd.DataFrame) -> None:
    """Replace the kept predictions, with the right hash."""
    table.to_csv(folder / FILE, index=False)
    contract = json.loads((folder / "ensemble.json").read_text())
    contract["files"][FILE] = file_hash(folder / FILE)
    (folder / "ensemble.json").write_text(json.dumps(contract))


def test_weights_without_predictions_have_no_evaluation(tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "weights")
    assert read_evaluation(open_weights(folder)) is None  # the file has no logits
    contract = json.loads((folder / "ensemble.json").read_text())
    del contract["files"][FILE]
    (folder / "ensemble.json").write_text(json.dumps(contract))
    assert read_evaluation(open_weights(folder)) is None  # and is not listed


def test_predictions_of_something_else_are_refused(tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "weights")
    columns = {f"logit_8views_{code}": [0.0, 1.0] for code in CODES}
    listed_anew(folder, pd.DataFrame({"dx": ["nv", "wart"], **columns}))
    with pytest.raises(WeightsError, match="other diagnoses than the seven"):
        read_evaluation(open_weights(folder))
    listed_anew(folder, pd.DataFrame({"dx": ["nv", "mel"], **columns, "logit_8views_nv": "?"}))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_evaluation(open_weights(folder))
