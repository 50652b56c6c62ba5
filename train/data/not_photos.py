"""Pictures without a lesion (one colour, noise, text), which a dermatoscopy classifier must refuse."""

import numpy as np
from PIL import Image, ImageDraw

from skin_app.photo.read import Photo

HEIGHT, WIDTH = 450, 600


def blank(seed: int) -> Photo:
    """One colour all over."""
    colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    return Photo(np.broadcast_to(colour, (HEIGHT, WIDTH, 3)).copy())


def noise(seed: int) -> Photo:
    """Independent random pixels, in squares of 1 to 16 pixels a side."""
    generator = np.random.default_rng(seed)
    side = int(2 ** generator.integers(0, 5))
    shape = (HEIGHT // side + 1, WIDTH // side + 1, 3)
    coarse = generator.integers(0, 256, shape, dtype=np.uint8)
    return Photo(coarse.repeat(side, axis=0).repeat(side, axis=1)[:HEIGHT, :WIDTH].copy())


def text_screenshot(seed: int) -> Photo:
    """Lines of letters, dark on light or light on dark."""
    generator = np.random.default_rng(seed)
    ink, paper = ("black", "white") if generator.random() < 0.5 else ("white", "black")
    image = Image.new("RGB", (WIDTH, HEIGHT), paper)
    draw = ImageDraw.Draw(image)
    size = int(generator.integers(10, 28))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
    for top in range(size, HEIGHT - size, int(size * 1.5)):
        line = "".join(generator.choice(letters, generator.integers(20, 60)))
        draw.text((size, top), line, fill=ink, font_size=size)
    return Photo(np.array(image))
