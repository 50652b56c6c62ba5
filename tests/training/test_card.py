"""The model card, and the scores in README.md: sentences that follow from the contract."""

from pathlib import Path

import pytest
import yaml

from skin_app.weights.folder import open_weights
from train.__main__ import main
from train.release.card import model_card

CONTRACT = open_weights().contract


def test_only_views_that_have_a_bias_are_said_to() -> None:
    calibration = CONTRACT.calibration.model_copy(
        update={"temperatures": {1: 1.5, 8: 1.25}, "biases": {8: (0.0,) * 7}}
    )
    card = model_card(CONTRACT.model_copy(update={"calibration": calibration}))
    assert "temperature 1.500 for 1 view, " in card
    assert "temperature 1.250 and a bias of each class for 8 views." in card


def test_the_card_says_how_to_use_the_weights_and_names_no_library_that_cannot_load_them() -> None:
    card = model_card(CONTRACT)
    assert "SKIN_APP_WEIGHTS=OWNER/NAME@COMMIT python app.py" in card
    assert "library_name" not in yaml.safe_load(card.split("---\n")[1])
    assert "docs/trust.md" not in card


def test_a_file_without_the_markers_is_left_alone_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "README.md"
    path.write_text("mine")
    assert main(["readme", "--out", str(path)]) == 2
    assert "needs the lines <!-- scores" in capsys.readouterr().err
    assert path.read_text() == "mine"
