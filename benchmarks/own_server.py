"""`hosting/` carried out without Docker, and without systemd as the first process.

    python -m benchmarks.own_server [--python FOLDER] [--root FOLDER] [--caddy PROGRAM] [--out FILE]

1. A clean Debian root (by `debootstrap`) with a Python in /usr/local stands for the base image.
2. Each instruction of `hosting/Dockerfile` is carried out in it; pip installs from a registry.
3. CMD starts as the image's user, without capabilities, on a read-only root with a tmpfs. HEALTHCHECK
   asks it. Caddy serves `hosting/Caddyfile` in front of it, and one photo is analysed through it.
4. The same program starts once more with the service's system calls, address families and umask.

All listens in a network namespace of its own, which nothing else reaches. Not run: Docker and Compose
themselves, the image that FROM names, a certificate of a public authority, systemd's other directives.
Takes minutes, as root. Needs debootstrap, a registry, libseccomp, curl and Caddy. `--root`: a
clean root that was made before.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.service_filter import FILTER, filter_of
from skin_app.result_files import OutputError, check_output, replace_file
from tests.dockerfile import Image, carried_out

ROOT = Path(__file__).resolve().parents[1]
HOSTING = ROOT / "hosting"
PHOTO = ROOT / "skin_app" / "page" / "examples" / "globules.jpg"
# What the base image has beside Debian's smallest root.
PACKAGES = (
    "ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8,libncursesw6,"
    "libuuid1,netbase,tzdata"
)
PATHS = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
OF_THE_MACHINE = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
# As `docker run --read-only --tmpfs /tmp --volume cache:...`; $0: the root, $1: the cache's folder.
MOUNTS = """set -e
mount --bind "$0" "$0"; mount --bind "$0/$1" "$0/$1"
mount -o remount,bind,ro "$0"
mount -t tmpfs -o size=4g,mode=1777,noexec,nosuid,nodev tmpfs "$0/tmp"
mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
root="$0"; shift; exec chroot "$root" "$@"
"""
NOBODY = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
ASKED = (
    "from gradio_client import Client, handle_file; import sys; "
    "print(Client('https://localhost/', verbose=False)"
    ".predict(handle_file(sys.argv[1]), api_name='/analyse')['outcome'])"
)
STARTS_WITHIN = 300.0  # seconds
Row = tuple[str, str]


def clean_root(root: Path, python: Path) -> None:
    """Debian's smallest root of this machine's release, with a copy of `python` in /usr/local."""
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    make = [
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        release["VERSION_CODENAME"],
        root,
    ]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cp", "-a", f"{python}/.", root / "usr" / "local"], check=True)
    subprocess.run(["chroot", root, "ldconfig"], check=True)


def built(root: Path, rows: list[Row]) -> Image:
    """The image in `root`; a row says how long each RUN took."""
    for name in OF_THE_MACHINE:
        if Path("/", name).exists():
            shutil.copy(Path("/", name), root / name)
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}

    def run(line: str, image: Image) -> None:
        begun = time.monotonic()
        own = {"PATH": PATHS, "HOME": "/", **kept, **image.environment}
        inside = ["unshare", "--mount", "sh", "-c", BUILD_MOUNTS, root, f"cd {image.folder} && {line}"]
        subprocess.run(inside, env=own, check=True, stdout=subprocess.DEVNULL)
        rows.append((f"RUN {' '.join(line.split()[:4])} ...", f"{time.monotonic() - begun:.0f} s"))

    return carried_out(HOSTING / "Dockerfile", ROOT, root, run)


# pip's own settings may name folders of this machine.
BUILD_MOUNTS = """set -e
mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
if [ -d /opt ]; then mount --bind /opt "$0/opt"; fi
exec chroot "$0" sh -c "$1"
"""


@contextmanager
def network() -> Iterator[list[str]]:
    """A network of its own with nothing but loopback; the command that enters it."""
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep 1800"])
    try:
        time.sleep(1)
        yield ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    finally:
        holder.terminate()
        holder.wait(10)


@contextmanager
def page(
    image: Image, enter: Sequence[str], log: Path, *before: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The image's CMD as its user; healthy when the block begins. `before`: what starts it, inside."""
    cache = image.environment["XDG_CACHE_HOME"]
    user = [f"--reuid={image.user}", f"--regid={image.user}", *NOBODY]
    own = {"PATH": PATHS, "HOME": cache, **image.environment}
    inside = ["sh", "-c", f'cd {image.folder} && exec "$@"', "sh"]
    mounts = ["unshare", "--mount", "sh", "-c", MOUNTS, str(image.root), cache.lstrip("/")]
    command = [*enter, *mounts, "setpriv", *user, *before, *inside, *image.command]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=own, stdout=file, stderr=file)
    try:
        begun = time.monotonic()
        while not healthy(image, enter):
            if process.poll() is not None or time.monotonic() - begun > STARTS_WITHIN:
                raise RuntimeError(f"The page did not start: {log.read_text()}")
            time.sleep(1)
        yield process
    finally:
        process.kill()


