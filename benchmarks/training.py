"""Images per second of our training loop, against timm's own data pipeline and training step.

    python benchmarks/training.py [--data FOLDER] [--images 512] [--rounds 3] [--out FILE]

Both train the same network at the same batch size, input size, optimiser and running mean, in turns in
one process. The ratio is that of the medians.

- ours: `Learner`, which reads decoded squares from a memory-mapped cache, augments whole batches and
  uses the focal loss. The cache is filled once, before; the table says how long that took.
- timm: JPEG files through `ImageDataset` and `create_loader` (random crops, flips, colour), with 0 and
  with 2 workers; timm's AdamW and `ModelEmaV3`; cross-entropy.

"Waiting" is the share of the time spent until the pixels of a batch are there. For ours that is reading
the cache (augmentation counts as work, because it runs on the device), for timm the next batch of its
loader.

Without --data the images are drawings of this program, 600 x 450, as JPEG.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from timm.data.dataset import ImageDataset
from timm.data.loader import create_loader
from timm.optim._optim_factory import create_optimizer_v2
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional as F

from skin_app.diagnoses import CODES
from skin_app.hardware import best_device, describe, precision
from skin_app.network import Member
from skin_app.result_files import OutputError, check_output, replace_file
from train.data.drawings import Pattern, draw_lesion
from train.data.ham10000 import Dataset, read_dataset
from train.data.pixels import Pixels
from train.engine.fold import Learner, memory_format
from train.engine.processes import new_accelerator
from train.engine.run import Run, prepare
from train.recipes.changes import changed
from train.recipes.published import FLAGSHIP
from train.recipes.recipe import Recipe

KINDS: tuple[Pattern, ...] = ("network", "globules", "patchy", "vessels")
WORKERS = (0, 2)


class TimedPixels(Pixels):
    """Pixels that count the seconds until they are there."""

    seconds = 0.0

    def take(self, rows: np.ndarray) -> Tensor:
        start = time.perf_counter()
        images = super().take(rows)
        self.seconds += time.perf_counter() - start
        return images


class Ours:
    """Our training step."""

    name = "ours"

    def __init__(self, run: Run, member: Member) -> None:
        self.learner = Learner(run, 0, 0, member, new_accelerator())
        self.pixels = TimedPixels(run.squares, self.learner.device)
        self.learner.pixels = self.pixels
        self.rows = np.flatnonzero(run.assignment != 0)
        self.batch, self.number = run.recipe.batch, 0

    def go(self, steps: int) -> tuple[float, float]:
        """Seconds for `steps` steps, and the share of them spent waiting for pixels."""
        self.pixels.seconds = 0.0
        start = time.perf_counter()
        for _ in range(steps):
            generator = np.random.default_rng(self.number)
            self.learner.step(self.number, generator.choice(self.rows, self.batch, False), 0.1)
            self.number += 1
        seconds = time.perf_counter() - start
        return seconds, self.pixels.seconds / seconds


class Timms:
    """timm's training step and data pipeline, with `workers` loader processes."""

    def __init__(self, folder: Path, recipe: Recipe, member: Member, workers: int) -> None:
        self.name = f"timm, {workers} workers"
        stage = recipe.stages[0]
        for name, parameter in member.backbone.named_parameters():
            parameter.requires_grad_(not (stage.frozen and name.startswith(stage.frozen)))
        self.device = best_device()
        self.layout = memory_format(member)
        self.member = member.to(device=self.device, memory_format=self.layout).train()  # pyright: ignore[reportCallIssue]
        dataset = ImageDataset(str(folder), reader="folder")
        self.loader = create_loader(
            dataset,
            (3, recipe.member.size, recipe.member.size),
            recipe.batch,
            is_training=True,
            vflip=0.5,
            scale=(0.56, 1.0),
            mean=(0.0, 0.0, 0.0),  # the member normalises by itself
            std=(1.0, 1.0, 1.0),
            num_workers=workers,
            use_prefetcher=False,
            persistent_workers=workers > 0,
            device=torch.device("cpu"),
        )
        self.optimiser = create_optimizer_v2(member, "adamw", lr=1e-4, weight_decay=stage.weight_decay)
        self.averaged = ModelEmaV3(member, decay=recipe.averaging)
        self.workers = workers

    def endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def go(self, steps: int) -> tuple[float, float]:
        """As `Ours.go`. Waits at the end, so that the workers do not compute while ours is measured."""
        batches = self.endless()
        waited, start = 0.0, time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            images, labels = next(batches)
            waited += time.perf_counter() - asked
            images = images.to(self.device, memory_format=self.layout)
            with precision(self.device):
                logits = self.member(images).logits
            loss = F.cross_entropy(logits.float(), labels.to(self.device))
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.member.parameters(), 1.0)
            self.optimiser.step()
            self.averaged.update(self.member)
        seconds = time.perf_counter() - start
        time.sleep(2.0 * self.workers)
        return seconds, waited / seconds


