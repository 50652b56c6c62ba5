"""The model card, and the scores in README.md: sentences that follow from the contract."""

from pathlib import Path

import pytest
import yaml

from skin_app.weights.folder import open_weights
from train.__main__ import main
from train.data.ham10000 import DataError
from train.documents.card_and_readme import README_END, README_START, model_card, with_scores

CONTRACT = open_weights().contract


def card(**changed: object) -> str:
    return model_card(CONTRACT.model_copy(update=changed))


def test_the_card_says_what_the_weights_are_and_are_not_for() -> None:
    calibration = CONTRACT.calibration.model_copy(
        update={"temperatures": {1: 1.5, 8: 1.25}, "biases": {8: (0.0,) * 7}}
    )
    text = card(calibration=calibration)
    assert "temperature 1.500 for 1 view, " in text
    assert "temperature 1.250 and a bias of each class for 8 views." in text
    assert "SKIN_APP_WEIGHTS=OWNER/NAME@COMMIT python app.py" in text
    assert "library_name" not in yaml.safe_load(text.split("---\n")[1])
    assert "Photos taken without a dermatoscope" in text.split("## Out of scope")[1].split("##")[0]
    assert "licence: unknown, ask the author" in text
    known = CONTRACT.training.model_copy(update={"start_licence": "Apache-2.0"})
    assert "licence: Apache-2.0" in card(training=known)
    assert "ask the author" not in card(training=known)


def test_weights_without_scores_or_limits_say_so() -> None:
    bare = CONTRACT.model_copy(update={"scores": {}, "trust": None})
    text = model_card(bare)
    assert "No scores were measured" in text
    assert "run `python -m train audit`" in text
    assert yaml.safe_load(text.split("---\n")[1])["tags"]
    with pytest.raises(DataError, match="No scores were measured for flagship"):
        with_scores(f"{README_START}{README_END}", bare)


def test_scores_outside_that_others_measured_stay_in_the_table() -> None:
    outside = "| outside: elsewhere | 0.5 |"
    old = f"before\n{README_START}\n| inside HAM10000 | 0.1 |\n{outside}\n\n{README_END}\nafter"
    new = with_scores(old, CONTRACT)
    assert f"|\n{outside}\n" in new
    assert "| 0.1 |" not in new
    assert with_scores(new, CONTRACT) == new


def test_a_file_without_the_markers_is_left_alone_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "README.md"
    path.write_text("mine")
    assert main(["readme", "--out", str(path)]) == 2
    assert "needs the lines <!-- scores" in capsys.readouterr().err
    assert path.read_text() == "mine"
