"""How long one answer takes, against bare forward passes and against the usual libraries.

    python benchmarks/answer.py [--weights FOLDER] [--repeats 7] [--out FILE]

Measured on one photo (a synthetic drawing, 600 x 450), in turns in one process; shown are medians.

- full: the page's whole answer: all members, 8 views, heatmaps, similar lesions, checks. The longer,
  the more diagnoses have a map: at least two. The table says how many the drawing has.
- ours: the same without heatmaps, from 8 views, and from 1 (the page's quick answer).
- bare: only the forward passes of "ours", with the same sizes and batches. Stages that the members
  share run once, as in "ours".
- usual: ttach around each member at one size, and the grad-cam library once for each class and member
  (one view).

Where the processor has bfloat16, the networks answer in it, about twice as fast; the maps are always
float32. There all is measured twice: as it is, and all in float32, as on other processors. Peak memory
is that of a new process that loads the weights and answers once.
"""

import argparse
import copy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
import ttach
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.hardware import describe, has_bfloat16, precision
from skin_app.member_groups import Inputs, input_square
from skin_app.network import Member, MemberOutput, run_members
from skin_app.photo.read import Photo
from skin_app.result_files import OutputError, check_output, replace_file
from skin_app.views import VIEWS
from train.data.drawings import draw_lesion


class UsualMember(nn.Module):
    """A member as other programs build it: trainable, with logits and a last layer `spatial`."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.member = copy.deepcopy(member).requires_grad_(True)
        self.spatial = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        features = self.member.feature_map((images - self.member.mean) / self.member.std)
        return self.member.head(self.spatial(features).mean(dim=(2, 3)))


def bare(ensemble: Ensemble, inputs: list[Inputs]) -> list[list[MemberOutput]]:
    """Only the forward passes; stages that members share run once."""
    with torch.inference_mode(), precision(ensemble.device):
        return [
            run_members(group.members_at[size], group.stages, squares)
            for group, own in zip(ensemble.groups, inputs, strict=True)
            for size, (_, squares) in own.by_size.items()
        ]


def usual(members: list[UsualMember], inputs: list[Tensor]) -> None:
    """Test-time augmentation by ttach, then one Grad-CAM call per class."""
    turns = ttach.Compose([ttach.HorizontalFlip(), ttach.Rotate90(angles=[0, 90, 180, 270])])
    for member, batch in zip(members, inputs, strict=True):
        with torch.inference_mode():
            ttach.ClassificationTTAWrapper(member, turns, merge_mode="mean")(batch)
        with GradCAM(model=member, target_layers=[member.spatial]) as cam:
            for label in range(len(CODES)):
                cam(input_tensor=batch.clone(), targets=[ClassifierOutputTarget(label)])  # type: ignore[arg-type]


def medians(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each way, measured in turns after one round to warm up.

    The last result of each way is kept until its next turn. Otherwise the allocator would return the
    memory to the system, and the next turn would pay for getting it back.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    held: dict[str, object] = {}
    for round_number in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            held[name] = way()
            if round_number:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


ANSWER_ONCE = """
import pathlib, resource, sys
from skin_app.ensemble import Ensemble
from skin_app.photo.read import Photo
from train.data.drawings import draw_lesion
ensemble = Ensemble.load(sys.argv[1] or None)
if int(sys.argv[2]):
    ensemble(Photo(draw_lesion(0, "network")), int(sys.argv[2]))
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss would count the parent's memory too
    high = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    print(int(high.split()[1]) * 1024 / 1e6)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def peak_memory(weights: str | None, views: int) -> float:
    """Peak resident memory in MB of a fresh process that loads the weights and answers once."""
    command = [sys.executable, "-c", ANSWER_ONCE, weights or "", str(views)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measured(ensemble: Ensemble, repeats: int) -> list[str]:
    """The lines of the table for one precision."""
    photo = Photo(draw_lesion(0, "network"))
    maps = ensemble(photo, VIEWS).maps
    one = [input_square(photo, m.config)[None].to(ensemble.device) for m in ensemble.members]
    alone, eight = (
        [group.inputs([photo], views).to(ensemble.device) for group in ensemble.groups]
        for views in (1, VIEWS)
    )
    members = [UsualMember(member) for member in ensemble.members]
    seconds = medians(
        {
            "full, 8 views": lambda: ensemble(photo, VIEWS),
            "ours, 8 views": lambda: ensemble.analyse_all([photo], VIEWS, with_maps=False),
            "bare, 8 views": lambda: bare(ensemble, eight),
            "ours, 1 view": lambda: ensemble.analyse_all([photo], 1, with_maps=False),
            "bare, 1 view": lambda: bare(ensemble, alone),
            "usual": lambda: usual(members, one),
        },
        repeats,
    )
    lines = [f"{name:16} {value * 1000:8.0f} ms" for name, value in seconds.items()]
    lines[0] += f"   (maps of {len(maps or ())} diagnoses)"
    for above, below, target in (
        ("full, 8 views", "bare, 8 views", "   (target: at most 1.3)"),
        ("ours, 8 views", "bare, 8 views", "   (target: at most 1.15)"),
        ("ours, 1 view", "bare, 1 view", "   (target: at most 1.2)"),
        ("usual", "full, 8 views", ""),
    ):
        ratio = seconds[above] / seconds[below]
        lines.append(f"{above.split(',')[0]} / {below:16} {ratio:6.2f}{target}")
    return lines


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", help="a weights folder (default: the embedded one)")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    if options.out:
        try:
            check_output(options.out, rb"weights [^\n]*, \d+ members\n")
        except OutputError as error:
            parser.error(str(error))
    if options.weights and not Path(options.weights).is_dir():
        parser.error(f"{options.weights} is not a folder")
    ensemble = Ensemble.load(options.weights)
    lines = [
        f"weights {ensemble.weights.identity}, {len(ensemble.members)} members",
        f"{describe(ensemble.device)}, torch {torch.__version__}, medians of {options.repeats}",
    ]
    if has_bfloat16(ensemble.device):
        lines += ["", "bfloat16", *measured(ensemble, options.repeats)]
    with patch("skin_app.hardware.has_bfloat16", return_value=False):
        lines += ["", "float32", *measured(ensemble, options.repeats)]
    lines.append("")
    for views, name in ((0, "loaded"), (8, "8 views"), (1, "1 view")):
        lines.append(f"peak memory, {name:8} {peak_memory(options.weights, views):6.0f} MB")
    print("\n".join(lines))
    if options.out:
        replace_file(options.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
