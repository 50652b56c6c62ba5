"""Scores the photos of an archive on all machines of a Ray cluster, one part of the archive at a time.

Begin at `score_parts`. Each worker loads the networks once, and writes the file of each part it is
given (`archive_output`); Ray hands the parts out, and hands a part out again if its worker dies. So a
part is either whole or not there, and no photo is in two. Needs the extra `archive`.

Import it only once the environment has Ray's settings (`archive_scoring.ray_environment`).
"""

import json
import logging
import platform
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray.data import ActorPoolStrategy, DataContext
from ray.exceptions import RayError

from skin_app.archive_listing import Storage
from skin_app.archive_output import ResultFolder
from skin_app.context import Patient
from skin_app.ensemble import AT_A_TIME, Ensemble
from skin_app.hardware import best_device
from skin_app.photo.read import Photo, PhotoError
from skin_app.report.csv_rows import csv_row, error_row, with_numbers
from skin_app.result_files import OutputError
from skin_app.weights.folder import WeightsError
from skin_app.words.language import SpokenError

CORES_A_WORKER = 2
MOST_THREADS = 8  # in a worker with a GPU: they read photos and look at them while others compute
TRIES = 3  # of a part; each but the last ended with its worker
STORE = 100_000_000  # bytes: Ray carries numbers of parts here, not photos


