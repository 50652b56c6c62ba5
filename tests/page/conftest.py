"""One untrained ensemble, one running page and one browser for all tests of the page."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.picture_cache import PictureCache
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page.build import build_page
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.page.port import listening
from skin_app.page.serve import serve
from skin_app.page.uploads_and_sessions import Desk, private_folder
from skin_app.photo.read import Photo
from skin_app.weights.hub import bypass_proxies
from tests.archive import ArchiveStandIn, archive_stand_in
from tests.tiny import give_trust, write_weights

CHROMIUM = Path("/usr/bin/chromium")
FIREFOX = Path("/usr/bin/firefox-esr")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# A machine that is busy training answers late; no test is about time.
PATIENCE_MS = 120_000
DESKTOP, PHONE = (1280, 800), (390, 844)
PHOTO = EXAMPLES_FOLDER / "globules.jpg"
OTHER = EXAMPLES_FOLDER / "irregular-patchy.jpg"
FULL = re.compile(r"Full answer\s+2 networks × 8 views")
SCREENSHOTS = Path(__file__).parent / "screenshots"
bypass_proxies()  # as app.py does; no test of the page asks a proxy


@dataclass(frozen=True)
class Served:
    """A page that is being served: where, from which blocks, uploads in which folder, which desk."""

    url: str
    page: gr.Blocks
    uploads: Path
    desk: Desk = field(default_factory=Desk)

    def files(self) -> list[Path]:
        """What lies in the upload folder now."""
        # Path.rglob fails when a folder disappears meanwhile
        return [Path(parent, name) for parent, _, names in os.walk(self.uploads) for name in names]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def needs_ipv6(name: str) -> None:
    """Skip a test of the IPv6 address `name` on a machine without IPv6."""
    if ":" in name:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")


@pytest.fixture(scope="package")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    return Ensemble.load(give_trust(write_weights(tmp_path_factory.mktemp("weights") / "weights")))


@pytest.fixture(scope="package")
def served(ensemble: Ensemble) -> Iterator[Served]:
    desk = Desk()
    with private_folder(desk) as uploads:
        page, labels = build_page(ensemble, uploads, desk=desk)
        url = serve(page, listening("127.0.0.1", free_port()), labels=labels)
        yield Served(url, page, uploads, desk)
        page.close()


def needs_program(path: Path) -> None:
    """Skip the tests of a browser that is not installed."""
    if not os.access(path, os.X_OK):
        pytest.skip(f"{path} is missing: install Debian's {path.name} to drive the page")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    needs_program(CHROMIUM)
    with playwright.chromium.launch(
        executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS
    ) as chromium:
        yield chromium


@pytest.fixture(scope="package")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Firefox, which Playwright drives by WebDriver BiDi."""
    needs_program(FIREFOX)
    with playwright.firefox.launch(
        executable_path=FIREFOX, channel="moz-firefox", timeout=PATIENCE_MS
    ) as started:
        yield started


def opened(browser: Browser, url: str = "", **settings: Any) -> Page:
    """A fresh page in a context of its own; `url`: where it goes at once."""
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    if url:
        page.goto(url)
    return page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Page]:
    """The page, freshly opened at desktop size; fails the test on any error in its console."""
    page = opened(browser, viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(served.url)
    ready(page)
    yield page
    page.context.close()
    assert errors == []


def ready(page: Page) -> None:
    """Wait until a freshly opened page takes a photo."""
    page.locator("#photo input[type=file]").wait_for(state="attached")


def resized(page: Page, size: tuple[int, int]) -> Page:
    """The page in a window of another size, scrolled to its top."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_function(f"innerWidth === {size[0]}")
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    return page


def upload(page: Page, path: Path) -> None:
    """Choose a photo in the tab of one photo."""
    page.locator("#photo input[type=file]").set_input_files(path)


def expect_full_answer(page: Page) -> None:
    expect(page.locator("#status")).to_have_text(FULL)


def top(part: Locator) -> float:
    """Where a part of the page begins, in pixels from the top."""
    box = part.bounding_box()
    assert box is not None
    return box["y"]


@pytest.fixture
def answered(visit: Page) -> Page:
    """The page with the full answer to a photo."""
    upload(visit, PHOTO)
    expect_full_answer(visit)
    return visit


@pytest.fixture
def quick(visit: Page, held_back: threading.Event) -> Page:  # noqa: ARG001  the full answer waits
    """The page with the quick answer to a photo."""
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_contain_text("Quick answer")
    return visit


@pytest.fixture
def screenshots() -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


@pytest.fixture
def steps(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, threading.Event]]:
    """The quick answer waits for the event "quick", the full one for "full"."""
    go, refine = {"quick": threading.Event(), "full": threading.Event()}, ensemble.refine

    def waiting(photo: Photo) -> Iterator[Analysis]:
        for step, analysis in zip(go.values(), refine(photo), strict=True):
            step.wait(PATIENCE_MS / 1000)
            yield analysis

    monkeypatch.setattr(ensemble, "refine", waiting)
    yield go
    for step in go.values():
        step.set()


@pytest.fixture
def held_back(steps: dict[str, threading.Event]) -> threading.Event:
    """Full answers wait for this; quick ones come at once."""
    steps["quick"].set()
    return steps["full"]


@pytest.fixture
def archive() -> Iterator[ArchiveStandIn]:
    with archive_stand_in() as standing_in:
        yield standing_in


def served_asking(
    ensemble: Ensemble, archive: ArchiveStandIn, folder: Path, asks: bool
) -> Iterator[Served]:
    fetched = ArchivePictures(PictureCache(folder), archive.client())
    with private_folder() as uploads:
        pictures = LesionPictures({}, archive=fetched, asks_archive=asks)
        page, labels = build_page(ensemble, uploads, pictures)
        url = serve(page, listening("127.0.0.1", free_port()), labels=labels)
        yield Served(url, page, uploads)
        page.close()
    fetched.close()


@pytest.fixture
def offering(ensemble: Ensemble, archive: ArchiveStandIn, tmp_path: Path) -> Iterator[Served]:
    """A page that offers pictures of the stand-in."""
    yield from served_asking(ensemble, archive, tmp_path, asks=False)


@pytest.fixture
def asking(ensemble: Ensemble, archive: ArchiveStandIn, tmp_path: Path) -> Iterator[Served]:
    """A page that shows them without a click."""
    yield from served_asking(ensemble, archive, tmp_path, asks=True)
