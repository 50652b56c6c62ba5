"""The Space from nothing: publish it, install its requirements, start it, ask it once.

    python -m benchmarks.space [--uv PROGRAM] [--python PYTHON] [--port 7860] [--out FILE]

`python -m train publish --space` publishes the embedded weights and the Space to a stand-in for the Hub
on this machine. Then follows what Hugging Face does with a Space: a new environment with the Python of
its README, its `requirements.txt` and the gradio of its README; the weights fetched by
`preload_from_hub`; and `python app.py` in the Space's own folder, which is read-only, on two CPUs.

- Install: seconds and size of the environment. It is faster with files in uv's cache (`UV_CACHE_DIR`).
- Start: from the start of the process until the page is served, and until the first full answer.
- Memory: the most that the process ever held (VmHWM), against the 16 GB of a free Space.

It listens on 127.0.0.1 only; a Space listens on all addresses. Needs `gradio_client` and uv.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_client import Client, handle_file
from huggingface_hub import SpaceCard

from skin_app.result_files import OutputError, check_output, replace_file
from tests.hub import WRITER, StandIn, stand_in

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "skin_app" / "page" / "examples" / "globules.jpg"
MODEL, SPACE = ("model", "me/lesions"), ("space", "me/page")
CPUS, MOST_MEMORY = 2, 16.0  # of a free Space; memory in GB
STARTS_WITHIN = 300.0  # seconds
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'


@dataclass(frozen=True)
class SpaceStart:
    """What was measured; times in seconds, sizes in GB. `asked`: requests to the Hub at the start."""

    files: int
    python: str
    install: float
    size: float
    served: float
    answered: float
    memory_served: float
    memory: float
    asked: int
    outcome: str


def measure(uv: str, python: str, port: int) -> SpaceStart:
    """Raises `CalledProcessError` if a step fails, `RuntimeError` if the Space does not start."""
    with tempfile.TemporaryDirectory(prefix="space-") as place, stand_in() as hub:
        own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": WRITER, "HF_HOME": f"{place}/publisher"}
        publish = ("-m", "train", "publish", "--repo", MODEL[1], "--space", SPACE[1], "--public")
        subprocess.run([sys.executable, *publish], cwd=ROOT, env={**os.environ, **own}, check=True)
        space = hub.repos[SPACE].clone(Path(place) / "app")
        card = SpaceCard.load(space / "README.md").data
        begun = time.monotonic()
        environment = _installed(uv, python or card["python_version"], space, card["sdk_version"])
        install = time.monotonic() - begun
        settings = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            **hub.repos[SPACE].variables,
            "HOME": place,
            "HF_HOME": f"{place}/huggingface",
            "HF_ENDPOINT": hub.url,
            "SPACE_ID": SPACE[1],
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
        }
        _preload(environment, card["preload_from_hub"], settings)
        before = len(hub.asked)
        return _started(environment, space, settings, port, install, hub, before)


def _installed(uv: str, python: str, space: Path, gradio: str) -> Path:
    """A new environment with nothing but the Space's requirements and its gradio."""
    environment = space.parent / "environment"
    quiet = ("--quiet", "--no-config")
    subprocess.run([uv, "venv", *quiet, "--python", python, environment], check=True)
    wanted = ("-r", space / "requirements.txt", f"gradio=={gradio}")
    into = ("--python", environment / "bin" / "python")
    compiled = ("--compile-bytecode",)  # as pip does
    subprocess.run([uv, "pip", "install", *quiet, *compiled, *into, *wanted], check=True)
    return environment


def _preload(environment: Path, wanted: list[str], settings: Mapping[str, str]) -> None:
    """Fetch the files that the README names, by the environment's client; the stand-in has no Xet."""
    settings = {**settings, "HF_HUB_DISABLE_XET": "1"}
    for line in wanted:
        repo, names, commit = line.split(" ")
        fetch = [environment / "bin" / "hf", "download", repo, *names.split(","), "--revision", commit]
        subprocess.run(fetch, env=settings, check=True, stdout=subprocess.DEVNULL)