def healthy(image: Image, enter: Sequence[str]) -> bool:
    """Whether HEALTHCHECK's command, in the image, ends with 0."""
    own = {"PATH": PATHS, **image.environment}
    asked = [*enter, "chroot", str(image.root), *image.health]
    return subprocess.run(asked, env=own, capture_output=True).returncode == 0


def ended(process: subprocess.Popen[bytes], log: Path) -> str:
    """How it stops after SIGTERM. Raises `RuntimeError` for another status or a fault in the log."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status = process.wait(30)
    text = log.read_text()
    if status or any(fault in text for fault in ("Traceback", "Read-only", "not permitted")):
        raise RuntimeError(f"It stopped with {status}: {text}")
    return f"status 0 after {time.monotonic() - begun:.1f} s"


@contextmanager
def proxy(caddy: str, enter: Sequence[str], place: Path) -> Iterator[Path]:
    """Caddy with `hosting/Caddyfile` before the page; the certificate of its own authority."""
    own = {
        "PATH": PATHS,
        "HOME": str(place),
        "XDG_DATA_HOME": str(place),
        "XDG_CONFIG_HOME": str(place),
    }
    own |= {"SITE": "localhost", "PAGE": "127.0.0.1:7860"}
    command = [*enter, caddy, "run", "--adapter", "caddyfile", "--config", str(HOSTING / "Caddyfile")]
    with (place / "caddy.log").open("wb") as file:
        process = subprocess.Popen(command, env=own, stdout=file, stderr=file)
    certificate = place / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    try:
        for _ in range(100):
            if certificate.exists():
                break
            time.sleep(0.1)
        time.sleep(2)
        yield certificate
    finally:
        process.terminate()
        process.wait(15)


def through(enter: Sequence[str], certificate: Path) -> list[Row]:
    """What a visitor gets through the proxy."""
    curl = [*enter, "curl", "--silent", "--noproxy", "*", "--cacert", str(certificate), "--output"]
    seen = subprocess.run(
        [*curl, "/dev/null", "--dump-header", "-", "https://localhost/healthz"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    plain = [*curl, "/dev/null", "--write-out", "%{http_code}", "http://localhost/"]
    redirected = subprocess.run(plain, capture_output=True, text=True, check=True).stdout
    own = {**os.environ, "SSL_CERT_FILE": str(certificate), "NO_PROXY": "*"}
    asked = subprocess.run(
        [*enter, sys.executable, "-c", ASKED, str(PHOTO)], env=own, capture_output=True, text=True
    )
    if asked.returncode:
        raise RuntimeError(f"No answer through the proxy: {asked.stderr}")
    hsts = "with" if "strict-transport-security" in seen.lower() else "without"
    return [
        ("https: /healthz", f"{seen.split()[1]}, {hsts} Strict-Transport-Security"),
        ("http", f"{redirected}, sent on to https"),
        ("https: a photo by the API", asked.stdout.strip()),
    ]


def measure(place: Path, root: Path | None, python: Path, caddy: str) -> list[Row]:
    """Raises `CalledProcessError` or `RuntimeError` for a step that fails."""
    rows: list[Row] = []
    if root is None:
        root = place / "root"
        clean_root(root, python)
    image = built(root, rows)
    size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_symlink())
    rows.append(("size of the image", f"{size / 1e9:.1f} GB"))
    with network() as enter:
        begun, log = time.monotonic(), place / "page.log"
        with page(image, enter, log) as process:
            rows.append(
                ("CMD: HEALTHCHECK succeeds", f"{time.monotonic() - begun:.0f} s after the start")
            )
            with proxy(caddy, enter, place) as certificate:
                rows += through(enter, certificate)
            rows.append(("SIGTERM", ended(process, log)))
        rows.append(("HEALTHCHECK after it", "succeeds: WRONG" if healthy(image, enter) else "fails"))
        filtered = ["python", "-c", FILTER, filter_of(HOSTING / "skin-app.service")]
        with page(image, enter, log, *filtered) as process, proxy(caddy, enter, place) as certificate:
            through(enter, certificate)
            rows.append(("with the service's filters", "served; the photo was analysed"))
            rows.append(("SIGTERM", ended(process, log)))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", type=Path, default=Path(sys.base_prefix), help="copied to /usr/local"
    )
    parser.add_argument("--root", type=Path, help="a clean root to build in (default: made anew)")
    parser.add_argument("--caddy", default="caddy")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "own_server.txt")
    options = parser.parse_args()
    for program in ("debootstrap", "unshare", "setpriv", "nsenter", "ip", "curl", options.caddy):
        if shutil.which(program) is None:
            parser.error(f"{program} is not there: install it.")
    if os.geteuid():
        parser.error("Only root can change the root folder: run it as root.")
    try:
        check_output(options.out, rb"hosting/ without [^\n]*\n")
    except OutputError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="own-server-") as place:
        rows = measure(Path(place), options.root, options.python, options.caddy)
    text = "hosting/ without Docker and systemd, each instruction carried out in a clean root\n\n"
    text += "".join(f"{name:<44}{value}\n" for name, value in rows)
    replace_file(options.out, text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
