"""The audit of packages: what it demands of the allow-list, and what it says when no source answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.advisories import LONGEST, PROGRAM, VULNERABLE, Audit, Entry, audit, entries, report
from tests.needed_packages import needed

TODAY = date(2026, 11, 30)
PACKAGES = {"pillow": "12.3.0", "numpy": "2.4.6+local"}
FLAW = {"id": "GHSA-1", "aliases": ["CVE-1"], "package": "pillow", "fixed": "13.0.0"}
ENTRY = Entry("CVE-1", "pillow", TODAY, TODAY + timedelta(days=90), "Not read by Pillow.", "13.0.0")

needs_pip_audit = pytest.mark.skipif(not PROGRAM.exists(), reason="`make audit-packages` installs it")


@contextmanager
def service(*flaws: dict[str, object]) -> Iterator[tuple[str, ...]]:
    """A stand-in for OSV on this machine that knows these flaws; yields the options that name it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = [_told(one) for one in flaws if one["package"] == asked["package"]["name"]]
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield "--osv-url", f"http://127.0.0.1:{server.server_port}/", "--vulnerability-service", "osv"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _told(flaw: dict[str, object]) -> dict[str, object]:
    ends = [{"introduced": "0"}, {"fixed": flaw["fixed"]}]
    named = {"package": {"name": flaw["package"], "ecosystem": "PyPI"}}
    ranges = [{"type": "ECOSYSTEM", "events": ends}]
    return {"id": flaw["id"], "aliases": flaw["aliases"], "affected": [{**named, "ranges": ranges}]}


def known_flaw() -> dict[str, object]:
    (name,) = VULNERABLE
    return {"id": "GHSA-0", "aliases": [], "package": name, "fixed": "9"}


def told(result: Audit) -> str:
    return "\n".join(report(PACKAGES, (ENTRY,), result))


@needs_pip_audit
def test_an_advisory_is_a_fault_until_it_is_allowed() -> None:
    with service(known_flaw(), FLAW) as source:
        result = audit(PACKAGES, (), TODAY, [source])
        allowed = audit(PACKAGES, [ENTRY], TODAY, [source])
    assert result.answered == {*PACKAGES}
    (fault,) = result.faults
    assert fault.startswith("pillow 12.3.0: CVE-1, fixed in 13.0.0: upgrade")
    assert not allowed.faults
    assert told(allowed).startswith("2 of 2 packages audited, 1 advisories.")


@needs_pip_audit
def test_a_source_without_advisories_is_no_source() -> None:
    with service(FLAW) as source:  # it does not know the release that is known to be vulnerable
        result = audit(PACKAGES, [ENTRY], TODAY, [source])
    assert not result.faults
    assert told(result).startswith("2 packages not audited: no advisory source could be reached.")


@needs_pip_audit
def test_where_no_source_answers_only_the_dates_are_checked() -> None:
    with service() as source:
        pass  # nothing listens there any more
    result = audit(PACKAGES, [ENTRY], TODAY, [source])
    assert not result.faults
    assert "no advisory source could be reached" in told(result)
    assert "known vulnerabilities" not in told(result)


@needs_pip_audit
def test_an_entry_that_is_no_longer_reported_is_a_fault() -> None:
    with service(known_flaw()) as source:
        (fault,) = audit(PACKAGES, [replace(ENTRY, fixed=None)], TODAY, [source]).faults
    assert fault.endswith("no longer reported. Remove the entry.")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (replace(ENTRY, again=TODAY - timedelta(days=1)), "look at it again, then"),
        (replace(ENTRY, looked=TODAY + timedelta(days=1)), "look at it again, then"),
        (replace(ENTRY, again=TODAY + LONGEST + timedelta(days=1)), "look at it again within"),
        (replace(ENTRY, package="scipy"), "no longer installed"),
        (replace(ENTRY, fixed="12.3"), "12.3.0 is installed, without it"),
    ],
)
def test_an_entry_needs_a_date_and_a_package_that_has_the_flaw(entry: Entry, fault: str) -> None:
    (told_of,) = audit(PACKAGES, [entry], TODAY, []).faults
    assert fault in told_of
    assert not audit(PACKAGES, [ENTRY], TODAY, []).faults


def test_each_allowed_advisory_says_why() -> None:
    listed = entries()
    assert len({entry.id for entry in listed}) == len(listed)
    assert all(len(entry.why.split()) >= 4 for entry in listed)


def test_the_packages_of_an_extra_come_on_top_of_the_plain_ones() -> None:
    plain, tested = needed(), needed("test")
    assert {"torch", "starlette", "typing-extensions"} <= plain.keys()  # also what others ask for
    assert {"pytest", "accelerate"} <= tested.keys() - plain.keys()
    assert plain.items() <= tested.items()
