"""The parts of trust joined: each says what its own module says, and the fitted limits load again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skin_app.calibration import calibrated
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.heatmap import heat_on_lesion
from skin_app.lesion import lesion_mask, standard_square
from skin_app.member_groups import input_square
from skin_app.outcome import SUSPICIOUS_FROM, agreement
from skin_app.photo.read import Photo
from skin_app.quality import findings
from skin_app.views import all_views
from skin_app.weights.contract import CONTRACT
from skin_app.weights.folder import WeightsError, open_weights
from tests.tiny import MOBILENET, SWIN, give_trust, picture, write_weights
from train.data.drawings import draw_lesion

LESION = Photo(draw_lesion(11, "network", 180, 240))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return give_trust(write_weights(tmp_path_factory.mktemp("w") / "weights", (MOBILENET, SWIN)))


@pytest.fixture(scope="module")
def ensemble(folder: Path) -> Ensemble:
    return Ensemble.load(folder)


@pytest.mark.parametrize("views", [1, 8])
def test_every_part_is_that_of_its_module(ensemble: Ensemble, views: int) -> None:
    analysis = ensemble(LESION, views, with_maps=True)
    assessment, trust = analysis.assessment, ensemble.trust
    assert assessment is not None
    assert trust is not None
    readings = []
    with torch.inference_mode():
        for member in ensemble.members:
            turned = all_views(input_square(LESION, member.config)[None], views)[0]
            readings += [member(view[None]).logits[0].numpy() for view in turned]
    own = calibrated(np.stack(readings), ensemble.calibration, 1)
    threshold = trust.decisions.of(views).point_of(SUSPICIOUS_FROM).threshold
    assert assessment.decision.agreement == pytest.approx(
        float(agreement(analysis.probabilities, own, threshold))
    )
    assert assessment.look.findings == findings(LESION, trust.quality)
    mask = lesion_mask(standard_square(LESION))
    assert mask.any()
    assert assessment.heat_on_lesion is not None
    assert analysis.maps is not None
    expected = [heat_on_lesion(analysis.maps[code], mask) for code in CODES]
    np.testing.assert_allclose(assessment.heat_on_lesion, expected)


def test_quick_and_full_answer_share_one_look_and_a_batch_says_the_same(ensemble: Ensemble) -> None:
    quick, full = (analysis.assessment for analysis in ensemble.refine(LESION))
    together = ensemble([LESION, Photo(picture(3, 150, 120))])[0].assessment
    assert quick is not None
    assert full is not None
    assert together is not None
    assert quick.look is full.look
    assert together.decision.outcome == full.decision.outcome
    assert together.novelty.score == pytest.approx(full.novelty.score, abs=1e-3)


def test_a_damaged_novelty_file_is_one_sentence(tmp_path: Path) -> None:
    folder = give_trust(write_weights(tmp_path / "weights"))
    path = folder / "novelty.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match=r"novelty\.safetensors .* damaged"):
        open_weights(folder)


def test_storing_trust_changes_nothing_else(tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "weights")
    before = open_weights(folder).contract
    members = {p: p.read_bytes() for p in folder.rglob("*.safetensors")}
    give_trust(folder)
    after = open_weights(folder).contract
    assert all(path.read_bytes() == content for path, content in members.items())
    assert after.trust is not None
    assert after.model_copy(update={"trust": None, "files": before.files}) == before
    assert set(after.files) == {*before.files, "novelty.safetensors"}
    assert not list(folder.glob("*.partial"))
    assert (folder / CONTRACT).is_file()


def test_without_maps_the_heat_is_said_not_to_be_checked(ensemble: Ensemble) -> None:
    quick, full = ensemble.refine(LESION)
    asked = ensemble(LESION, 1, with_maps=True)
    assert quick.assessment is not None
    assert full.assessment is not None
    assert asked.assessment is not None
    assert ensemble(LESION, 1).maps is None
    assert quick.assessment.heat_is_outside is None
    assert isinstance(asked.assessment.heat_is_outside, bool)
    assert isinstance(full.assessment.heat_is_outside, bool)
    assert [own.name for own in quick.not_checked or ()] == ["heat beside the lesion"]
    assert (asked.not_checked, full.not_checked) == ((), ())
