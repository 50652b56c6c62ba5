"""Kills small runs, fills their disk and damages their files: each must end like an undisturbed run.

    python -m benchmarks.reliability.trainer_faults FOLDER [--recipe NAME] [--kills N] [--every N]

Prints the numbers as JSON. `benchmarks.reliability.training` starts it with `disk_faults.c` loaded.

Killed: half of the moments are drawn over the processor time of the run, half over its file operations,
so that writes are hit too (a write is then done to one half). Disk full: from the n-th file operation
on, all that need space fail with ENOSPC, for every n. After each, the same command is started again.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.reliability.trainer_tries import TICK, Ended, Fault, Tries
from skin_app.network import Member
from skin_app.one_command import only_command
from skin_app.weights.folder import EMBEDDED
from tests.tiny import SWIN as SMALL_SWIN
from tests.tiny import save_state, write_data
from train.data.kept_files import sealed
from train.options import parsed
from train.recipes.changes import changed, parsed_fields
from train.recipes.published import RECIPES

SEED = 22
LESIONS, LESIONS_OF_A_TRIAL = 2, 6  # of each diagnosis, two images each
TOLD = "in its name: it is removed and made anew"
ONE_FOLD = ("--fold", "0")
# Recipe -> the network of its small version, and what is set for it: the rest is the recipe's.
RESNET = "--backbone test_resnet --size 64 --set stages.0.epochs=2"
SWIN = {**SMALL_SWIN.arguments, "img_size": 64, "window_size": 4, "drop_path_rate": 0.1}
SMALL = {
    "le2020": RESNET,
    "mishra2019": f"{RESNET} --set stages.0.epochs=1 --set stages.1.epochs=2",
    "tees3r2019": "--backbone mobilenetv3_small_050 --size 64 --set stages.0.epochs=2 "
    '--set stages.0.frozen=["conv_stem","bn1"]',
    "supercon2022": f"{RESNET} --set stages.0.epochs=1 --set stages.1.epochs=2 --set projection=16",
    "flagship": "--backbone swin_tiny_stages123 --size 64 --set stages.0.epochs=2 "
    f"--set member.view_sizes=[64,80] --set member.arguments={json.dumps(SWIN, separators=(',', ':'))}",
}
ALL = "--set folds=2 --set batch=4 --set cache_side=80 --set shipped=2"


@dataclass(frozen=True)
class Killed:
    """`in_a_write`: of the kills, those in a file operation; `identical`: runs that ended in the same
    files, byte for byte but for times; `seconds`: processor time of an undisturbed run."""

    recipe: str
    seconds: float
    operations: int
    kills: int
    phases: dict[str, int]
    in_a_write: int
    identical: int


@dataclass(frozen=True)
class Filled:
    """`failed`: runs that stopped; `told`: with one sentence; `loadable`: whose checkpoints were all
    whole; `identical`: that ended in the same files once there was space; `filled`: how often."""

    recipe: str
    operations: int
    filled: int
    failed: int
    told: int
    loadable: int
    identical: int


@dataclass(frozen=True)
class Damaged:
    """`found`: damages that were told of; `identical`: after which the same files were written."""

    files: str
    damages: tuple[str, ...]
    found: int
    identical: int


class SmallRuns:
    """The commands of small runs, their data and their start weights in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.tries = Tries(folder / "tries")
        self.folder, self.data = folder, write_data(folder / "data", LESIONS)
        self.out = self.tries.place / "run"

    def command(self, recipe: str, *more: str) -> list[str]:
        """The whole command of the small version of a recipe."""
        init = self.folder / f"{recipe}.safetensors"
        words = ["run", "--recipe", recipe, *SMALL[recipe].split(), *ALL.split(), *more]
        words += ["--data", str(self.data), "--out", str(self.out), "--init", str(init)]
        if not init.exists():
            self.tries.end(self.tries.begin(lambda: _save_start(words, init)))
        return words

    def finished(self, command: list[str]) -> tuple[Ended, dict[str, str]]:
        """Run a command undisturbed in an empty folder; returns how it ended, and its files."""
        self.tries.clear()
        ended = self.tries.run(command)
        if ended.code:
            raise RuntimeError(f"{' '.join(command)} failed:\n{ended.said}")
        return ended, self.tries.contents()

    def ends_alike(self, command: list[str], wanted: dict[str, str]) -> bool:
        """Whether the same command, started again, leaves exactly the wanted files."""
        return self.tries.run(command).code == 0 and self.tries.contents() == wanted


