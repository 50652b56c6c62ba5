"""Scores archives of very many photos into Parquet files, on this machine or on a Ray cluster.

    run = ArchiveRun.begin(["photos"], "results")
    os.environ |= ray_environment()
    for done in run.score(): ...

The columns and numbers are those of the CSV. Interrupted, the same two calls do what is left. Needs the
extra `archive`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skin_app.archive_listing import Listing, list_photos
from skin_app.archive_output import Plan, ResultFolder, names_hash, patients_hash
from skin_app.stated_patients import PatientsFile, read_patients
from skin_app.weights.folder import open_weights

if TYPE_CHECKING:  # Ray reads the environment when it is imported
    from skin_app.archive_workers import PartDone


def ray_environment(cluster: str | None = None) -> dict[str, str]:
    """Variables by which Ray reports nothing to its makers, nor notes of its own to the terminal.

    Set them before the first `score`. On this machine alone (`cluster` is None), Ray then
    listens on loopback only.
    """
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }
    if cluster:  # one that does not answer is told in minutes, not in a quarter of an hour
        return {**quiet, "RAY_NUM_REDIS_GET_RETRIES": "2"}
    # on every system, not only those in its name
    return {**quiet, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class ArchiveRun:
    """What there is to do.

    `patients`: of the photos, where a table was given; `to_do`: the parts that have no file yet;
    `weights`: as for `open_weights`.
    """

    listing: Listing
    patients: PatientsFile
    out: ResultFolder
    plan: Plan
    to_do: tuple[int, ...]
    weights: str | None

    @classmethod
    def begin(
        cls,
        photos: Sequence[str],
        out: str,
        weights: str | None = None,
        photos_per_part: int = 250,
        table: Path | None = None,
    ) -> "ArchiveRun":
        """List the photos, and make the folder `out` or look at what it holds already.

        `photos`, `out`: local paths, or addresses of cloud storage; `table`: of ages and sexes, as for
        `read_patients`. Raises `PhotoError`, `PatientsError`, `WeightsError`, `OSError` if there is no
        table, or `OutputError`, also where `out` holds results of other photos, patients, weights or
        settings.
        """
        listing = list_photos(photos, Path.cwd())
        paths = [Path(name) for name in listing.names]
        patients = read_patients(table, paths) if table else PatientsFile()
        stated = [patients.of(path) for path in paths]
        opened, folder = open_weights(weights), ResultFolder.at(out)
        plan = Plan(
            weights=opened.hash,
            named=opened.identity,
            listed=names_hash(listing.names),
            patients=patients_hash(stated) if table else "",
            photos=len(listing.names),
            photos_per_part=photos_per_part,
        )
        finished = folder.begin(plan, listing.names, stated)
        to_do = tuple(part for part in range(plan.parts) if part not in finished)
        if weights is not None and Path(weights).is_dir():
            weights = str(Path(weights).resolve())
        return cls(listing, patients, folder, plan, to_do, weights)

    @property
    def before(self) -> int:
        """How many photos earlier runs have done."""
        return self.plan.photos - sum(map(self.plan.photos_of, self.to_do))

    def score(self, cluster: str | None = None, workers: int | None = None) -> "Iterator[PartDone]":
        """Score what is left; yields each part when its file is written.

        `cluster`: the address of a Ray cluster, or "auto"; None for this machine alone. `workers`: how
        many; None for one a GPU or per two cores. Raises `OutputError`, `WeightsError` or
        `WorkersError`; the parts that are written stay.
        """
        if not self.to_do:
            return
        from skin_app.archive_workers import connected, score_parts

        with self.out.alone(), connected(cluster):
            yield from score_parts(
                self.to_do, self.listing.storage, self.out, self.weights, self.plan.weights, workers
            )
            self.out.clear()
