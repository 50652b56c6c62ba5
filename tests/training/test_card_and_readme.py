"""The model card, and the scores in README.md: sentences that follow from the contract."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from skin_app.weights.folder import open_weights
from skin_app.weights.outside_scores import FOLDER, read_outside_scores
from train.__main__ import main
from train.data.ham10000 import DataError
from train.documents.card_and_readme import README_END, README_START, model_card, with_scores

WEIGHTS = open_weights()
CONTRACT = WEIGHTS.contract


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


def test_the_hub_reads_licence_data_and_scores_from_the_card() -> None:
    outside = read_outside_scores(WEIGHTS.folder, CONTRACT)
    read = ModelCard(model_card(CONTRACT, outside)).data
    assert (read["license"], read["datasets"]) == ("cc-by-nc-4.0", ["ham10000"])
    assert read["inference"] is False  # no widget: the Hub cannot run these networks
    assert read["model_name"] == CONTRACT.name
    found = {(own.dataset_type, own.metric_type): own.metric_value for own in read["eval_results"]}
    inside, rules = CONTRACT.scores["views_8"], outside[0].rules
    assert found["ham10000", "accuracy"] == round(inside["calibrated"]["accuracy"], 4)
    assert found["ham10000", "balanced_accuracy"] == round(
        inside["prior_adjusted"]["balanced_accuracy"], 4
    )
    assert found["isic-2018-task-3-test", "roc_auc"] == round(rules["calibrated"]["malignant_auc"], 4)
    assert ("ph2", "accuracy") in found
    assert ("ph2", "f1") not in found  # two of seven diagnoses: no mean over them
    earlier = [replace(own, members_changed=True) for own in outside]
    data = ModelCard(model_card(CONTRACT, earlier)).data
    assert {own.dataset_type for own in data["eval_results"]} == {"ham10000"}


def test_the_card_names_start_weights_of_timm_as_its_base_model_and_no_others() -> None:
    def base_model(start: str) -> object:
        training = CONTRACT.training.model_copy(update={"start_weights": start})
        return ModelCard(card(training=training)).data.get("base_model")

    assert base_model("mine.safetensors") is None
    assert base_model("timm no_such_network") is None
    for start in ("timm resnet50", "timm resnet50, then 3 epochs at 160 px"):
        assert base_model(start) == ["timm/resnet50.a1_in1k"]


def test_the_card_of_the_embedded_weights_is_up_to_date() -> None:
    outside = read_outside_scores(WEIGHTS.folder, CONTRACT)
    assert (WEIGHTS.folder / "README.md").read_text(encoding="utf-8") == model_card(CONTRACT, outside)


def test_weights_without_scores_or_limits_say_so() -> None:
    bare = CONTRACT.model_copy(update={"scores": {}, "trust": None})
    text = model_card(bare)
    assert "No scores were measured" in text
    assert "run `python -m train audit`" in text
    assert yaml.safe_load(text.split("---\n")[1])["tags"]
    with pytest.raises(DataError, match="No scores were measured for flagship"):
        with_scores(f"{README_START}{README_END}", bare)


def test_scores_outside_are_those_of_the_reports() -> None:
    reports = {
        own["name"]: own
        for path in (WEIGHTS.folder / FOLDER).glob("*.json")
        for own in [json.loads(path.read_text())]
    }
    assert {"ISIC 2018 Task 3 test", "PH2"} <= set(reports)
    outside = read_outside_scores(WEIGHTS.folder, CONTRACT)
    old = f"before\n{README_START}\n| outside: elsewhere | 0.1 |\n\n{README_END}\nafter"
    readme, text = with_scores(old, CONTRACT, outside), model_card(CONTRACT, outside)
    assert with_scores(readme, CONTRACT, outside) == readme
    assert "elsewhere" not in readme
    for name, own in reports.items():
        assert f"**{name}**: {own['images']:,} images of {own['lesions']:,} lesions" in text
        for rule, scores in own["rules"].items():
            (row,) = re.findall(rf"\| outside: {name}, {rule.replace('_', '-')} \|.*", readme)
            for score in ("accuracy", "malignant_auc", "expected_calibration_error"):
                low, high = scores["intervals_95"][score]
                shown = f" {scores[score]:.3f} [{low:.3f}, {high:.3f}] "
                assert shown in row
                assert shown in text
            balanced = f" {scores['balanced_accuracy']:.3f} ["
            assert (balanced in row) == (name != "PH2")  # two of seven diagnoses: no mean over them
    assert "only mel, nv occur" in text
    assert "none from outside HAM10000" not in text
    assert "no score of other patients" not in text
    assert "none from outside HAM10000" in model_card(CONTRACT)


def test_other_systems_stand_beside_reports_of_their_test_alone() -> None:
    outside = read_outside_scores(WEIGHTS.folder, CONTRACT)
    for text in (
        model_card(CONTRACT, outside),
        with_scores(README_START + README_END, CONTRACT, outside),
    ):
        assert "Published scores of other systems" in text
        assert re.search(r"MetaOptima 2018 \(#1\) (\| )?0\.885", text)
        assert re.search(r"Xception (\| )?0\.933", text)
        own = outside[0].rules["prior_adjusted"]["balanced_accuracy"]
        assert re.search(rf"this program(, prior-adjusted \|)? {own:.3f}", text)
    elsewhere = [replace(own, name="Clinic B") for own in outside]
    for text in (
        model_card(CONTRACT, elsewhere),
        with_scores(README_START + README_END, CONTRACT, elsewhere),
    ):
        assert "Published scores" not in text
        assert "MetaOptima" not in text


def test_the_card_tells_the_scores_of_patients() -> None:
    estimate = {"value": 0.5, "interval_95": [0.25, 0.75], "images": 7}
    scores = dict.fromkeys(("balanced_accuracy", "malignant_auc", "melanoma_recall"), estimate)
    group = {"axis": "age", "name": "under 40", "images": 1234, "scores": scores}
    small = {**group, "axis": "sex", "name": "unknown", "scores": {}}
    text = card(scores=CONTRACT.scores | {"patients": [group, small]})
    shown = " | 0.500 [0.250, 0.750]" * 3
    assert f"| age under 40 | 1,234 | 7{shown} |" in text
    assert "| unknown |" not in text
    before = {key: own for key, own in CONTRACT.scores.items() if key != "patients"}
    assert "By sex and age" not in card(scores=before)


def test_scores_of_earlier_members_say_so() -> None:
    earlier = [
        replace(own, members_changed=True) for own in read_outside_scores(WEIGHTS.folder, CONTRACT)
    ]
    assert "its members were others" in model_card(CONTRACT, earlier)
    readme = with_scores(f"{README_START}{README_END}", CONTRACT, earlier)
    assert f"| outside: PH2, calibrated, earlier members ({earlier[0].weights}) |" in readme


def test_a_file_without_the_markers_is_left_alone_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "README.md"
    path.write_text("mine")
    assert main(["readme", "--out", str(path)]) == 2
    assert "needs the lines <!-- scores" in capsys.readouterr().err
    assert path.read_text() == "mine"
