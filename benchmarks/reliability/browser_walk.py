"""Walks through the whole page in a browser, and notes what the browser refused or asked elsewhere.

Every tab is opened: a photo is analysed (in chromium, one is also taken with the camera), every panel
opened, the report downloaded as PDF, JSON and CSV, a batch run and stopped, the lesion map used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright, expect

from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.views import VIEWS
from skin_app.words import page as words
from skin_app.words import several
from skin_app.words.language import LANGUAGES, Say

CHROMIUM, FIREFOX = Path("/usr/bin/chromium"), Path("/usr/bin/firefox-esr")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PATIENCE_MS = 240_000  # a machine that is busy answers late
PHOTOS = [EXAMPLES_FOLDER / name for name in EXAMPLES]
VIOLATIONS = """
globalThis.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Walk:
    """What went wrong on a walk.

    `violations`: of the security policy; `errors`: in the console; `elsewhere`: addresses of other
    hosts; `refused`: answers from 400 on.
    """

    browser: str
    language: str
    colours: str
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    downloads: int = 0


def walked(playwright: Playwright, browser: str, url: str, language: str, colours: str) -> Walk:
    """Walk once. `browser`: "chromium" or "firefox"; `colours`: "light" or "dark"."""
    expect.set_options(timeout=PATIENCE_MS)
    walk = Walk(browser, language, colours)
    with started(playwright, browser) as program, visited(program, walk, url) as page:
        say = LANGUAGES[language]
        _one_photo(page, say, walk)
        _several(page, say)
        _evidence(page, say)
        walk.violations += page.evaluate("violations")
    return walk


@contextmanager
def started(playwright: Playwright, browser: str) -> Iterator[Browser]:
    """Debian's own browser."""
    program = (
        playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        if browser == "chromium"
        else playwright.firefox.launch(
            executable_path=FIREFOX, channel="moz-firefox", timeout=PATIENCE_MS
        )
    )
    with program:
        yield program


@contextmanager
def visited(program: Browser, walk: Walk, url: str) -> Iterator[Page]:
    """A fresh page, watched."""
    host = urlsplit(url).netloc
    allowed = ["camera"] if walk.browser == "chromium" else []
    # Firefox cannot be told its colours by this protocol
    settings: dict[str, Any] = {"color_scheme": walk.colours} if walk.browser == "chromium" else {}
    context = program.new_context(locale=walk.language, permissions=allowed, **settings)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(VIOLATIONS)
    page.on("console", lambda m: walk.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: walk.errors.append(str(error)))
    page.on("request", lambda request: _note(request.url, host, walk))
    page.on(
        "response",
        lambda own: walk.refused.append(f"{own.status} {own.url}") if own.status >= 400 else None,
    )
    page.goto(url)
    page.locator("#photo input[type=file]").wait_for(state="attached")
    yield page
    context.close()


def _note(url: str, host: str, walk: Walk) -> None:
    if not url.startswith(("data:", "blob:", "about:")) and urlsplit(url).netloc != host:
        walk.elsewhere.append(url)


def _full(page: Page) -> None:
    """Wait for the full answer: its status line counts the views, in any language."""
    expect(page.locator("#status")).to_contain_text(f"× {VIEWS} ")


def _one_photo(page: Page, say: Say, walk: Walk) -> None:
    if walk.browser == "chromium":
        page.get_by_role("button", name="Capture from camera").click()  # gradio's own, in any language
        page.get_by_text(say(words.START_CAMERA)).click()
        page.wait_for_function("document.querySelector('#photo video')?.readyState >= 2")
        page.get_by_role("button", name="capture photo").click()
        _full(page)
        page.locator("button[data-start-over]").click()
        page.locator("#examples button[data-index]").first.wait_for()
    page.locator("#examples button[data-index]").first.click()
    _full(page)
    page.locator("#photo input[type=file]").set_input_files(PHOTOS[1])
    expect(page.locator("#picture figure.picture")).to_have_count(1)
    page.locator("#ranking tbody tr").first.wait_for()
    _full(page)
    page.locator("#ranking button.pick").nth(1).click()
    for name in ("thresholds", "numbers", "corrections", "report"):
        page.locator(f"#{name} > button").click()
    page.get_by_label(say(words.CORRECTIONS["gamma"]), exact=True).check()
    expect(page.locator("#comparison img")).to_have_count(2)
    page.get_by_role("button", name=say(words.REPORT_MAKE)).click()
    for label in (words.REPORT_PDF, words.REPORT_JSON, words.REPORT_CSV):
        with page.expect_download() as download:
            page.get_by_role("link", name=say(label)).click()
        walk.downloads += download.value.path().stat().st_size > 0


def _several(page: Page, say: Say) -> None:
    page.get_by_role("tab", name=say(words.TAB_SEVERAL), exact=True).click()
    for kind, tab in (("angles", several.ANGLES_TAB), ("batch", several.BATCH_TAB)):
        page.get_by_role("tab", name=say(tab), exact=True).click()
        page.locator(f"#several-{kind}-files input[type=file]").set_input_files(PHOTOS)
        page.locator(f"#several-{kind}-status .status, #several-{kind}-status p").first.wait_for()
        page.locator(f"#several-{kind}-start").click()
        page.locator(f"#several-{kind}-result table tbody tr").first.wait_for()
        expect(page.locator(f"#several-{kind}-cancel")).to_be_hidden()
        page.locator(f"#several-{kind}-result tbody button").first.click()
        page.locator(f"#several-{kind}-opened h2").first.wait_for()


def _evidence(page: Page, say: Say) -> None:
    page.get_by_role("tab", name=say(words.TAB_EVIDENCE), exact=True).click()
    page.locator("#evidence .details h2").first.wait_for()
    places = page.locator(".places")
    if places.count():
        places.scroll_into_view_if_needed()
        places.focus()
        page.keyboard.press("ArrowRight")
        page.locator(".tip").first.wait_for()
    page.get_by_role("tab", name=say(words.TAB_ABOUT), exact=True).click()
    page.locator("#about h2").first.wait_for()