class WorkersError(SpokenError, RuntimeError):
    """The workers cannot start or have failed; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Job:
    """What every worker needs.

    `weights`: as for `open_weights`; `weights_hash`: what they must have. `threads`: of the networks;
    `at_once`: how many threads analyse photos.
    """

    storage: Storage
    out: ResultFolder
    weights: str | None
    weights_hash: str
    threads: int
    at_once: int


@dataclass(frozen=True)
class Workers:
    """`count` workers; each asks Ray for `cores` and `gpus`, and has `threads` for its networks."""

    count: int
    cores: float
    gpus: int
    threads: int

    @property
    def at_once(self) -> int:
        return min(MOST_THREADS, max(1, self.threads)) if self.gpus else 1


@dataclass(frozen=True)
class PartDone:
    """A part whose file is written: how many of its photos were scored, and failed."""

    part: int
    scored: int
    failed: int


def workers_for(
    cpus: int, gpus: int, parts: int, asked: int | None = None, own_gpu: bool = False
) -> Workers:
    """One worker for each GPU, else for each two cores; or as many as are `asked` for.

    Never more than `parts`: Ray refuses shares of a core below 0.0001.

    A worker never takes all cores: Ray needs a share for its own tasks, and would wait for ever.
    `own_gpu`: this machine has a GPU that Ray does not count, such as Apple's.
    """
    if gpus and (asked is None or asked <= gpus):
        count = min(asked or gpus, parts)
        return Workers(count, min(1.0, cpus / (count + 1)), 1, max(1, cpus // count))
    count = min(asked or (1 if own_gpu else max(1, cpus // CORES_A_WORKER)), parts)
    return Workers(count, min(1.0, cpus / (count + 1)), 0, max(1, cpus // count))


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A Ray cluster: that at `address`, or one of this machine alone, on loopback, without dashboard.

    Raises `WorkersError`.
    """
    settings: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        settings |= {"include_dashboard": False, "object_store_memory": STORE}
    own_handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address or "local", **settings)
    except (RayError, ConnectionError, ValueError, RuntimeError, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        if address is None:
            raise WorkersError(
                "Ray cannot start on this machine ({reason}): let it write to your home folder, and to "
                "the folder for temporary files.",
                reason=why,
            ) from error
        raise WorkersError(
            "Ray cannot be used ({reason}): check --cluster, or leave it out to use only this machine.",
            reason=why,
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, own_handler)  # Ray's would abort the program
    try:
        yield
    finally:
        ray.shutdown()


def score_parts(
    parts: Sequence[int],
    storage: Storage,
    out: ResultFolder,
    weights: str | None,
    weights_hash: str,
    asked: int | None = None,
) -> Iterator[PartDone]:
    """Score `parts` on the cluster that this process is connected to; yields each when it is written.

    `asked`: how many workers; None for one a GPU or per two cores. Raises `OutputError`,
    `WeightsError` or `WorkersError`; finished parts stay.
    """
    there = ray.cluster_resources()
    cpus, gpus = int(there.get("CPU", 1)), int(there.get("GPU", 0))
    workers = workers_for(cpus, gpus, len(parts), asked, best_device().type != "cpu")
    job = Job(storage, out, weights, weights_hash, workers.threads, workers.at_once)
    DataContext.get_current().enable_progress_bars = False
    DataContext.get_current().print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    done = ray.data.from_items(list(parts), override_num_blocks=len(parts)).map_batches(
        PartScorer,
        batch_size=1,
        fn_constructor_args=(job,),
        compute=ActorPoolStrategy(size=workers.count, max_tasks_in_flight_per_actor=2),
        num_cpus=workers.cores,
        num_gpus=workers.gpus,
    )
    try:
        for row in done.iter_rows():
            if row["fault"]:
                raise _fault(row["fault"])
            yield PartDone(int(row["part"]), int(row["scored"]), int(row["failed"]))
    except RayError as error:
        raise WorkersError(
            "The workers have failed ({reason}): the same command goes on from here.",
            reason=str(error).strip().splitlines()[-1].rstrip(". "),
        ) from error


class PartScorer:
    """A worker: holds the networks, scores the parts it is given, and writes their files."""

    def __init__(self, job: Job) -> None:
        self.job = job
        torch.set_num_threads(job.threads)  # Ray gives its workers one
        self.ensemble: Ensemble | None = None

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """Score the parts of a batch; a row each, with the fault that stopped the work, or ""."""
        rows = [self._scored(int(part)) for part in batch["item"]]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _scored(self, part: int) -> dict[str, Any]:
        try:
            patients = self.job.out.patients_of(part)
            names = list(patients)
            if not self.job.out.begin_part(part, TRIES):
                raise WorkersError(
                    "One of the photos from {first} to {last} ends the program each time: score them "
                    "in smaller groups to find it, and move it away.",
                    first=names[0],
                    last=names[-1],
                )
            rows, devices = self._rows(patients)
            about = {"weights": self.job.weights_hash, "devices": "; ".join(devices)}
            self.job.out.write(part, rows, about)
        except (WeightsError, WorkersError, OutputError) as error:
            return {"part": part, "scored": 0, "failed": 0, "fault": _as_text(error)}
        failed = sum(bool(row["error"]) for row in rows)
        return {"part": part, "scored": len(rows) - failed, "failed": failed, "fault": ""}

    def _rows(self, patients: Mapping[str, Patient]) -> tuple[list[dict[str, Any]], list[str]]:
        """A row for each photo, in their order, and the devices that computed them."""
        names = list(patients)
        self.ensemble = self.ensemble or _loaded(self.job)
        at_once = self.job.at_once
        if at_once == 1:  # in this thread: measured, a further one computes more slowly
            answers = dict(self._answers(patients))
        else:
            own = ({name: patients[name] for name in names[one::at_once]} for one in range(at_once))
            with ThreadPoolExecutor(at_once) as pool:
                answers = dict(chain.from_iterable(pool.map(self._answers, own)))
        rows = [answers[name][0] for name in names]
        return rows, sorted({device for _, device in answers.values() if device})

    def _answers(self, patients: Mapping[str, Patient]) -> list[tuple[str, tuple[dict[str, Any], str]]]:
        """Name -> row and device of some photos; while the networks compute, the next are read."""
        assert self.ensemble is not None
        answers = []
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            ahead = _read_ahead(pool, self.job.storage, patients)
            for few in self.ensemble.analyse_files(ahead, lambda own: own[1].result(), with_maps=False):
                for (name, _), result in few:
                    if isinstance(result, PhotoError):
                        row, device = error_row(Path(name), str(result)), ""
                    else:
                        answer = result.with_patient(patients[name])
                        row, device = csv_row(Path(name), answer), result.device
                    answers.append((name, ({**with_numbers(row), "file": name}, device)))
        return answers


def _read_ahead(
    pool: ThreadPoolExecutor, storage: Storage, names: Iterable[str]
) -> Iterator[tuple[str, "Future[Photo]"]]:
    """Each name with its photo, which is being read; a few are under way at a time."""
    waiting = iter(names)
    under_way = deque((name, pool.submit(storage.read, name)) for name in islice(waiting, AT_A_TIME))
    while under_way:
        yield under_way.popleft()
        under_way += ((name, pool.submit(storage.read, name)) for name in islice(waiting, 1))


def _loaded(job: Job) -> Ensemble:
    ensemble = Ensemble.load(job.weights)
    if ensemble.weights.hash != job.weights_hash:
        raise WorkersError(
            "A worker on {machine} has other weights: put the same weights on every machine.",
            machine=platform.node(),
        )
    return ensemble


def _as_text(error: SpokenError) -> str:
    """An error as it travels from a worker; `_fault` reads it."""
    values = {name: str(value) for name, value in error.values.items()}
    return json.dumps([error.sentence, values])


def _fault(text: str) -> WorkersError:
    sentence, values = json.loads(text)
    return WorkersError(sentence, **values)
