"""`hosting/`: what can be tried of container, compose file, proxy and service without any of them.

`python -m benchmarks.own_server` tries more, and takes minutes.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from skin_app.page.graceful_stop import FINISH_WITHIN
from skin_app.page.health import PATIENCE
from skin_app.page.hosting import Hosting
from tests.dockerfile import Image, carried_out, instructions
from tests.page.conftest import free_port
from tests.page.test_app import stopped, wait_until_served
from tests.tiny import give_trust, write_weights

ROOT = Path(__file__).resolve().parents[2]
HOSTING = ROOT / "hosting"
SECURITY = {"no-new-privileges:true"}
# Reads what root may read, since packages may lie in root's home; writes only what anybody may write.
ANYBODY = ["setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups", "--no-new-privs"]
READS_ALL = ["--inh-caps", "-all,+dac_read_search", "--bounding-set", "-all,+dac_read_search"]
READS_ALL += ["--ambient-caps", "+dac_read_search"]
NOT_RUN = re.compile("useradd ")  # would change this machine


def run_beside(line: str, image: Image) -> None:
    """RUN, by this environment's Python; pip only checks that the environment has all that is asked."""
    if NOT_RUN.match(line):
        return
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {**os.environ, "PATH": path, "PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1"}
    done = subprocess.run(["sh", "-c", line], cwd=image.at, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


def compose() -> dict[str, Any]:
    return yaml.safe_load((HOSTING / "compose.yaml").read_text())


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_the_image_serves_is_healthy_and_stops_for_a_user_who_can_write_nothing_of_it(
    tmp_path: Path,
) -> None:
    image = carried_out(HOSTING / "Dockerfile", ROOT, tmp_path / "image", run_beside)
    assert sorted(path.name for path in image.at.iterdir()) == sorted(
        ["LICENSE", "__pycache__", "app.py", "requirements.txt", "skin_app", "weights"]
    )
    weights = give_trust(write_weights(tmp_path / "weights"))
    subprocess.run(["chmod", "-R", "a+rX,a-w", image.root, weights], check=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == Path.home().owner() and folder != Path("/") and os.geteuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o111)
    uploads, cache = tmp_path / "tmp", tmp_path / "cache"
    for folder in (uploads, cache):  # what is mounted into the image
        folder.mkdir()
        folder.chmod(0o1777)
    port = str(free_port())
    own = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **image.environment,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": port,
        "SKIN_APP_WEIGHTS": str(weights),
        "TMPDIR": str(uploads),
        "XDG_CACHE_HOME": str(cache),
        "HOME": str(cache),
    }
    as_anybody = [*ANYBODY, *READS_ALL] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [*as_anybody, *image.command],
        cwd=image.at,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_served(process, int(port))
        health = subprocess.run([*as_anybody, *image.health], env=own, capture_output=True)
        assert health.returncode == 0, health.stderr
        (folder,) = uploads.glob("skin-app-uploads-*")
        assert folder.stat().st_mode & 0o77 == 0
        stopped(process)
        assert not list(uploads.glob("skin-app-uploads-*"))
        health = subprocess.run([*as_anybody, *image.health], env=own, capture_output=True)
        assert health.returncode == 1
    finally:
        process.kill()


def test_the_image_is_of_a_python_that_the_project_supports_and_runs_as_nobody_in_particular() -> None:
    found = dict(instructions((HOSTING / "Dockerfile").read_text()))
    assert int(found["USER"]) > 999
    assert found["FROM"] == "python:${PYTHON}-slim"
    (version,) = re.findall(r"PYTHON=3\.(\d+)", (HOSTING / "Dockerfile").read_text())
    assert int(version) >= 10


def test_an_ignored_or_unknown_instruction_is_not_carried_out(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n!app.py\n")
    (tmp_path / "secret").write_text("")
    for text, fault in (("COPY secret .", "ignored"), ("ADD x y", "no instruction")):
        (tmp_path / "Dockerfile").write_text(text)
        with pytest.raises(ValueError, match=fault):
            carried_out(tmp_path / "Dockerfile", tmp_path, tmp_path, run_beside)


def test_both_services_have_no_right_that_they_do_not_need() -> None:
    page, proxy = compose()["services"]["page"], compose()["services"]["proxy"]
    for service in (page, proxy):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert {*service["security_opt"]} == SECURITY
    assert "cap_add" not in page
    assert "ports" not in page
    assert [mount.split(":")[0] for mount in page["tmpfs"]] == ["/tmp"]
    assert (HOSTING / page["build"]["context"] / page["build"]["dockerfile"]).is_file()


def test_the_page_trusts_exactly_the_proxy_and_has_no_way_out() -> None:
    whole = compose()
    proxy = whole["services"]["proxy"]["networks"]["inside"]["ipv4_address"]
    settings = Hosting.from_environment(
        {
            "SKIN_APP_TRUSTED_PROXIES": whole["services"]["page"]["environment"][
                "SKIN_APP_TRUSTED_PROXIES"
            ]
        }
    )
    assert settings.proxies == (ip_network(proxy),)
    (subnet,) = whole["networks"]["inside"]["ipam"]["config"]
    assert ip_address(proxy) in ip_network(subnet["subnet"])
    assert whole["networks"]["inside"]["internal"] is True
    page = whole["services"]["page"]["networks"]
    assert list(page) == ["inside"]
    assert ip_address(page["inside"]["ipv4_address"]) in ip_network(subnet["subnet"])
    # without one of its own, the page would be given the first, before the proxy starts
    assert page["inside"]["ipv4_address"] != proxy


def test_names_and_ports_of_proxy_page_and_image_agree() -> None:
    found = (HOSTING / "Caddyfile").read_text()
    port = dict(instructions((HOSTING / "Dockerfile").read_text()))["EXPOSE"]
    assert f"reverse_proxy {{$PAGE:page:{port}}}" in found
    services = compose()["services"]
    variables = {*re.findall(r"\{\$(\w+)", found)} - {"PAGE"}
    assert variables == {*services["proxy"]["environment"]}
    assert "./Caddyfile:/etc/caddy/Caddyfile:ro" in services["proxy"]["volumes"]
    cache = next(one for one in services["page"]["volumes"] if one.startswith("cache:"))
    assert f"XDG_CACHE_HOME={cache.split(':')[1]}" in (HOSTING / "Dockerfile").read_text()


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(HOSTING / "skin-app.service")
    return parser["Service"]


def test_each_stop_leaves_time_to_answer_and_each_check_to_wait() -> None:
    options = dict(instructions((HOSTING / "Dockerfile").read_text()))["HEALTHCHECK"]
    (timeout,) = re.findall(r"--timeout=(\d+)s", options)
    assert float(timeout) > PATIENCE
    assert seconds(compose()["services"]["page"]["stop_grace_period"]) > FINISH_WITHIN + 2
    assert seconds(service()["TimeoutStopSec"]) > FINISH_WITHIN + 2


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@needs_systemd
def test_systemd_understands_the_service_and_finds_it_well_confined(tmp_path: Path) -> None:
    text = (HOSTING / "skin-app.service").read_text()
    program = service()["ExecStart"].split()[0]
    unit = tmp_path / "skin-app.service"
    unit.write_text(text.replace(program, sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "skin-app.service" not in verified.stderr
    assert verified.returncode == 0
    judge = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]  # 2.0 of 10
    judged = subprocess.run(judge, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout
