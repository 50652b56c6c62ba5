"""Attacks over HTTP on a page on loopback, its headers, and walks through it in two browsers.

The page is served as app.py serves it, with the embedded weights. An attack counts as let through if it
gets any answer that is not an error, or brings a secret, or reaches the canary. Limits are tried at
their real size, except the bytes of one request (`web_limits.CUT_AT`).
"""

import base64
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.reliability import web_attacks as attacks
from benchmarks.reliability.browser_walk import Walk, started, walked
from benchmarks.reliability.web_attacks import FORM, JSON, SECRET, SENT, Answer, Canary, ask, uploaded
from benchmarks.reliability.web_limits import Limit, tried_limits
from skin_app.ensemble import Ensemble
from skin_app.page.hosting import Hosting
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.page.port import listening
from skin_app.page.security_headers import FIXED
from skin_app.page.uploads_and_sessions import private_folder
from skin_app.weights.hub import bypass_proxies

PASSWORD = "correct horse battery"
WALKS = (("chromium", "en", "light"), ("chromium", "de", "dark"), ("firefox", "de", "light"))
EXPECTED = (*(name.lower() for name in FIXED), "content-security-policy", "cache-control")


@dataclass(frozen=True)
class Tried:
    """One kind of attack. `through`: what was let through."""

    kind: str
    tried: int
    through: list[str]


@dataclass(frozen=True)
class WebFigures:
    """`headers_missing`: what each kind of answer lacks; `framed`: which sites could show the page."""

    attacks: list[Tried]
    limits: list[Limit]
    headers_missing: dict[str, list[str]]
    policy: str
    walks: list[Walk]
    framed: dict[str, bool]
    health_seconds: list[float]


def measure() -> WebFigures:
    """Serve, attack, look, walk; ten minutes on a machine with two quiet cores at most."""
    bypass_proxies()
    ensemble = Ensemble.load(None, or_embedded=True)
    with ExitStack() as stack:
        uploads = stack.enter_context(private_folder())
        canary = stack.enter_context(Canary().listening())
        site = f"http://localhost:{canary.port}"
        url = stack.enter_context(_served(ensemble, uploads, Hosting()))
        locked = stack.enter_context(_served(ensemble, uploads, Hosting(password=PASSWORD)))
        framing = stack.enter_context(_served(ensemble, uploads, Hosting(frames=(site,))))
        health = [_seconds(lambda: ask(url, "/healthz")) for _ in range(20)]
        headers, policy = _headers_missing(url)
        tried = [*_attacks(url, uploads, canary), *_locked_out(locked, canary)]
        limits = list(tried_limits(url, uploads))
        with sync_playwright() as playwright:
            with started(playwright, "chromium") as browser:
                framed = {
                    who: _is_framed(browser.new_page(), canary, where)
                    for who, where in (("any other site", url), ("a site that is named", framing))
                }
            # the limits of this client are used up on `url`
            walks = [walked(playwright, *walk[:1], framing, *walk[1:]) for walk in WALKS]
    return WebFigures(tried, limits, headers, policy, walks, framed, health)


@contextmanager
def _served(ensemble: Ensemble, uploads: Path, hosting: Hosting) -> Iterator[str]:
    from skin_app.page.build import build_page
    from skin_app.page.serve import serve

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page, labels = build_page(ensemble, uploads)
    where = listening("127.0.0.1", port)
    yield serve(page, where, labels=labels, hosting=hosting, ensemble=ensemble)
    page.close(verbose=False)


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return round(time.perf_counter() - begun, 4)


def _is_through(answer: Answer, canary: Canary, visits: int) -> bool:
    shown = SECRET.encode() in answer.body or b"root:" in answer.body
    return 200 <= answer.status < 400 or shown or len(canary.visits) > visits


