"""`python -m skin_app archive`: the rows of `score`, in parts, by several workers, whatever dies."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from skin_app import cli
from skin_app.cli import main
from skin_app.report.csv_rows import CSV_COLUMNS, NUMBER_COLUMNS
from skin_app.result_files import OutputError
from tests.tiny import MOBILENET, give_trust, picture, write_weights

pytest.importorskip("ray", reason="the extra `archive` is not installed")
pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")

from pyarrow.fs import FileSystem

from skin_app.archive_listing import list_photos
from skin_app.archive_scoring import ArchiveRun
from skin_app.archive_workers import Job, PartScorer, WorkersError, connected, workers_for

ROOT = Path(__file__).resolve().parents[2]
STOPPED = "stopped: the same command goes on from here; finished parts are in out.\n"
PHOTOS, PER_PART = 200, 2  # enough that Ctrl-C comes before the end
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return give_trust(write_weights(tmp_path_factory.mktemp("w") / "weights"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `photos` holds an archive with three files that cannot be used."""
    here = tmp_path_factory.mktemp("a")
    (here / "photos" / "more").mkdir(parents=True)
    for seed in range(PHOTOS - 3):
        Image.fromarray(picture(seed)).save(here / "photos" / f"{seed:03}.png")
    for name in (b"broken.jpg", b"more/L\xe4sion.jpg", b"more/=1+1.jpg"):
        (here / "photos" / os.fsdecode(name)).write_bytes(b"not an image")
    (here / "plain").mkdir()
    for number in range(3):
        (here / "plain" / f"{number}.png").hardlink_to(here / "photos" / f"{number:03}.png")
    (here / "plain" / "3.jpg").write_bytes(b"not an image")
    return here


