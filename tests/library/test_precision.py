"""What docs/reliability.md says of bfloat16 against float32."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.reliability.precision import compared
from skin_app.ensemble import Ensemble
from skin_app.photo.read import Photo
from tests.tiny import picture


def test_photos_with_another_first_diagnosis_are_counted_with_their_margin(trusted: Ensemble) -> None:
    analysis = trusted(Photo(picture(0)))

    def having(*probabilities: float) -> object:
        return replace(analysis, probabilities=np.array(probabilities))

    alike = (having(0.6, 0.4, 0, 0, 0, 0, 0), having(0.58, 0.42, 0, 0, 0, 0, 0))
    other = (having(0.49, 0.51, 0, 0, 0, 0, 0), having(0.505, 0.495, 0, 0, 0, 0, 0))
    found = compared(8, [alike, other, alike])  # type: ignore[list-item]
    assert (found.same_top1, found.same_outcome) == (2, 3)
    assert found.margin_of_others == pytest.approx(0.01)
    assert found.largest_difference == pytest.approx(0.02)
    assert found.mean_difference == pytest.approx(0.055 / 3)
    assert compared(8, [alike]).margin_of_others is None  # type: ignore[list-item]