def _tried(kind: str, canary: Canary, acts: list[tuple[str, Callable[[], Answer]]]) -> Tried:
    through = []
    for name, act in acts:
        visits = len(canary.visits)
        answer = act()
        # a page that opens as ever, whatever was added to its address, gives nothing away
        opened = name.startswith("/?") and answer.status == 200 and SECRET.encode() not in answer.body
        if _is_through(answer, canary, visits) and not (opened and len(canary.visits) == visits):
            through.append(f"{answer.status} {name}")
    return Tried(kind, len(acts), through)


def _attacks(url: str, uploads: Path, canary: Canary) -> Iterator[Tried]:
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret.txt"
        secret.write_text(SECRET)
        link = uploads / "planted" / "link.txt"
        link.parent.mkdir()
        link.symlink_to(secret)
        paths = [*attacks.traversals(secret, uploads), f"/gradio_api/file={link}"]
        yield _tried("files outside of the uploads", canary, [_get(url, path) for path in paths])
        link.unlink()
        link.parent.rmdir()
    yield _tried(
        "addresses to fetch, by a route", canary, [_get(url, path) for path in attacks.fetches(canary)]
    )
    yield _tried("addresses to fetch, as a photo", canary, list(_photos_by_address(url, canary)))
    yield _tried(
        "routes that the page does not need", canary, [_get(url, path) for path in attacks.CLOSED]
    )
    yield _tried("routes that take data", canary, [_post(url, path) for path in SENT])
    yield _tried("requests of another site's page", canary, list(_of_another_site(url)))
    yield _tried("a forged address or host of a visitor", canary, list(_forged(url)))
    yield _tried("folders and guessed names of uploads", canary, list(_guessed(url, uploads)))


def _get(url: str, path: str) -> tuple[str, Callable[[], Answer]]:
    return path, lambda: ask(url, path)


def _post(url: str, path: str) -> tuple[str, Callable[[], Answer]]:
    return f"POST {path}", lambda: ask(url, path, "POST", b"{}", Content_Type=JSON)


def _photos_by_address(url: str, canary: Canary) -> Iterator[tuple[str, Callable[[], Answer]]]:
    def errors(endpoint: str, data: Mapping[str, object]) -> Answer:
        answer = attacks.called(url, endpoint, data)
        refused = b"event: error" in answer.body or b'"error": "' in answer.body
        return Answer(422 if refused else answer.status, answer.headers, answer.body)

    for address in attacks.addresses(canary):
        for file in ({"path": address}, {"path": "a.jpg", "url": address}):
            photo = {**file, "meta": {"_type": "gradio.FileData"}}
            for endpoint, data in (
                ("analyse", {"photo": photo}),
                ("score", {"photos": [photo]}),
            ):
                yield (
                    f"{endpoint} {file}",
                    lambda endpoint=endpoint, data=data: errors(endpoint, data),
                )


