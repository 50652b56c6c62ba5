"""The three real examples: chosen by a rule that anybody can repeat, and answered as stated."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skin_app.calibration import calibrated
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.ensemble import Ensemble
from skin_app.gallery.example_lesions import EXAMPLE_LESIONS, ExampleLesion
from skin_app.outcome import decide
from skin_app.photo.read import read_photo
from skin_app.weights.folder import EMBEDDED, open_weights

VIEWS = 8


@pytest.fixture(scope="module")
def held_out() -> pd.DataFrame:
    """What the held-out members answer: outcome, first diagnosis, malignant probability."""
    contract = open_weights().contract
    assert contract.trust is not None
    table = pd.read_csv(EMBEDDED / "evaluation" / "out_of_fold.csv")
    table = table.merge(pd.read_csv(EMBEDDED / "gallery.csv").drop(columns="dx"), on="image_id")
    logits = table[[f"logit_{VIEWS}views_{code}" for code in CODES]].to_numpy()
    probabilities = calibrated(logits, contract.calibration, VIEWS)
    limits = contract.trust.decisions
    return table.assign(
        outcome=[decide(row, 1.0, limits, VIEWS, novel=False).outcome for row in probabilities],
        first=[CODES[place] for place in probabilities.argmax(axis=1)],
        malignant=probabilities[:, list(MALIGNANT)].sum(axis=1),
        images=table.groupby("lesion")["image_id"].transform("size"),
    )


def chosen(table: pd.DataFrame, lesion: ExampleLesion) -> str:
    fits = table[
        (table["dx"] == lesion.dx)
        & (table["first"] == lesion.dx)
        & (table["outcome"] == lesion.outcome)
        & (table["dx_type"] == "histo")
        & (table["images"] == 1)
    ]
    malignant = np.asarray(fits["malignant"])
    distance = np.abs(malignant - np.median(malignant))
    return str(fits.assign(distance=distance).sort_values(["distance", "image_id"])["image_id"].iloc[0])


@pytest.mark.parametrize("lesion", EXAMPLE_LESIONS, ids=lambda own: own.image_id)
def test_the_rule_chooses_them_again(held_out: pd.DataFrame, lesion: ExampleLesion) -> None:
    assert chosen(held_out, lesion) == lesion.image_id


def test_there_is_one_of_each_outcome() -> None:
    assert [own.outcome for own in EXAMPLE_LESIONS] == ["suspicious", "uncertain", "not suspicious"]


@pytest.mark.slow
def test_the_embedded_weights_answer_as_the_held_out_members_and_know_the_images() -> None:
    if not (folder := os.environ.get("SKIN_APP_HAM10000")):
        pytest.skip("set SKIN_APP_HAM10000 to a folder with HAM10000's images")
    ensemble = Ensemble.load()
    for lesion in EXAMPLE_LESIONS:
        (path,) = Path(folder).rglob(f"{lesion.image_id}.jpg")
        analysis = ensemble(read_photo(path))
        assert analysis.outcome == lesion.outcome
        assert analysis.ranked[0].diagnosis.code == lesion.dx
        assert "training image" in [found.name for found in analysis.to_check or []]
