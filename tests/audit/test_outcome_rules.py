"""Outcomes counted by hand, and rules that only the other parts may choose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skin_app.diagnoses import CODES
from skin_app.outcome import GROUNDS
from tests.predictions import crossfit_predictions
from train.audit import outcome_rules
from train.audit.outcome_rules import RULES, chosen_inside, crossfit_grounds, rule_name

OUTCOMES = np.array([outcome for outcome, _ in GROUNDS])
SUSPICIOUS, UNCERTAIN, _, CLEARED = range(len(GROUNDS))


def test_outcome_scores_count_what_goes_wrong() -> None:
    labels = np.array([4, 4, 4, 5, 5, 1])
    one = [SUSPICIOUS, CLEARED, UNCERTAIN, CLEARED, SUSPICIOUS, SUSPICIOUS]
    other = [SUSPICIOUS, CLEARED, CLEARED, CLEARED, UNCERTAIN, SUSPICIOUS]
    found, lesions = np.array([one, other]), np.array([0, 1, 1, 2, 3, 4])
    scores = outcome_rules.outcome_scores(found, labels, lesions)
    assert scores.missed_melanomas == 1.5
    assert scores.missed_melanoma_lesions == 1
    assert scores.melanomas_cleared.value == pytest.approx(0.5)
    assert scores.malignant_not_cleared.value == pytest.approx(1 - 1.5 / 4)
    assert scores.malignant_among_suspicious.value == pytest.approx(4 / 5)
    assert scores.benign_among_not_suspicious.value == pytest.approx(2 / 5)
    assert scores.uncertain.value == pytest.approx(2 / 12)
    assert scores.uncertain.images == 6
    assert scores.malignant_among_suspicious.images == round(5 / 2)  # on average of both divisions


def test_shares_of_each_diagnosis_and_of_young_melanomas() -> None:
    images = pd.DataFrame({"dx": ["mel", "mel", "mel", "nv"], "age": [25.0, 35.0, 80.0, np.nan]})
    found = np.array([[SUSPICIOUS, CLEARED, UNCERTAIN, CLEARED]])
    groups = outcome_rules.outcomes_of_groups(found, images, np.arange(4))
    assert groups["diagnosis"]["mel"]["uncertain"].value == pytest.approx(1 / 3)
    assert groups["diagnosis"]["nv"]["not suspicious"].value == 1
    assert groups["age band"]["unknown"]["suspicious"].images == 1
    young = groups["melanomas by age band"]["under 40"]
    assert [young[outcome].value for outcome in ("suspicious", "not suspicious")] == [0.5, 0.5]
    assert "unknown" not in groups["melanomas by age band"]


def test_a_higher_first_point_calls_fewer_suspicious_and_a_lower_second_clears_more() -> None:
    def share(outcome: str, high: float, low: float) -> float:
        return float(
            (OUTCOMES[crossfit_grounds(crossfit_predictions(), (high, low))] == outcome).mean()
        )

    assert share("suspicious", 0.8, 0.98) < share("suspicious", 0.9, 0.98)
    assert share("not suspicious", 0.8, 0.98) > share("not suspicious", 0.8, 0.99)


def test_what_lies_inside_a_part_does_not_choose_its_rule() -> None:
    """Poison one part: its own choice stays, and its images keep their outcomes."""
    crossfit = crossfit_predictions()[0]
    inside = crossfit.parts == 2
    poisoned = replace(crossfit, labels=np.where(inside, (crossfit.labels + 3) % 7, crossfit.labels))
    (before,), choices = chosen_inside([crossfit])
    (after,), _ = chosen_inside([poisoned])
    assert np.array_equal(before[inside], after[inside])
    assert not np.array_equal(before[~inside], after[~inside])
    assert sum(choices.values()) == 5
    assert set(choices) == {rule_name(rule) for rule in RULES}


def test_the_former_rule_needs_set_and_point_to_agree() -> None:
    crossfits = crossfit_predictions()
    found = OUTCOMES[outcome_rules.grounds_of_sets(crossfits)]
    sets = outcome_rules.crossfit_sets(crossfits, 0.9)
    held = sets[..., [CODES.index(code) for code in ("akiec", "bcc", "mel")]].any(axis=-1)
    assert (found[~held] != "suspicious").all()
    assert (found[held] != "not suspicious").all()