def _of_another_site(url: str) -> Iterator[tuple[str, Callable[[], Answer]]]:
    site = {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/call/analyse"):
        for kind in ("text/plain", FORM, "application/x-www-form-urlencoded"):
            yield (
                f"POST {path} {kind}",
                lambda path=path, kind=kind: ask(url, path, "POST", b"{}", Content_Type=kind, **site),
            )

    def may_read(path: str, method: str) -> Answer:
        asked = {"Access_Control_Request_Method": "POST"} if method == "OPTIONS" else {}
        answer = ask(url, path, method, **site, **asked)
        return Answer(200 if "access-control-allow-origin" in answer.headers else 403)

    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/upload"):
        for method in ("GET", "OPTIONS"):
            yield f"{method} {path} to be read", lambda path=path, method=method: may_read(path, method)


def _forged(url: str) -> Iterator[tuple[str, Callable[[], Answer]]]:
    def is_believed(path: str, header: str, value: str) -> Answer:
        answer = ask(url, path, **{header: value})
        return Answer(200 if b"evil.example" in answer.body else 403)

    for path in ("/", "/config", "/gradio_api/info"):
        for header in ("X_Forwarded_Host", "X_Gradio_Server", "Forwarded"):
            value = "http://evil.example" if header == "X_Gradio_Server" else "evil.example"
            yield f"{header} {path}", lambda p=path, h=header, v=value: is_believed(p, h, v)
    yield "metrics through a proxy", lambda: ask(url, "/metrics", X_Forwarded_For="203.0.113.9")


def _guessed(url: str, uploads: Path) -> Iterator[tuple[str, Callable[[], Answer]]]:
    names = [uploads, uploads.parent, f"{uploads}/", f"{uploads}/*", f"{uploads}/%2a/photo.jpg"]
    photo = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()
    held = uploaded(url, ["photo.jpg"], photo)
    path = held.body.decode().split('"')[1]
    # what gradio would call the folder of the same file: the hash of its content
    from gradio.processing_utils import hash_bytes

    names += [uploads / hash_bytes(photo) / "photo.jpg", Path(path).parent]
    for name in names:
        yield _get(url, f"/gradio_api/file={name}")


def _locked_out(url: str, canary: Canary) -> Iterator[Tried]:
    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"a:{password}".encode()).decode()

    paths = (
        "/",
        "/config",
        "/gradio_api/info",
        "/assets/index.js",
        "/theme.css",
        "/gradio_api/queue/data",
    )
    acts = [_get(url, path) for path in paths]
    acts += [_post(url, path) for path in ("/gradio_api/upload", "/gradio_api/call/analyse")]
    wrong = ("", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper())
    acts += [
        (f"with {password!r}", lambda p=password: ask(url, "/", Authorization=basic(p)))
        for password in wrong
    ]
    if ask(url, "/", Authorization=basic(PASSWORD)).status != 200:
        raise RuntimeError("The right password does not open the page.")
    yield _tried("a page with a password, without it", canary, acts)
    guesses = [ask(url, "/", Authorization=basic(f"guess {n}")).status for n in range(30)]
    late = ask(url, "/", Authorization=basic(PASSWORD)).status
    counted = guesses[-1] == late == 429 and set(guesses) == {401, 429}
    yield Tried("a right password after too many guesses", 1, [] if counted else [f"{guesses} {late}"])


def _headers_missing(url: str) -> tuple[dict[str, list[str]], str]:
    page = ask(url, "/")
    held = uploaded(url, ["photo.jpg"], (EXAMPLES_FOLDER / "globules.jpg").read_bytes())
    path = held.body.decode().split('"')[1]
    asset = re.search(r"assets/index-[\w-]+\.js", page.body.decode())
    answers = {
        "the page": page,
        "its settings": ask(url, "/config"),
        "gradio's script": ask(url, f"/{asset and asset[0]}"),
        "an upload": held,
        "an uploaded photo": ask(url, f"/gradio_api/file={path}"),
        "an event stream": ask(url, "/gradio_api/heartbeat/abc"),
        "a faulty call": ask(url, "/gradio_api/queue/join", "POST", b"no JSON", Content_Type=JSON),
        "a refused route": ask(url, "/monitoring"),
        "health": ask(url, "/healthz"),
        "metrics": ask(url, "/metrics"),
    }
    missing = {
        kind: [name for name in EXPECTED if name not in answer.headers]
        for kind, answer in answers.items()
    }
    # scripts may be kept by browsers
    missing["gradio's script"] = [
        name for name in missing["gradio's script"] if name != "cache-control"
    ]
    policy = re.sub(r"nonce-[\w-]+", "nonce-NEW", page.headers["content-security-policy"])
    return missing, re.sub(r"sha256-[\w+/=]+", "sha256-OF-PAGE.JS", policy)


def _is_framed(page: Page, canary: Canary, url: str) -> bool:
    """Whether another site's page can show `url` in a frame."""
    canary.framed = url
    page.goto(f"http://localhost:{canary.port}/frame")
    page.wait_for_timeout(5000)
    shown = any(frame.locator("#masthead").count() for frame in page.frames[1:])
    page.close()
    return shown
