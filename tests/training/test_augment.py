"""Augmentation: rebuilt from its seed, in range, and each part as strong as it says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from skin_app.corrections import colour_constancy
from skin_app.photo.read import Photo
from train.data.augment import (
    Augmentation,
    augment,
    chosen,
    mix,
    painted_layers,
    with_artefacts,
    with_blur,
    with_cast,
    with_compression,
    with_constancy,
    with_surround,
    with_uneven_light,
)
from train.data.painted_artefacts import ARTEFACTS

SIDE = 64
PARTS: dict[str, Callable[[Tensor, float, Generator], Tensor]] = {
    "painted": with_artefacts,
    "surround": with_surround,
    "uneven light": with_uneven_light,
    "colour constancy": with_constancy,
    "blur": with_blur,
    "JPEG": with_compression,
}
NOTHING = Augmentation(
    rotation=0, flip=False, crop=(1.0, 1.0), shift=0, cutout_probability=0, brightness=0,
    contrast=0, saturation=0, hue_gain=0,
)  # fmt: skip


def batch(count: int = 6) -> Tensor:
    """Coloured noise, so that every part changes it."""
    return torch.rand(count, 3, SIDE, SIDE, generator=seeded(9)) * 0.6 + 0.2


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_augmentation_with_every_part_off_is_the_image() -> None:
    assert torch.allclose(augment(batch(), SIDE, NOTHING, seeded()), batch(), atol=1e-5)


def test_augmentation_is_rebuilt_from_its_seed_and_stays_in_range() -> None:
    one, again, other = (augment(batch(), 32, Augmentation(), seeded(s)) for s in (1, 1, 2))
    assert one.shape == (6, 3, 32, 32)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert 0 <= one.min() <= one.max() <= 1


def test_cutout_erases_the_stated_share() -> None:
    settings = Augmentation(**{**vars(NOTHING), "cutout": 0.5, "cutout_probability": 1.0})
    erased = (augment(batch(), SIDE, settings, seeded()) - batch()).abs().amax(dim=1) > 1e-3
    shares = erased.float().mean(dim=(1, 2))
    assert 0.02 < shares.min() <= shares.max() <= 0.3


def test_mixup_mixes_images_and_targets_alike() -> None:
    targets = torch.eye(7)[:6]
    images, mixed = mix(batch(), targets, 0.4, seeded())
    assert torch.allclose(mixed.sum(dim=1), torch.ones(6))
    assert torch.allclose(images, torch.einsum("ij,jchw->ichw", mixed[:, :6], batch()), atol=1e-6)
    assert ((mixed > 0) & (mixed < 1)).any()


@pytest.mark.parametrize("name", PARTS)
def test_a_part_changes_the_chosen_images_alone(name: str) -> None:
    images = batch(40)
    changed = PARTS[name](images, 0.5, seeded())
    assert changed.shape == images.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    touched = torch.tensor([not torch.equal(a, b) for a, b in zip(images, changed, strict=True)])
    rows = set(chosen(40, 0.5, seeded()).tolist())
    assert set(torch.nonzero(touched).flatten().tolist()) <= rows
    assert len(rows) * 0.7 <= touched.sum() < 40
    assert torch.equal(PARTS[name](images, 0.0, seeded()), images)
    assert torch.equal(PARTS[name](images, 0.5, seeded()), changed)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_every_drawing_is_linear_in_the_photo_below(artefact: str) -> None:
    """What `painted_layers` rests on: black and white paper tell how any photo is changed."""
    number = list(ARTEFACTS).index(artefact)
    photo = batch(1)[0].permute(1, 2, 0).double().numpy() * 255
    drawn = ARTEFACTS[artefact](photo, np.random.default_rng([SIDE, number, 0]))
    layers = painted_layers(SIDE, 1)
    passed, added = (part[number].permute(1, 2, 0).double().numpy() for part in layers)
    assert np.abs(photo * passed + added * 255 - drawn).max() < 0.5  # of 255 steps


def test_colour_constancy_is_the_one_that_readers_may_ask_for() -> None:
    images = batch(2)
    expected = [
        colour_constancy(Photo((image.permute(1, 2, 0) * 255).round().byte().numpy())).pixels
        for image in images
    ]
    ours = with_constancy(images, 1.0, seeded()).permute(0, 2, 3, 1) * 255
    assert np.abs(ours.numpy() - np.stack(expected)).max() < 1.5


def test_a_cast_multiplies_the_channels_by_gains_of_the_stated_length() -> None:
    images = torch.full((200, 3, 2, 2), 0.4)
    gains = (with_cast(images, 0.3, seeded()) / images)[:, :, 0, 0].log()
    length = gains.norm(dim=1)
    assert 0.25 < length.max() <= 0.3 + 1e-5
    assert length.median() < 0.12  # most are weak
    assert torch.allclose(gains.sum(dim=1), torch.zeros(200), atol=1e-5)


def test_a_surround_is_dark_outside_its_circle_and_leaves_the_middle() -> None:
    images = batch(50)
    changed = with_surround(images, 1.0, seeded())
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 4)
    assert torch.allclose(changed[..., middle, middle], images[..., middle, middle], atol=1e-3)
    assert (changed[:, :, 0, 0].mean(dim=1) < 0.1).float().mean() > 0.7


def test_blur_keeps_the_mean_and_takes_the_noise() -> None:
    images = batch(4)
    changed = with_blur(images, 1.0, seeded())
    assert torch.allclose(changed.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.01)
    assert (changed.std(dim=(2, 3)) < images.std(dim=(2, 3))).all()


def test_parts_that_are_off_draw_nothing() -> None:
    """An older recipe, which knows none of them, is trained on the same images as before."""
    ours, expected = seeded(), seeded()
    images = augment(batch(), SIDE, Augmentation(), ours)
    geometry, colour, cutout = (6, 6, 6, (6, 2)), (6, 18, 6, 6), (6, (6, 2))
    for shape in (*geometry, *colour, *cutout):
        torch.rand(shape, generator=expected)
    assert torch.equal(ours.get_state(), expected.get_state())
    on = Augmentation(painted=1.0, surround=1.0, uneven_light=1.0, cast=0.3, constancy=1.0, blur=1.0)
    assert not torch.equal(augment(batch(), SIDE, on, seeded()), images)
