import json

import numpy as np
import pytest
from jinja2 import UndefinedError

from train.documents.template import environment
from train.scores.differences import Difference
from train.scores.intervals import Estimate, mean_estimate, plain


def filled(text: str, **values: object) -> str:
    return environment().from_string(text).render(**values)


def test_an_estimate_is_written_with_its_interval() -> None:
    share = plain(Estimate(0.361, (0.342, 0.379), 4007))
    assert filled("{{ share | percent_estimate }}", share=share) == "36.1 % [34.2, 37.9]"
    assert filled("{{ share | estimate }} of {{ share.images | count }}", share=share) == (
        "0.361 [0.342, 0.379] of 4,007"
    )
    assert filled("{{ empty | estimate }}", empty=plain(Estimate(None, None, 0))) == "n/a"


def test_a_difference_is_bold_unless_its_interval_spans_zero() -> None:
    worse = plain(Difference(-0.0211, (-0.034, -0.008), "worse"))
    assert filled("{{ worse | difference }}", worse=worse) == "**-0.021 [-0.034, -0.008]**"
    spans = plain(Difference(0.0211, (-0.004, 0.046), "none"))
    assert filled("{{ spans | difference }}", spans=spans) == "+0.021 [-0.004, +0.046]"


def test_a_table_is_markdown() -> None:
    assert filled("{{ rows | table(['a', 'b']) }}", rows=[[1, "x"]]) == (
        "| a | b |\n| --- | --- |\n| 1 | x |"
    )


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


def test_a_heading_has_the_anchor_that_github_gives_it() -> None:
    assert filled("{{ 'Le et al. 2020: its parts' | anchor }}") == "le-et-al-2020-its-parts"


def test_the_mean_is_that_of_numpy_and_its_interval_holds_it() -> None:
    values = np.random.default_rng(0).random(60)
    found = mean_estimate(values, np.repeat(np.arange(20), 3))
    assert found.value == pytest.approx(values.mean())
    assert found.interval_95 is not None
    assert found.interval_95[0] < values.mean() < found.interval_95[1]
    assert mean_estimate(np.array([]), np.array([])) == Estimate(None, None, 0)
