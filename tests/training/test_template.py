import json

import numpy as np
import pytest
from jinja2 import UndefinedError

from train.documents.template import environment
from train.scores.differences import Difference
from train.scores.intervals import Estimate, mean_estimate, plain


def filled(text: str, **values: object) -> str:
    return environment().from_string(text).render(**values)


@pytest.mark.parametrize(
    ("value", "text", "written"),
    [
        (Estimate(0.361, (0.342, 0.379), 4007), "{{ it | percent_estimate }}", "36.1 % [34.2, 37.9]"),
        (Estimate(0.361, (0.342, 0.379), 4007), "{{ it | estimate }}", "0.361 [0.342, 0.379]"),
        (
            Estimate(0.361, None, 4007),
            "{{ it | estimate }} of {{ it.images | count }}",
            "0.361 of 4,007",
        ),
        (Estimate(None, None, 0), "{{ it | estimate }}", "n/a"),
        (
            Difference(-0.0211, (-0.034, -0.008), "worse"),
            "{{ it | difference }}",
            "**-0.021 [-0.034, -0.008]**",
        ),
        (
            Difference(0.0211, (-0.004, 0.046), "none"),
            "{{ it | difference }}",
            "+0.021 [-0.004, +0.046]",
        ),
        ([[1, "x"]], "{{ it | table(['a', 'b']) }}", "| a | b |\n| --- | --- |\n| 1 | x |"),
        ("Le et al. 2020: its parts", "{{ it | anchor }}", "le-et-al-2020-its-parts"),
    ],
)
def test_values_are_written_as_people_read_them(value: object, text: str, written: str) -> None:
    assert filled(text, it=plain(value)) == written


def test_a_missing_number_is_no_empty_place() -> None:
    with pytest.raises(UndefinedError, match="share"):
        filled("{{ numbers.share }}", numbers={})


def test_plain_values_go_through_json() -> None:
    numbers = {0.9: Estimate(np.float64(0.5), (0.25, 0.75), 3), "rows": (1, None)}
    assert json.loads(json.dumps(plain(numbers))) == {
        "0.9": {"value": 0.5, "interval_95": [0.25, 0.75], "images": 3},
        "rows": [1, None],
    }
    assert plain({"a": [0.123456, 7]}, digits=3) == {"a": [0.123, 7]}


def test_the_mean_is_that_of_numpy_and_its_interval_holds_it() -> None:
    values = np.random.default_rng(0).random(60)
    found = mean_estimate(values, np.repeat(np.arange(20), 3))
    assert found.value == pytest.approx(values.mean())
    assert found.interval_95 is not None
    assert found.interval_95[0] < values.mean() < found.interval_95[1]
    assert mean_estimate(np.array([]), np.array([])) == Estimate(None, None, 0)