def _save_start(words: list[str], init: Path) -> int:
    options = parsed(words)
    recipe = RECIPES[options.recipe]
    fields = parsed_fields(options.set)
    torch.manual_seed(0)
    save_state(Member(changed(recipe, options.backbone, options.size, fields).member).backbone, init)
    return 0


def after_kills(small: SmallRuns, recipe: str, kills: int) -> Killed:
    """Kill a small run at `kills` drawn moments, each in a run of its own."""
    command = small.command(recipe)
    whole, wanted = small.finished(command)
    draw = random.Random(f"{SEED} {recipe}")
    phases: Counter[str] = Counter()
    identical = in_a_write = 0
    for number in range(kills):
        small.tries.clear()
        if number % 2:
            moment = draw.randrange(len(whole.operations))
            ended = small.tries.run(command, Fault.KILL, moment)
            in_a_write += ended.code == -signal.SIGKILL
        else:
            ended = small.tries.run(command, killed_after=draw.uniform(0, whole.busy))
        if ended.code != -signal.SIGKILL:  # by so little does its processor time differ
            phases["after its end"] += 1
        else:
            phases[_phase(ended.operations)] += 1
        identical += small.ends_alike(command, wanted)
    return Killed(
        recipe,
        round(whole.busy, 1),
        len(whole.operations),
        kills,
        dict(phases),
        in_a_write,
        identical,
    )


def _phase(operations: tuple[str, ...]) -> str:
    """Where a run was when it did its last file operation."""
    last = operations[-1] if operations else "run.json"
    for phase, names in (
        ("weights folder", ("weights", "gallery")),
        ("training", ("checkpoint", "stage-")),
        ("end of a fold", ("fold-",)),
    ):
        if any(name in last for name in names):
            return phase
    return "before training"


def after_full_disks(small: SmallRuns, recipe: str, every: int) -> Filled:
    """Fill the disk at every (`every`-th) file operation of a run of one fold and one epoch."""
    command = small.command(recipe, *ONE_FOLD, "--set", "stages.0.epochs=1")
    whole, wanted = small.finished(command)
    failed, told, loadable, identical = 0, 0, 0, 0
    for number in range(0, len(whole.operations), every):
        small.tries.clear()
        ended = small.tries.run(command, Fault.FULL, number)
        failed += ended.code != 0
        told += ended.code == 2 and bool(ended.sentence)
        before = set(small.out.glob("fold-*/checkpoint-?-????????-*"))
        again = small.tries.run(command)
        loadable += all(f"{path} does not fit" not in again.said for path in before)
        identical += again.code == 0 and small.tries.contents() == wanted
    operations = len(whole.operations)
    times = len(range(0, operations, every))
    return Filled(recipe, operations, times, failed, told, loadable, identical)


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(SEED).randrange(len(content) // 2, len(content))] ^= 1
    path.write_bytes(content)


def _of_an_older_version(path: Path) -> None:
    older = "checkpoint.pt" if path.suffix == ".pt" else f"{path.stem[:-17]}{path.suffix}"
    path.rename(path.with_name(older))


def _of_other_data(path: Path) -> None:
    """A whole file that was written for other data, under the name of this one."""
    content = bytes(reversed(path.read_bytes()))
    other = path.with_name(f"other{path.suffix}")
    other.write_bytes(content)
    found = sealed(other)
    found.rename(path.with_stem(f"{path.stem[:-16]}{found.stem[-16:]}"))
    path.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": _flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "too long": lambda path: path.write_bytes(path.read_bytes() + bytes(1000)),
    "of an older version": _of_an_older_version,
    "of other data": _of_other_data,
}


