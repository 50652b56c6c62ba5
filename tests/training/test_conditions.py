"""Augmentation by what cameras, dermatoscopes and bodies add: shares, ranges, the drawings."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from skin_app.corrections import colour_constancy
from skin_app.photo.read import Photo
from train.data import conditions
from train.data.artefacts import ARTEFACTS
from train.data.augment import Augmentation, augment

SIDE = 64
PARTS: dict[str, Callable[[Tensor, float, Generator], Tensor]] = {
    "painted": conditions.paint,
    "surround": conditions.surround,
    "uneven light": conditions.uneven_light,
    "colour constancy": conditions.colour_constancy,
    "blur": conditions.blur,
    "JPEG": conditions.compressed,
}


def batch(count: int = 6) -> Tensor:
    """Coloured noise, so that every part changes it."""
    return torch.rand(count, 3, SIDE, SIDE, generator=seeded(9)) * 0.6 + 0.2


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_changes_the_chosen_images_alone(name: str) -> None:
    images = batch(40)
    changed = PARTS[name](images, 0.5, seeded())
    assert changed.shape == images.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    touched = torch.tensor([not torch.equal(a, b) for a, b in zip(images, changed, strict=True)])
    rows = set(conditions.chosen(40, 0.5, seeded()).tolist())
    assert set(torch.nonzero(touched).flatten().tolist()) <= rows
    assert len(rows) * 0.7 <= touched.sum() < 40
    assert torch.equal(PARTS[name](images, 0.0, seeded()), images)
    assert torch.equal(PARTS[name](images, 0.5, seeded()), changed)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_every_drawing_is_linear_in_the_photo_below(artefact: str) -> None:
    """What `painted_layers` rests on: black and white paper tell how any photo is changed."""
    number, side = list(ARTEFACTS).index(artefact), SIDE
    photo = batch(1)[0].permute(1, 2, 0).double().numpy() * 255
    drawn = ARTEFACTS[artefact](photo, np.random.default_rng([side, number, 0]))
    layers = conditions.painted_layers(side, 1)
    passed, added = (part[number].permute(1, 2, 0).double().numpy() for part in layers)
    assert np.abs(photo * passed + added * 255 - drawn).max() < 0.5  # of 255 steps


def test_colour_constancy_is_the_one_that_readers_may_ask_for() -> None:
    images = batch(2)
    expected = [
        colour_constancy(Photo((image.permute(1, 2, 0) * 255).round().byte().numpy())).pixels
        for image in images
    ]
    ours = conditions.colour_constancy(images, 1.0, seeded()).permute(0, 2, 3, 1) * 255
    assert np.abs(ours.numpy() - np.stack(expected)).max() < 1.5


def test_a_cast_multiplies_the_channels_by_gains_of_the_stated_length() -> None:
    images = torch.full((200, 3, 2, 2), 0.4)
    gains = (conditions.colour_cast(images, 0.3, seeded()) / images)[:, :, 0, 0].log()
    length = gains.norm(dim=1)
    assert 0.25 < length.max() <= 0.3 + 1e-5
    assert length.median() < 0.12  # most are weak
    assert torch.allclose(gains.sum(dim=1), torch.zeros(200), atol=1e-5)


def test_a_surround_is_dark_outside_its_circle_and_leaves_the_middle() -> None:
    images = batch(50)
    changed = conditions.surround(images, 1.0, seeded())
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 4)
    assert torch.allclose(changed[..., middle, middle], images[..., middle, middle], atol=1e-3)
    assert (changed[:, :, 0, 0].mean(dim=1) < 0.1).float().mean() > 0.7


def test_blur_keeps_the_mean_and_takes_the_noise() -> None:
    images = batch(4)
    blurred = conditions.blur(images, 1.0, seeded())
    assert torch.allclose(blurred.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.01)
    assert (blurred.std(dim=(2, 3)) < images.std(dim=(2, 3))).all()


def test_parts_that_are_off_leave_the_draws_of_the_others_as_they_were() -> None:
    """An older recipe, which knows none of these parts, is trained on the same images as before."""
    plain = augment(batch(), SIDE, Augmentation(), seeded())
    generator = seeded()
    again = augment(batch(), SIDE, Augmentation(painted=0.0, jpeg=0.0, cast=0.0), generator)
    assert torch.equal(plain, again)
    on = Augmentation(painted=1.0, surround=1.0, uneven_light=1.0, cast=0.3, constancy=1.0, blur=1.0)
    assert not torch.equal(augment(batch(), SIDE, on, seeded()), plain)
