import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skin_app.diagnoses import MALIGNANT
from skin_app.skin_tone import TONES
from skin_app.weights.folder import open_weights
from tests.tiny import write_weights
from train.audit import skin_tone_bands
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import Dataset
from train.documents.template import filled
from train.scores.intervals import plain

# (L*, b*): 45 degrees light, 68 very light, bluer than grey, no skin, -45 dark
COLOURS = [(60.0, 10.0), (75.0, 10.0), (70.0, -3.0), (np.nan, np.nan), (40.0, 10.0)]
DATA = Dataset(pd.DataFrame(), fingerprint="0")


@pytest.fixture
def unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutOfFold:
    """100 images of 50 lesions: 40 light, 30 very light, 20 bluish, 6 without skin, 4 dark."""
    colours = np.repeat(COLOURS, (40, 30, 20, 6, 4), axis=0)
    survey = pd.DataFrame(
        {
            "image_id": [f"ISIC_{i}" for i in range(100)],
            "dx": "nv",
            "group": np.arange(100) // 2,
            "lightness": colours[:, 0] + np.linspace(0, 0.01, 100),
            "yellow": colours[:, 1] + np.linspace(0.01, 0, 100),
        }
    )
    monkeypatch.setattr(skin_tone_bands, "kept_survey", lambda _unseen, _data: survey)
    monkeypatch.setattr(skin_tone_bands, "LEAST_LESIONS", 15)
    labels = np.arange(100) % 7
    logits = np.random.default_rng(0).normal(size=(100, 7)) + 2 * np.eye(7)[labels]
    return OutOfFold(
        weights=open_weights(write_weights(tmp_path / "weights")),
        members=(),
        table=survey.assign(lesion=survey["group"].map(lambda g: f"L{g:03d}")),
        logits={8: logits},
        labels=labels,
        work=tmp_path,
    )


def test_bands_are_counted(unseen: OutOfFold) -> None:
    bands = skin_tone_bands.fit_tone(unseen, DATA)
    assert bands.images == dict.fromkeys(TONES, 0) | {"light": 40, "very light": 30, "dark": 4}
    assert bands.lesions == dict.fromkeys(TONES, 0) | {"light": 20, "very light": 15, "dark": 2}
    assert bands.unknown == 26
    assert [band for band in TONES if not bands.scarce(band)] == ["very light", "light"]


def test_scores_of_a_band_are_those_of_its_images(unseen: OutOfFold) -> None:
    measured = skin_tone_bands.measure(unseen, DATA)
    labels, probabilities = unseen.labels[:40], unseen.calibrated(unseen.logits[8][:40], 8)
    light, dark = measured.out_of_fold["light"], measured.out_of_fold["dark"]
    assert (light.images, light.lesions) == (40, 20)
    assert light.scores is not None
    accuracy, expected = light.scores["accuracy"], (probabilities.argmax(axis=1) == labels).mean()
    assert accuracy.value == pytest.approx(expected)
    malignant = np.array(MALIGNANT)
    area = roc_auc_score(malignant[labels], probabilities[:, malignant].sum(axis=1))
    assert light.scores["malignant_auc"].value == pytest.approx(area)
    assert accuracy.interval_95 is not None
    assert accuracy.interval_95[0] < expected < accuracy.interval_95[1]
    assert (dark.images, dark.scores) == (4, None)  # too few lesions
    assert measured.out_of_fold["tan"].images == 0


def test_counts_and_text(unseen: OutOfFold) -> None:
    numbers = plain(skin_tone_bands.measure(unseen, DATA))
    counts = [numbers[name] for name in ("no_skin", "bluer_than_grey", "darker_than_middle_grey")]
    assert counts == [6, 20, 4]
    same = numbers["same_lesion"]
    assert same["pairs"] == 37  # without the 13 that no angle can be given for
    assert same["same_band"]["value"] == 1
    assert same["by_chance"] == pytest.approx(((np.array([40, 30, 4]) / 74) ** 2).sum())
    text = filled("trust/skin_tone.md", numbers=numbers)
    assert re.search(r"\| dark \| 4 \| 2 \| 4 \| \d \|  \|  \|  \|  \|", text)  # too few for scores
    assert "tan, brown, dark" in text
    assert "hardly been trained on dark skin" in text
    same |= {"pairs": 0, "same_band": {"value": None, "interval_95": None, "images": 0}}
    numbers["bands"]["lesions"] |= {"brown": 500, "dark": 500}
    text = filled("trust/skin_tone.md", numbers=numbers)  # of lesions with one photograph each
    assert "lie in the same band in n/a" in text
    assert "hardly been trained on dark skin" not in text