def after_damages(small: SmallRuns, recipe: str) -> Iterator[Damaged]:
    """Damage each kind of kept file in every way, and start the same command again."""
    command = small.command(recipe, *ONE_FOLD)
    whole, wanted = small.finished(command)
    yield _all_damages(small, "decoded pixels", "cache/squares-*", command, wanted)
    yield _all_damages(small, "embeddings of the gallery", "run/gallery-*", command, wanted)
    renamed = [n for n, text in enumerate(whole.operations) if re.match("rename .*/checkpoint-", text)]
    small.tries.clear()
    # each checkpoint is renamed twice, when it is whole and to its checksum: two are there after four
    small.tries.run(command, Fault.KILL, renamed[3] + 1)
    yield _all_damages(small, "the last checkpoint", "run/fold-0/checkpoint-*", command, wanted)
    data = write_data(small.folder / "trial-data", LESIONS_OF_A_TRIAL)
    trial = ["trial", "--backbone", "test_resnet", "--size", "64", "--data", str(data)]
    trial += ["--init", str(small.folder / f"{recipe}.safetensors"), "--out", str(small.out)]
    _, wanted = small.finished(trial)
    yield _all_damages(small, "features of a trial", "run/*/features-*", trial, wanted)


def _all_damages(
    small: SmallRuns, files: str, pattern: str, command: list[str], wanted: dict[str, str]
) -> Damaged:
    kept = small.folder / "before-damage"
    shutil.copytree(small.tries.place, kept)
    found = identical = 0
    for damage in DAMAGES.values():
        small.tries.clear()
        shutil.copytree(kept, small.tries.place, dirs_exist_ok=True)
        damage(sorted(small.tries.place.glob(pattern))[-1])
        ended = small.tries.run(command)
        found += ended.said.count(TOLD) == 1
        identical += ended.code == 0 and _rebuilt(small.tries.contents()) == _rebuilt(wanted)
    shutil.rmtree(kept)
    return Damaged(files, tuple(DAMAGES), found, identical)


def _rebuilt(contents: dict[str, str]) -> dict[str, str]:
    """Without the features of a trial, which hold the seconds that they took."""
    return {path: content for path, content in contents.items() if "features-" not in path}


@dataclass(frozen=True)
class Refused:
    """A second command on a place in use. `told`: whether it said who has it; `after_kill`: whether it
    began once the first was killed."""

    verb: str
    told: bool
    after_kill: bool


def second_commands(small: SmallRuns) -> Iterator[Refused]:
    """Start each verb while a process holds its place, and again after that was killed.

    The data folder that they name is not there: a verb that begins says so.
    """
    small.tries.clear()
    place, nowhere = str(small.out), str(small.folder / "nowhere")
    weights = str(shutil.copytree(EMBEDDED, small.tries.place / "weights"))
    page, scores = (small.tries.place / name for name in ("trust.md", "scores.json"))
    study = small.tries.place / "evidence" / "split"
    verbs = {
        "run": (["--out", place], small.out),
        "range-test": (["--out", place], small.out),
        "study": (["--study", "split", "--out", place, "--evidence", str(study.parent)], study),
        "audit": (["--weights", weights, "--out", str(page)], Path(weights)),
        "evaluate": (["--weights", weights, "--out", str(scores)], scores),
    }
    for verb, (options, held) in verbs.items():
        command = [verb, *options, "--data", nowhere]
        holder = small.tries.begin(lambda held=held: _hold(held))
        note = held.with_name(f".{held.name}.lock")
        while not (note.exists() and note.read_text()):
            time.sleep(TICK)
        second = small.tries.run(command)
        os.kill(holder, signal.SIGKILL)
        small.tries.end(holder)
        third = small.tries.run(command)
        told = f"{held} is being written by process {holder} on " in second.sentence
        yield Refused(verb, second.code == 2 and told, nowhere in third.sentence and not note.exists())


def _hold(place: Path) -> int:
    with only_command(place):
        signal.pause()
    return 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder for the tries")
    parser.add_argument("--recipe", action="append", choices=SMALL, help="kill this (default: all)")
    parser.add_argument("--kills", type=int, default=20, help="of each recipe (default: %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="fill the disk at every N-th operation")
    about = "measure only this part: killed, filled, damaged or refused (default: all)"
    parser.add_argument("--part", action="append", metavar="PART", help=about)
    options = parser.parse_args()
    small = SmallRuns(options.folder.resolve())
    parts: dict[str, Callable[[], object]] = {
        "killed": lambda: [
            asdict(after_kills(small, name, options.kills)) for name in options.recipe or SMALL
        ],
        "filled": lambda: asdict(after_full_disks(small, "le2020", options.every)),
        "damaged": lambda: [asdict(own) for own in after_damages(small, "le2020")],
        "refused": lambda: [asdict(own) for own in second_commands(small)],
    }
    found = {part: parts[part]() for part in options.part or parts}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