@pytest.fixture
def here(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(archive)
    return archive


@pytest.fixture
def begun(weights: Path, tmp_path: Path) -> Path:
    """A folder of results whose parts are all still to be done."""
    ArchiveRun.begin(["photos"], str(tmp_path / "out"), str(weights), PER_PART)
    return tmp_path / "out"


def started(here: Path, weights: Path, verb: str, out: str, *more: str) -> "subprocess.Popen[str]":
    """A command in a process of its own, which computes as outside the tests."""
    command = [sys.executable, "-m", "skin_app", verb, "photos", "--out", out, *more]
    command += ["--weights", str(weights)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LANGUAGE": "en"}
    return subprocess.Popen(
        command, cwd=here, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def parts_of(out: Path) -> dict[str, float]:
    """Name -> time of each part that is there."""
    return {path.name: path.stat().st_mtime for path in out.glob("part-*.parquet")}


def wait_for_parts(run: "subprocess.Popen[str]", out: Path, count: int) -> None:
    while len(parts_of(out)) < count:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


def workers_of(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    below = psutil.Process(run.pid).children(recursive=True)
    return [own for own in below if any("PartScorer" in word for word in own.cmdline())]


def addresses_of(run: "subprocess.Popen[str]") -> Iterator[str]:
    """Where the processes of a run listen, and to whom they are connected."""
    process = psutil.Process(run.pid)
    for own in (process, *process.children(recursive=True)):
        for connection in own.net_connections("inet"):
            yield from (end.ip for end in (connection.laddr, connection.raddr) if end)


def scored_table(out: Path) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(out / name) for name in sorted(parts_of(out)))


def test_an_archive_that_is_stopped_and_loses_a_worker_has_each_photo_once_as_score_has_it(
    here: Path, weights: Path
) -> None:
    out = here / "out"
    archive = ("archive", "out", "--workers", "2", "--photos-per-part", str(PER_PART))
    first = started(here, weights, *archive)
    wait_for_parts(first, out, 2)
    first.send_signal(signal.SIGINT)
    said = first.communicate()
    assert first.returncode == 130, said
    assert STOPPED in said[1], said  # Ray may have the last word
    before = parts_of(out)
    assert len(before) < PHOTOS / PER_PART

    ended = started(here, weights, *archive)
    wait_for_parts(ended, out, len(before) + 1)
    ended.send_signal(signal.SIGTERM)
    said = ended.communicate()
    assert ended.returncode == 143, said
    assert STOPPED in said[1], said  # Ray may have the last word
    before = parts_of(out)
    assert len(before) < PHOTOS / PER_PART

    second = started(here, weights, *archive)
    wait_for_parts(second, out, len(before) + 2)
    addresses = set(addresses_of(second))
    one, _ = workers_of(second)
    one.kill()
    said = second.communicate()
    assert second.returncode == 0, said
    assert addresses <= {*LOOPBACK}
    assert addresses
    done = len(before) * PER_PART
    assert f", {done} done before, 0 other files skipped; written to out\n" in said[0]
    assert parts_of(out).items() >= before.items()
    assert len(parts_of(out)) == PHOTOS / PER_PART
    assert not list(out.glob("*.partial"))

    score = started(here, weights, "score", "r.csv")
    assert score.wait() == 0, score.communicate()
    text = [name for name in CSV_COLUMNS if name not in NUMBER_COLUMNS]
    kinds = dict.fromkeys(text, "string")
    wanted = pd.read_csv(
        "r.csv",
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values={name: [""] for name in NUMBER_COLUMNS},
        dtype=kinds,
    )
    found = scored_table(out)
    assert tuple(found) == CSV_COLUMNS
    assert found[text].to_numpy().tolist() == wanted[text].to_numpy().tolist()
    numbers = [own[list(NUMBER_COLUMNS)].to_numpy(float) for own in (found, wanted)]
    assert np.allclose(*numbers, rtol=0, atol=1e-5, equal_nan=True)
    assert (found["error"] != "").sum() == 3


def test_an_archive_that_is_done_needs_no_worker(
    begun: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in range(PHOTOS // PER_PART):
        (begun / f"part-{part:06}.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("skin_app.archive_workers.connected", None)
    assert archived("photos", begun, weights) == 0
    assert capsys.readouterr().out.startswith(f"0 photos scored, 0 failed, {PHOTOS} done before")
    (begun / "part-000003.parquet").write_bytes(b"")  # power was lost before its bytes were kept
    run = ArchiveRun.begin(["photos"], str(begun), str(weights), PER_PART)
    assert (run.to_do, run.before) == ((3,), PHOTOS - PER_PART)


def archived(photos: str, out: Path | str, weights: Path, *more: str) -> int:
    given = ["--photos-per-part", str(PER_PART), "--weights", str(weights), *more]
    return main(["archive", photos, "--out", str(out), *given])


def test_results_of_another_run_are_never_mixed(
    begun: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = write_weights(tmp_path / "others", (MOBILENET,))
    for photos, loaded, more, sentence in (
        (
            "photos",
            others,
            (),
            f"{begun} holds results of other weights (untrained test weights (local",
        ),
        ("photos/more", weights, (), f"{begun} holds results of other photos ({PHOTOS} then, 2 now)"),
        ("photos", weights, ("--photos-per-part", "7"), "was begun with --photos-per-part 2: give the"),
    ):
        assert archived(photos, begun, loaded, *more) == 2
        assert sentence in capsys.readouterr().err
    text = (begun / "_archive.json").read_text()
    (begun / "_archive.json").write_text(text.replace('"error"', '"fault"'))
    assert archived("photos", begun, weights) == 2
    assert "was begun by another version of this program" in capsys.readouterr().err
    (begun / "_archive.json").write_text("{}")
    assert archived("photos", begun, weights) == 2
    assert "was not written by this command" in capsys.readouterr().err


def test_a_folder_of_results_takes_one_run_at_a_time(
    begun: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ArchiveRun.begin(["photos"], str(begun), str(weights), PER_PART)
    with run.out.alone():
        assert archived("photos", begun, weights) == 2
        told = capsys.readouterr().err
        with pytest.raises(OutputError, match="is being written by process"):
            next(iter(run.score()))
    assert told.startswith(f"error: {begun} is being written by process {os.getpid()} on ")
    assert sorted(path.name for path in begun.iterdir()) == ["_archive.json", "_photos.parquet"]


@pytest.mark.parametrize(
    ("photos", "out", "sentence"),
    [
        ("empty", "new", "empty holds no images, and no other files"),
        ("nowhere", "new", "nowhere does not exist"),
        ("photos", "full", "full is there already and was not written by this command"),
        ("photos", "full/notes.txt", "full/notes.txt is a file: give --out the name of a folder."),
        ("photos", "full/notes.txt/new", "full/notes.txt/new cannot be used ("),
        ("photos", "loop", "loop cannot be used ("),
        ("photos", "n\udce4w", "n?w cannot be used ('utf-8' codec can't encode"),
        ("photos", "cloud://new", "cloud://new cannot be used ("),
        ("cloud://photos", "new", "cloud://photos cannot be opened ("),
        ("file://{here}/photos", "new", "/photos cannot be listed ('utf-8' codec can't decode"),
        ("file://{here}/nowhere", "new", "/nowhere does not exist"),
        ("file://{here}/full", "new", "/full holds no file with the suffix of an image"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_sentence_before_any_work(
    here: Path, weights: Path, capsys: pytest.CaptureFixture[str], photos: str, out: str, sentence: str
) -> None:
    for name in ("empty", "full"):
        (here / name).mkdir(exist_ok=True)
    (here / "full" / "notes.txt").write_text("mine")
    if not (here / "loop").is_symlink():
        (here / "loop").symlink_to("loop")
    assert archived(photos.format(here=here), out, weights) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert not (here / "new").exists()


def test_a_missing_extra_says_how_to_install_it(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "ray" else name)
    assert archived("photos", "new", weights) == 2
    told = "error: The verb archive needs ray: install the extra with pip install -e '.[archive]'.\n"
    assert capsys.readouterr().err == told


def parts_done(
    photos: str,
    out: Path | str,
    weights: Path,
    parts: list[int],
    weights_hash: str = "",
    table: Path | None = None,
) -> dict[str, list[Any]]:
    """What a worker in this process says of parts."""
    run = ArchiveRun.begin([photos], f"{out}", str(weights), PER_PART, table)
    own_hash = weights_hash or run.plan.weights
    scorer = PartScorer(Job(run.listing.storage, run.out, run.weights, own_hash, 1, at_once=3))
    return scorer({"item": np.array(parts)})


def test_addresses_of_a_storage_give_the_same_answers_as_paths(
    here: Path, weights: Path, tmp_path: Path
) -> None:
    address = f"file://{here}/plain"
    for photos, out in (("plain", tmp_path / "a"), (address, f"file://{tmp_path}/b")):
        done = parts_done(photos, out, weights, [1, 0])
        assert done == {"part": [1, 0], "scored": [1, 2], "failed": [1, 0], "fault": ["", ""]}
    by_path, by_address = scored_table(tmp_path / "a"), scored_table(tmp_path / "b")
    assert by_address["file"].tolist() == [f"file://{here}/{name}" for name in by_path["file"]]
    assert by_path.drop(columns="file").equals(by_address.drop(columns="file"))


@pytest.fixture
def bucket(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """A place in a stand-in for S3 -> its address; `photos` holds the files of the folder `plain`."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    where = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    files, path = FileSystem.from_uri(f"s3://bucket/photos?{where}&allow_bucket_creation=true")
    files.create_dir(path)
    for photo in (here / "plain").iterdir():
        with files.open_output_stream(f"{path}/more/{photo.name}") as out:
            out.write(photo.read_bytes())
    try:
        yield lambda place: f"s3://{place}?{where}"
    finally:
        server.stop()


def test_photos_and_results_lie_in_s3(
    bucket: Callable[[str], str], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = bucket("bucket/photos"), bucket("bucket/out")
    table = tmp_path / "p.csv"
    table.write_text("file,age,sex\ns3://bucket/photos/more/0.png,70,f\n")
    done = parts_done(photos, out, weights, [0, 1], table=table)
    assert done == {"part": [0, 1], "scored": [2, 1], "failed": [0, 1], "fault": ["", ""]}
    parts_done("plain", tmp_path / "out", weights, [0, 1])
    by_path = scored_table(tmp_path / "out")
    files, path = FileSystem.from_uri(out)
    names = [f"{path}/part-00000{part}.parquet" for part in (0, 1)]
    in_s3 = pd.concat(pd.read_parquet(files.open_input_file(name)) for name in names)
    assert in_s3["file"].tolist() == [
        f"s3://bucket/photos/more/{Path(name).name}" for name in by_path["file"]
    ]
    assert in_s3["p_mel"].equals(by_path["p_mel"])
    assert in_s3["error"].tolist() == by_path["error"].tolist()
    assert in_s3["sex"].tolist()[:2] == ["female", ""]

    assert archived(photos, out, weights, "--patients", str(table)) == 0
    assert "4 done before" in capsys.readouterr().out
    for given, place, said in (
        (bucket("nobody/photos"), out, "does not exist: check the path."),
        (photos, bucket("nobody/out"), "Bucket 'nobody' not found"),
    ):
        assert archived(given, place, weights) == 2
        assert said in capsys.readouterr().err


def test_ages_and_sexes_of_a_table_are_taken_into_account_as_by_score(
    here: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "p.csv", tmp_path / "out"
    rows = ["file,age,sex", "0.png,85,m", f"file://{here}/plain/1.png,old,f", "gone.png,5,f"]
    table.write_text("\n".join(rows))
    assert parts_done(f"file://{here}/plain", out, weights, [0, 1], table=table)["failed"] == [0, 1]
    score = ["score", "plain", "--patients", str(table), "--weights", str(weights)]
    table.write_text("\n".join([rows[0], rows[1], "plain/1.png,old,f"]))
    assert main([*score, "--out", str(tmp_path / "r.csv")]) == 0
    text = ["age", "sex", "outcome", "photo_outcome", "to_check"]
    found = scored_table(out)
    wanted = pd.read_csv(tmp_path / "r.csv", encoding="utf-8-sig")
    assert found["age"].tolist()[:1] == [85]
    same = [own[text].astype(object).fillna("").to_numpy().tolist() for own in (found, wanted)]
    assert same[0] == same[1]
    numbers = [own["malignant_probability_in_context"].to_numpy(float) for own in (found, wanted)]
    assert np.allclose(*numbers, rtol=0, atol=1e-5, equal_nan=True)
    capsys.readouterr()

    assert archived(f"file://{here}/plain", out, weights) == 2
    assert "was begun with other ages and sexes, or without any" in capsys.readouterr().err
    assert archived("plain", tmp_path / "b", weights, "--patients", str(tmp_path / "no.csv")) == 2
    assert (
        capsys.readouterr().err
        == f"error: {tmp_path}/no.csv cannot be used (No such file or directory).\n"
    )


def test_a_photo_that_vanishes_or_cannot_be_fetched_gets_its_row(here: Path) -> None:
    listing = list_photos([f"file://{here}/plain"], here)
    assert len(listing.names) == 4
    with pytest.raises(ValueError, match="There is no such file"):
        listing.storage.read(f"file://{here}/plain/gone.png")
    with pytest.raises(ValueError, match=r"The file cannot be read \("):
        listing.storage.read(f"file://{here}/plain")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_a_list_of_photos_that_is_lost_or_damaged_is_written_anew(
    begun: Path, weights: Path, damage: Callable[[Path], object]
) -> None:
    damage(begun / "_photos.parquet")
    assert parts_done("photos", begun, weights, [0])["fault"] == [""]


def test_a_part_can_be_larger_than_any_archive(weights: Path, tmp_path: Path) -> None:
    run = ArchiveRun.begin(["plain"], str(tmp_path / "out"), str(weights), 10**30)
    assert (run.to_do, len(run.out.patients_of(0))) == ((0,), 4)


@pytest.mark.parametrize("alone", ["", "local"])
def test_ray_listens_on_this_machine_alone_where_no_cluster_is_named(alone: str) -> None:
    options = cli._options(["archive", "photos", "--out", "new", "--cluster", alone])
    assert options.cluster is None


def test_a_ray_that_cannot_start_here_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/nowhere/.ray")

    monkeypatch.setattr("ray.init", refuse)
    with (
        pytest.raises(WorkersError, match=r"cannot start on this machine .*/nowhere/.ray'\): let"),
        connected(None),
    ):
        pass


def test_photos_of_two_places_are_two_runs(here: Path) -> None:
    with pytest.raises(ValueError, match="lie both on this machine and at file://"):
        list_photos(["photos", f"file://{here}/photos"], here)


def test_a_worker_says_why_it_cannot_work(begun: Path, weights: Path) -> None:
    done = parts_done("photos", begun, weights, [0], weights_hash="other")
    assert "has other weights" in done["fault"][0]
    assert not parts_of(begun)


def test_a_part_that_ends_its_worker_each_time_ends_the_run_with_a_sentence(
    begun: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DeathError(BaseException):
        """Stands for a killed process, in which nothing is handled."""

    def died(*_: object) -> None:
        raise DeathError

    run = ArchiveRun.begin(["photos"], str(begun), str(weights), PER_PART)
    scorer = PartScorer(Job(run.listing.storage, run.out, run.weights, run.plan.weights, 1, 1))
    with monkeypatch.context() as patched:
        patched.setattr("skin_app.archive_listing.Storage.read", died)
        for _ in range(3):
            with pytest.raises(DeathError):
                scorer({"item": np.array([0])})
    (fault,) = scorer({"item": np.array([0])})["fault"]
    assert "photos from {first} to {last} ends the program each time" in fault
    assert "photos/000.png" in fault
    ArchiveRun.begin(["photos"], str(begun), str(weights), PER_PART)  # the next run tries again
    assert scorer({"item": np.array([0])})["fault"] == [""]


@pytest.mark.parametrize(
    ("there", "workers"),
    [
        ({"cpus": 2, "gpus": 0}, (1, 1, 0, 2)),
        ({"cpus": 1, "gpus": 0}, (1, 0.5, 0, 1)),
        ({"cpus": 16, "gpus": 0}, (8, 1, 0, 2)),
        ({"cpus": 16, "gpus": 2}, (2, 1, 1, 8)),
        ({"cpus": 8, "gpus": 0, "own_gpu": True}, (1, 1, 0, 8)),
        ({"cpus": 2, "gpus": 0, "asked": 2}, (2, 2 / 3, 0, 1)),
        ({"cpus": 2, "gpus": 0, "asked": 30_000, "parts": 3}, (3, 1 / 2, 0, 1)),
        ({"cpus": 16, "gpus": 8, "parts": 2}, (2, 1, 1, 8)),
    ],
)
def test_a_worker_has_a_gpu_or_two_cores_and_leaves_ray_a_share(
    there: dict[str, Any], workers: tuple[float, ...]
) -> None:
    found = workers_for(**dict(there, parts=there.get("parts", 100)))
    assert (found.count, found.cores, found.gpus, found.threads) == workers
    assert found.cores * found.count < there["cpus"]
