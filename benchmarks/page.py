"""How soon the page is there, and what it costs beside the networks.

    python benchmarks/page.py [--weights FOLDER] [--visits 7] [--answers 7] [--out FILE]

The page is served on loopback and driven in Debian's chromium. Shown are medians, with the range.

- First visit: a new browser context each time, with an empty cache. First paint is the browser's "first
  contentful paint". The drop zone is usable once its field for a file is in the page.
- Full answer: from the networks' `Analysis` to the last byte in the browser, and from there to the
  frame that shows it. Both together are the page's own work for it.
- Whole answer: from the choice of a file to that frame. The rest is all but the networks: upload,
  decoding, the quick answer, the queue, and the own work of the full answer.
"""

import argparse
import os
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.hardware import describe
from skin_app.page.build import build_page
from skin_app.page.port import listening
from skin_app.page.serve import serve
from skin_app.page.uploads_and_sessions import private_folder
from skin_app.photo.read import Photo
from skin_app.result_files import OutputError, check_output, replace_file
from skin_app.weights.hub import bypass_proxies

CHROMIUM = Path("/usr/bin/chromium")
PHOTO = Path(__file__).parents[1] / "skin_app" / "page" / "examples" / "globules.jpg"
FIELD = "#photo input[type=file]"
MOST_TO_PAINT, MOST_OWN = 1000, 100  # milliseconds
# when the field came into the page, and when a frame showed a full answer, which alone has heatmaps
WATCH = """
globalThis.seen = {};
const shown = () => { seen.full = performance.timeOrigin + performance.now(); };
new MutationObserver(() => {
  if (!seen.field && document.querySelector('#photo input[type=file]')) seen.field = performance.now();
  if (seen.full || !document.querySelector('#picture img.layer[src]:not([hidden])')) return;
  seen.full = 1;
  requestAnimationFrame(() => setTimeout(shown));
}).observe(document, { childList: true, subtree: true, attributeFilter: ['hidden', 'src'] });
"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LOADED = """() => {
  const all = performance.getEntriesByType('resource');
  return [all.length + 1, all.reduce((sum, one) => sum + one.transferSize, 0) / 1000];
}"""


class Watched:
    """Notes when an ensemble's answers were `ready`, and how long it was `busy`, both in seconds."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.refine = ensemble.refine
        self.ready: list[float] = []
        self.busy = self.started = 0.0
        ensemble.refine = self  # type: ignore[method-assign]

    def __call__(self, photo: Photo) -> Iterator[Analysis]:
        self.ready, self.busy, self.started = [], 0.0, time.time()
        answers = self.refine(photo)
        while True:
            start = time.time()
            analysis = next(answers, None)
            self.busy += time.time() - start
            if analysis is None:
                return
            self.ready.append(time.time())
            yield analysis


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def visit(browser: Browser, url: str) -> tuple[Page, list[float]]:
    """A fresh page, and: ms to first paint, ms to the field, requests, kB."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_function("seen.field")
    page.wait_for_function(FIRST_PAINT)
    return page, [page.evaluate(FIRST_PAINT), page.evaluate("seen.field"), *page.evaluate(LOADED)]


def answer(browser: Browser, url: str, watched: Watched) -> list[float]:
    """Milliseconds of one answer: those of `measured`, in its order."""
    page, _ = visit(browser, url)
    network, bytes_at, offset = page.context.new_cdp_session(page), [0.0], [0.0]
    network.on("Network.requestWillBeSent", lambda e: offset.append(e["wallTime"] - e["timestamp"]))
    network.on("Network.dataReceived", lambda e: bytes_at.append(e["timestamp"]))
    network.on("Network.eventSourceMessageReceived", lambda e: bytes_at.append(e["timestamp"]))
    network.send("Network.enable")
    page.wait_for_timeout(500)
    start = time.time()
    page.locator(FIELD).set_input_files(PHOTO)
    page.wait_for_function("seen.full > 1")
    shown = page.evaluate("seen.full") / 1000
    ready, whole = watched.ready[-1], shown - start
    last = max(at + offset[-1] for at in bytes_at if at + offset[-1] <= shown)
    page.context.close()
    rest, before = whole - watched.busy, watched.started - start
    between = rest - before - (shown - ready)
    spent = (last - ready, shown - last, shown - ready, whole, watched.busy, before, between, rest)
    return [1000 * seconds for seconds in spent]


def row(name: str, values: list[float], unit: str = "ms", most: float | None = None) -> str:
    """A line of the table; `most`: the goal, with whether the median meets it."""
    middle = statistics.median(values)
    line = f"{name:36} {middle:7.0f} {unit:3} ({min(values):.0f} to {max(values):.0f})"
    if most is None:
        return line
    return f"{line}   goal: under {most:.0f}, {'met' if middle < most else 'missed'}"


def measured(ensemble: Ensemble, visits: int, answers: int) -> list[str]:
    """The lines of the table."""
    watched = Watched(ensemble)
    with private_folder() as uploads, sync_playwright() as playwright:
        page, labels = build_page(ensemble, uploads)
        url = serve(page, listening("127.0.0.1", free_port()), labels=labels)
        with playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        ) as browser:
            seen = [visit(browser, url) for _ in range(visits + 1)][1:]
            for opened, _ in seen:
                opened.context.close()
            first, field, requests, kilobytes = zip(*(own for _, own in seen), strict=True)
            spent = [answer(browser, url, watched) for _ in range(answers + 1)][1:]
            version = browser.version
        page.close()
    last, frame, own, whole, networks, before, between, rest = zip(*spent, strict=True)
    return [
        f"chromium {version}, medians of {visits} visits and {answers} answers (least to most)",
        "",
        "first visit, nothing cached",
        row("first paint", list(first), most=MOST_TO_PAINT),
        row("drop zone usable", list(field), most=MOST_TO_PAINT),
        row("requests", list(requests), ""),
        row("transferred", list(kilobytes), "kB"),
        "",
        "the full answer, 8 views",
        row("networks' answer to last byte", list(last)),
        row("last byte to frame", list(frame)),
        row("own work of the full answer", list(own), most=MOST_OWN),
        "",
        "the whole answer",
        row("file chosen to full answer shown", list(whole)),
        row("of it networks", list(networks)),
        row("of it before the networks", list(before)),
        row("of it between quick and full", list(between)),
        row("all but the networks", list(rest), most=MOST_OWN),
    ]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", help="a weights folder (default: the embedded one)")
    parser.add_argument("--visits", type=int, default=7)
    parser.add_argument("--answers", type=int, default=7)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    if options.out:
        try:
            check_output(options.out, rb"page of [^\n]*, \d+ members\n")
        except OutputError as error:
            parser.error(str(error))
    if not os.access(CHROMIUM, os.X_OK):
        parser.error(f"{CHROMIUM} is missing: install Debian's chromium")
    bypass_proxies()
    ensemble = Ensemble.load(options.weights)
    load = os.getloadavg()[0]
    lines = [
        f"page of {ensemble.weights.identity}, {len(ensemble.members)} members",
        f"{describe(ensemble.device)}; other work on the machine: load {load:.1f} at the start",
        *measured(ensemble, options.visits, options.answers),
    ]
    print("\n".join(lines))
    if options.out:
        replace_file(options.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
