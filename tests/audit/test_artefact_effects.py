"""What painted artefacts do to answers and heat, counted by hand and measured on drawings."""

from typing import cast

import numpy as np
import pytest

from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.photo.read import Photo
from train.audit import artefact_effects, lesion_heat
from train.audit.changed_photos import UNCHANGED, ChangedPhotos
from train.audit.lesion_masks import on_square
from train.audit.out_of_fold import OutOfFold
from train.data.drawings import draw_lesion
from train.data.painted_artefacts import ARTEFACTS
from train.documents.template import filled
from train.scores.intervals import plain


def test_flips_are_counted_by_hand(unseen: OutOfFold) -> None:
    melanoma, naevus = np.eye(7)[CODES.index("mel")], np.eye(7)[CODES.index("nv")]
    before = 4 * np.stack([melanoma, melanoma, naevus, naevus, naevus, naevus, naevus, naevus])
    after = before.copy()
    after[0], after[2] = 4 * naevus, 4 * melanoma
    answers = ChangedPhotos(unseen, np.arange(8), {UNCHANGED: before, "hair": after})
    found = artefact_effects.flips_of(answers, "hair", threshold=0.5)
    values = {name: estimate.value for name, estimate in found.items()}
    assert values["flips_calibrated"] == values["side_flips"] == pytest.approx(2 / 8)
    assert values["malignant_to_benign"] == pytest.approx(1 / 2)
    assert found["malignant_to_benign"].images == 2
    assert values["benign_to_malignant"] == pytest.approx(1 / 6)
    assert values["malignant_change"] == pytest.approx(0, abs=1e-12)
    assert cast(float, values["malignant_absolute_change"]) > 0.1


def test_controls_and_the_changed_part() -> None:
    photo = Photo(draw_lesion(1, "globules", height=96, width=128))
    once = artefact_effects.mirrored(photo, 0)
    assert (once.photo.pixels == photo.pixels[:, ::-1]).all()
    assert not once.changed.any()
    again = artefact_effects.saved_again(photo, 0).photo.pixels.astype(float)
    assert 0 < np.abs(again - photo.pixels).mean() < 6
    changed = np.zeros((96, 128), dtype=bool)
    changed[:, :64] = True
    assert on_square(changed).mean() == pytest.approx(0.5)


def test_artefacts_measured_kept_and_told(unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact_effects, "IMAGES", 7)
    monkeypatch.setattr(lesion_heat, "IMAGES", 20)
    measured = artefact_effects.measure(unseen)
    assert (measured.images, measured.malignant) == (7, sum(MALIGNANT))
    assert list(measured.variants) == [*artefact_effects.CONTROLS, *ARTEFACTS]
    for name in ARTEFACTS:
        own = plain(measured.variants[name])
        assert own["flips_calibrated"]["images"] == 7
        assert 0 < own["area"]["value"] < 1
        rise = own["heat_after"]["value"] - own["heat_before"]["value"]
        assert own["heat_change"]["value"] == pytest.approx(rise)
    monkeypatch.setattr(OutOfFold, "read", lambda *_: pytest.fail("read again"))
    assert artefact_effects.measure(unseen) == measured
    numbers = plain(measured)
    for own in numbers["variants"].values():  # as where no image was called suspicious before
        own["malignant_to_benign"] = {"value": None, "interval_95": None, "images": 0}
        own["flips_calibrated"]["interval_95"] = [0.1, 0.2]
    numbers["variants"]["ruler"]["flips_calibrated"]["interval_95"] = [0.21, 0.3]
    text = filled("trust/artefacts.md", numbers=numbers)
    assert "| mirrored (control) | " in text
    assert "do not overlap: ruler." in text