def _started(
    environment: Path,
    space: Path,
    settings: Mapping[str, str],
    port: int,
    install: float,
    hub: StandIn,
    before: int,
) -> SpaceStart:
    command = [str(environment / "bin" / "python"), "app.py"]
    if os.geteuid() == 0:  # whom no file mode stops
        command = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(space), *command]
    else:
        subprocess.run(["chmod", "-R", "a-w", space], check=True)
    cpus = sorted(os.sched_getaffinity(0))[:CPUS]
    begun = time.monotonic()
    log = space.parent / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", ",".join(map(str, cpus)), *command],
            cwd=space,
            env=settings,
            stdout=file,
            stderr=file,
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        while not _is_served(url):
            if process.poll() is not None or time.monotonic() - begun > STARTS_WITHIN:
                raise RuntimeError(f"The Space did not start: {log.read_text()}")
            time.sleep(0.05)
        served, memory_served = time.monotonic() - begun, _most_memory(process.pid)
        record = Client(url, verbose=False).predict(handle_file(PHOTO), api_name="/analyse")
        answered = time.monotonic() - begun
        faults = [
            line for line in log.read_text().splitlines() if "Traceback" in line or "Read-only" in line
        ]
        if faults or "embedded" in log.read_text():
            raise RuntimeError(f"The Space complains: {log.read_text()}")
        return SpaceStart(
            files=sum(path.is_file() for path in space.rglob("*")),
            python=_told(command[-2], "--version"),
            install=install,
            size=_size(environment),
            served=served,
            answered=answered,
            memory_served=memory_served,
            memory=_most_memory(process.pid),
            asked=len(hub.asked) - before,
            outcome=record["outcome"],
        )
    finally:
        process.terminate()
        process.wait(30)


def _is_served(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as page:
            return page.status == 200
    except OSError:
        return False


def _most_memory(pid: int) -> float:
    (line,) = [
        own for own in Path(f"/proc/{pid}/status").read_text().splitlines() if own.startswith("VmHWM")
    ]
    return int(line.split()[1]) / 1e6


def _size(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e9


def _told(program: str, option: str) -> str:
    return subprocess.run([program, option], capture_output=True, text=True, check=True).stdout.strip()


def table(found: SpaceStart, load: float) -> str:
    met = "met" if found.memory < MOST_MEMORY else "missed"
    rows = [
        ("files of the Space", f"{found.files}"),
        ("environment from requirements.txt", f"{found.install:.0f} s, {found.size:.1f} GB"),
        ("page served", f"{found.served:.1f} s after the start"),
        ("first full answer", f"{found.answered:.1f} s after the start ({found.outcome})"),
        ("most memory until it was served", f"{found.memory_served:.2f} GB"),
        (
            "most memory with the answer",
            f"{found.memory:.2f} GB   goal: under {MOST_MEMORY:.0f}, {met}",
        ),
        ("requests to the Hub at the start", f"{found.asked}"),
    ]
    head = (
        f"the Space with the embedded weights, {found.python}, {CPUS} CPUs, read-only code\n"
        f"other work on the machine: load {load:.1f} at the start\n"
    )
    return head + "\n" + "\n".join(f"{name:<36}{value}" for name, value in rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ROOT / ".tools" / "bin" / "uv"
    parser.add_argument("--uv", default=str(default if default.is_file() else "uv"))
    parser.add_argument("--python", default="", help="for uv (default: the version in the README)")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "space.txt")
    options = parser.parse_args()
    if shutil.which(options.uv) is None:
        parser.error(f"{options.uv} is not there: run `make .tools/done`, or pass --uv.")
    try:
        check_output(options.out, rb"the Space with [^\n]*\n")
    except OutputError as error:
        parser.error(str(error))
    load = os.getloadavg()[0]
    text = table(measure(options.uv, options.python, options.port), load)
    replace_file(options.out, text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
