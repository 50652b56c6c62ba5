"""The patient's context never makes an outcome less suspicious: shown for every input that counts."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.operating_points import DecisionLimits
from skin_app.outcome import Decision, Outcome, decide
from skin_app.weights.folder import open_weights

SUSPICION: dict[Outcome, int] = {"not suspicious": 0, "uncertain": 1, "suspicious": 2}
FOUR = tuple(CODES.index(code) for code in ("bcc", "mel", "bkl", "nv"))
STATES = tuple(product((0.0, 1.0), (False, True), (False, True)))  # agreement, novel, damaged


@pytest.fixture(scope="module")
def shipped() -> DecisionLimits:
    trust = open_weights().contract.trust
    assert trust is not None
    return trust.decisions


def with_limits(shipped: DecisionLimits, highest: float, lowest: float) -> DecisionLimits:
    """Each diagnosis is in the set from 0.5 on; the points lie between `highest` and `lowest`."""
    own, thresholds = shipped.of(8), (highest, (highest + lowest) / 2, lowest)
    points = tuple(
        point.model_copy(update={"threshold": threshold})
        for point, threshold in zip(own.operating_points, thresholds, strict=True)
    )
    sets = tuple(one.model_copy(update={"least": (0.5,) * 7}) for one in own.sets)
    views = own.model_copy(update={"operating_points": points, "sets": sets})
    return shipped.model_copy(update={"by_views": {8: views}})


def with_every_set() -> Iterator[np.ndarray]:
    """Values (not of sum 1) with every set of two malignant and two benign diagnoses."""
    for members in product((0.1, 0.6), repeat=len(FOUR)):
        values = np.zeros(7)
        values[list(FOUR)] = members
        yield values


def check(alone: Decision, both: Decision) -> None:
    assert SUSPICION[both.without_refusal] >= SUSPICION[alone.without_refusal]
    if alone.outcome == "not dermatoscopic":
        assert both.outcome == alone.outcome
        return
    assert SUSPICION[both.outcome] >= SUSPICION[alone.outcome]
    for wider, narrower in ((both.set_90, alone.set_90), (both.set_95, alone.set_95)):
        assert wider is not None
        assert narrower is not None
        assert (wider >= narrower).all()
        assert not (wider & ~narrower & ~np.array(MALIGNANT)).any()


def test_no_pair_of_sets_and_no_side_of_a_point_lowers_suspicion(shipped: DecisionLimits) -> None:
    """The rule asks only whether a set holds a malignant diagnosis, so four diagnoses are enough."""
    raised = 0
    for photo, context in product(with_every_set(), repeat=2):
        between = float(malignant_probability(np.stack([photo, context])).mean())
        for highest, lowest in ((0, 0), (between, 0), (between, between), (2, 0), (2, between), (2, 2)):
            limits = with_limits(shipped, highest, lowest)
            for shared, novel, damaged in STATES:
                alone = decide(photo, shared, limits, 8, novel, damaged)
                both = decide(photo, shared, limits, 8, novel, damaged, context)
                check(alone, both)
                raised += both.outcome != alone.outcome
    assert raised > 100


@pytest.mark.parametrize("seed", range(5))
def test_no_random_probabilities_lower_suspicion(shipped: DecisionLimits, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(50):
        photo, context = random.dirichlet(np.full(7, random.choice([0.1, 0.5, 2.0])), 2)
        for views, (_, novel, damaged) in product((1, 8), STATES):
            inputs = photo, float(random.random()), shipped, views, novel, damaged
            check(decide(*inputs), decide(*inputs, context))
