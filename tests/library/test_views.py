import numpy as np
import pytest
import torch
from PIL import Image

from skin_app.views import VIEWS, all_views, centre_square, photo_views, turn, turn_back, views_by_size
from tests.tiny import picture


@pytest.mark.parametrize("view", range(VIEWS))
def test_turning_back_undoes_turning(view: int) -> None:
    image = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turn_back(turn(image, view), view), image)


def test_the_eight_views_differ_and_the_first_is_the_image() -> None:
    image = torch.arange(12.0).view(1, 3, 2, 2)
    views = all_views(image)[0]
    assert torch.equal(views[0], image[0])
    assert len({tuple(view.flatten().tolist()) for view in views}) == VIEWS


def test_centre_square_agrees_with_pillow_and_does_not_squash() -> None:
    pixels = picture(1, 120, 90)
    ours = centre_square(torch.from_numpy(pixels).permute(2, 0, 1), 45)
    square = Image.fromarray(pixels).crop((15, 0, 105, 90))
    pillow = np.asarray(square.resize((45, 45), Image.Resampling.BILINEAR)) / 255
    assert np.abs(ours.permute(1, 2, 0).numpy() - pillow).max() < 0.01


def test_a_photos_views_are_those_of_its_square() -> None:
    photo = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 60, 80), dtype=np.uint8))
    expected = all_views(centre_square(photo, 32)[None])[0]
    assert torch.equal(photo_views(photo, 32, range(VIEWS)), expected)
    assert torch.equal(photo_views(photo, 32, [0, 5]), expected[[0, 5]])


def test_views_take_their_sizes_in_turn() -> None:
    assert views_by_size((160, 192), 8) == {160: [0, 2, 4, 6], 192: [1, 3, 5, 7]}
    assert views_by_size((160, 192, 160), 4) == {160: [0, 2, 3], 192: [1]}
    assert views_by_size((160, 192), 1) == {160: [0]}