def drawn_data(folder: Path, images: int) -> Path:
    """Write drawings in HAM10000's layout, equally many of each diagnosis; returns the folder."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(images):
        name = f"DRAWN_{number:05d}"
        pixels = draw_lesion(number, KINDS[number % len(KINDS)])
        Image.fromarray(pixels).save(folder / "images" / f"{name}.jpg", quality=90)
        rows.append({"image_id": name, "dx": CODES[number % len(CODES)]})
    pd.DataFrame(rows).to_csv(folder / "drawings.csv", index=False)
    return folder


def by_class(data: Dataset, folder: Path) -> Path:
    """Copy the images as timm reads them, one folder for each class; returns the folder."""
    for path, code in zip(data.table["path"], data.table["dx"], strict=True):
        (folder / code).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / code)
    return folder


def compared(run: Run, files: Path, rounds: int, steps: int) -> list[str]:
    """Lines of the table for one recipe."""
    recipe = run.recipe
    ways = [Ours(run, Member(recipe.member))]
    ways += [Timms(files, recipe, Member(recipe.member), workers) for workers in WORKERS]
    taken: dict[str, list[tuple[float, float]]] = {way.name: [] for way in ways}
    for number in range(rounds + 1):
        for way in ways:
            measured = way.go(steps if number else 2)
            if number:
                taken[way.name].append(measured)
    speed = {
        name: recipe.batch * steps / statistics.median(seconds for seconds, _ in values)
        for name, values in taken.items()
    }
    member = recipe.member
    lines = [f"{member.architecture}, {member.size} px, batch {recipe.batch}"]
    for name, values in taken.items():
        waiting = statistics.median(share for _, share in values)
        lines.append(f"  {name:16} {speed[name]:6.1f} images/s   waiting {waiting:6.1%}")
    best = max(value for name, value in speed.items() if name != "ours")
    return [*lines, f"  ours / best timm {speed['ours'] / best:6.2f}   (target: at least 1.0)", ""]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder in HAM10000's layout (default: drawings)")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    if options.out:
        try:
            check_output(options.out, rb"\d+ JPEG files \(")
        except OutputError as error:
            parser.error(str(error))
    mobilenet = changed(replace(FLAGSHIP, folds=2), "mobilenetv2_100", 128, {"stages.0.frozen": ()})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = options.data or drawn_data(folder / "drawn", options.images)
        part = read_dataset(source).part(options.images, seed=0)
        files = by_class(part, folder / "files")
        small = folder / "small"
        shutil.copytree(files, small / "images")
        part.table[["image_id", "dx"]].to_csv(small / "small.csv", index=False)
        what = "HAM10000's layout" if options.data else "drawings of 600 x 450"
        accelerator = new_accelerator()
        lines = [
            f"{len(part.table)} JPEG files ({what}); {describe(accelerator.device)}, "
            f"torch {torch.__version__}, timm {timm.__version__}",
            f"medians of {options.rounds} rounds of {options.steps} steps",
            "",
        ]
        for number, recipe in enumerate((replace(FLAGSHIP, folds=2), mobilenet)):
            start = time.perf_counter()
            run = prepare(folder / "runs" / str(number), read_dataset(small), recipe, 0, None)
            if number == 0:
                lines.insert(2, f"filling the cache: {time.perf_counter() - start:.1f} s, once")
            lines += compared(run, files, options.rounds, options.steps)
    print("\n".join(lines))
    if options.out:
        replace_file(options.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
