"""The quoted scores of other systems: each beside our own score of the same kind, on the same test."""

import pytest

from skin_app.weights.folder import EMBEDDED, open_weights
from skin_app.weights.outside_scores import OutsideScores, read_outside_scores
from skin_app.weights.published_scores import PUBLISHED
from skin_app.words import evidence


@pytest.fixture(scope="module")
def reports() -> dict[str, OutsideScores]:
    return {own.name: own for own in read_outside_scores(EMBEDDED, open_weights().contract)}


def test_every_test_is_that_of_an_embedded_report(reports: dict[str, OutsideScores]) -> None:
    assert {name for name, own in reports.items() if own.published} == set(PUBLISHED)


def test_our_score_is_of_the_same_kind(reports: dict[str, OutsideScores]) -> None:
    isic, ph2 = reports["ISIC 2018 Task 3 test"], reports["PH2"]
    own = isic.own_score_on(PUBLISHED[isic.name])
    assert own is isic.rules["prior_adjusted"]
    recalls = [own["per_class"][code]["recall"] for code in isic.codes]
    assert own[PUBLISHED[isic.name].score] == pytest.approx(sum(recalls) / 7)
    assert ph2.own_score_on(PUBLISHED["PH2"]) is ph2.rules["calibrated"]["per_class"]["mel"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_systems_stand_in_order_and_a_number_that_we_saw_has_a_source(name: str) -> None:
    test = PUBLISHED[name]
    values = [own.value for own in test.systems]
    assert values == sorted(values, reverse=True)
    assert all(0 < value < 1 for value in values)
    assert all(own.source for own in test.systems if own.seen)
    assert {own.other_images for own in test.systems} <= set(evidence.OTHER_IMAGES)
    assert test.score in evidence.PUBLISHED_SCORES
    assert test.rule in evidence.THIS_PROGRAM
