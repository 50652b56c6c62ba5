"""Heat on the lesion: of which map, by which limit, and errors below it."""

from typing import Any

import numpy as np
import pytest
import torch

from skin_app.heatmap import attributions
from skin_app.lesion import lesion_mask, standard_square
from skin_app.member_groups import input_square
from tests.library.test_heatmap import of_probabilities
from train.audit import lesion_heat
from train.audit.explanations import first_maps
from train.audit.out_of_fold import OutOfFold
from train.documents.template import filled
from train.scores.intervals import plain


def test_heat_is_read_from_the_map_of_the_first_diagnosis(unseen: OutOfFold) -> None:
    rows = np.array([3, 4, 9])
    photos = [unseen.photo(row) for row in rows]
    logits, maps = first_maps(unseen, rows, photos)
    for place, own in enumerate(unseen.calibrated(logits, 1)):
        member = unseen.members[unseen.table["member"].iloc[rows[place]]]
        signed = attributions(member, input_square(photos[place], member.config)[None])
        all_maps = of_probabilities(signed, torch.from_numpy(own)[None])[0]
        expected = (all_maps[own.argmax()] / own.max()).clamp(min=0).numpy()
        assert maps[place] == pytest.approx(expected, abs=1e-6)
    for (_, area), photo in zip(lesion_heat.heat_and_area(maps, photos), photos, strict=True):
        assert area == lesion_mask(standard_square(photo)).mean()


def test_heat_limit_and_errors_below_it(unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    images = len(unseen.table)
    concentration = np.linspace(0.5, 2, images)
    area = np.random.default_rng(2).uniform(0.1, 0.3, images)
    logits = 5 * np.eye(7)[unseen.labels]
    logits[:2] = logits[:2, ::-1]  # the two lowest are wrong (label 0 and 1 become 6 and 5)
    heat_and_area = np.stack([area * concentration, area], axis=1)
    heat_and_area[-1] = np.nan, 0
    kept = {"rows": list(range(images)), "logits": logits, "heat_and_area": heat_and_area}
    monkeypatch.setattr(lesion_heat, "read_heat", lambda _unseen: kept)
    limit = lesion_heat.fit_heat_limit(unseen)
    assert limit.least_concentration == pytest.approx(np.quantile(concentration[:-1], 0.05))
    measured = lesion_heat.measure(unseen)
    assert measured.without_mask == 1
    assert measured.area.value == pytest.approx(area[:-1].mean())
    numbers: dict[str, Any] = plain(measured)
    wrong = numbers["wrong"]["calibrated"]
    assert wrong["below"]["value"] == 1
    share = (2 - wrong["below"]["images"]) / wrong["above"]["images"]
    assert wrong["above"]["value"] == pytest.approx(share)
    assert "wrong more often" in filled("trust/heat.md", numbers=numbers)
    for own in numbers["wrong"].values():
        own["below"] |= {"value": None, "interval_95": None, "images": 0}
    assert "The intervals overlap" in filled("trust/heat.md", numbers=numbers)
