"""The tab of several photos in a real browser."""

import csv
import os
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.page.batch import TOLD_EVERY
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.uploads_and_sessions import FORGOTTEN_AFTER, WAITS_FOR, Sweeper
from skin_app.photo.read import Photo
from skin_app.words import page as words
from skin_app.words import several
from skin_app.words.language import GERMAN
from tests.page.conftest import Served, opened, top
from tests.page.test_access import serious
from tests.page.test_batch import jpeg
from tests.page.test_broken_uploads import soon

DRAWINGS = [EXAMPLES_FOLDER / name for name in EXAMPLES]


KINDS = {"angles": several.ANGLES_TAB, "batch": several.BATCH_TAB}
STARTS = {"angles": several.ANGLES_START, "batch": several.BATCH_START}


def open_tab(page: Page, name: str) -> None:
    """Open a tab of the page; on a phone the last ones are in a menu."""
    page.get_by_role("tab").first.wait_for()
    page.wait_for_timeout(500)  # until gradio has moved them there
    own = page.get_by_role("tab", name=name, exact=True)
    if not own.is_visible():
        page.locator(".overflow-menu > button").first.click()
        own = page.locator(".overflow-dropdown").get_by_text(name, exact=True)
    own.click()


def go(page: Page, kind: str) -> None:
    """Open the tab of several photos, and in it the one of "angles" or "batch"."""
    open_tab(page, words.TAB_SEVERAL)
    page.get_by_role("tab", name=KINDS[kind], exact=True).click()


def text_box(cell: Locator) -> tuple[float, float]:
    """Where a cell's text begins and ends, in pixels from the left."""
    return cell.evaluate(
        "cell => { const all = new Range(); all.selectNodeContents(cell);"
        "const box = all.getBoundingClientRect(); return [box.left, box.right]; }"
    )


def part(page: Page, kind: str, name: str) -> Locator:
    return page.locator(f"#several-{kind}-{name}")


def choose(page: Page, kind: str, paths: Sequence[Path]) -> None:
    part(page, kind, "files").locator("input[type=file]").set_input_files(list(paths))
    held = "One photo is ready" if len(paths) == 1 else f"{len(paths)} photos are ready"
    expect(part(page, kind, "status")).to_contain_text(held)


def start(page: Page, kind: str) -> None:
    page.get_by_role("button", name=STARTS[kind]).click()


def begin(page: Page, kind: str, paths: Sequence[Path]) -> Locator:
    """Choose photos and start; the status line."""
    go(page, kind)
    choose(page, kind, paths)
    start(page, kind)
    return part(page, kind, "status")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "notes.jpg"
    path.write_text("not an image")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Nine small pictures: progress is told twice before the end."""
    paths = [tmp_path / f"lesion-{seed}.jpg" for seed in range(2 * TOLD_EVERY + 1)]
    for seed, path in enumerate(paths):
        path.write_bytes(jpeg(seed))
    return paths


class Gate:
    """Lets an ensemble analyse one photo after the other, and counts them."""

    def __init__(self, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = 0
        self._open = threading.Semaphore(0)
        analyse_all = ensemble.analyse_all

        def analysed(photos: Sequence[Photo], **named: Any) -> list[Analysis]:
            self._open.acquire(timeout=60)
            self.turns += 1
            return analyse_all(photos, **named)

        monkeypatch.setattr(ensemble, "analyse_all", analysed)

    def let(self, photos: int) -> None:
        self._open.release(photos)


@pytest.fixture
def gate(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(ensemble, monkeypatch)
    yield gate
    gate.let(1000)


def files_in(rows: Locator) -> list[str]:
    """The names in the rows that are shown, from top to bottom."""
    return rows.locator("visible=true").locator("th .photo").all_inner_texts()


def exported(page: Page, name: str) -> list[str]:
    """The files in an exported table, in its order."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    assert download.value.suggested_filename == several.EXPORT_NAME
    text = download.value.path().read_text("utf-8-sig")
    return [row["file"] for row in csv.DictReader(text.splitlines())]


def test_a_table_sorts_filters_and_exports_what_is_shown(
    visit: Page, served: Served, broken: Path, screenshots: Path
) -> None:
    said = begin(visit, "batch", [*DRAWINGS, broken])
    expect(said).to_contain_text("4 of 5 photos are done; 1 could not be used")
    result = part(visit, "batch", "result")
    rows, titles = result.locator("tbody tr"), result.get_by_role("columnheader")
    expect(rows).to_have_count(5)
    expect(titles.nth(3)).to_have_attribute("aria-sort", "descending")
    ranked = files_in(rows)
    expect(rows.last).to_contain_text("This is not a JPEG, PNG, WebP")
    visit.screenshot(path=screenshots / "several-batch.png", full_page=True)

    titles.nth(3).get_by_role("button").press("Enter")
    expect(titles.nth(3)).to_have_attribute("aria-sort", "ascending")
    # what has no number stays last
    assert files_in(rows) == [*reversed(ranked[:-1]), broken.name]
    titles.nth(0).get_by_role("button").press("Space")
    expect(titles.nth(0)).to_have_attribute("aria-sort", "ascending")
    expect(result.locator("[aria-sort]")).to_have_count(1)
    assert files_in(rows) == sorted(ranked)

    chips = result.get_by_role("group", name=several.FILTER).get_by_role("button")
    unreadable = chips.filter(has_text=several.UNREADABLE)
    unreadable.press("Enter")
    expect(unreadable).to_have_attribute("aria-pressed", "true")
    expect(result.get_by_role("status")).to_have_text("1 of 5 photos are listed.")
    assert files_in(rows) == exported(visit, several.EXPORT_SHOWN) == [broken.name]
    assert exported(visit, several.EXPORT_ALL) == sorted(ranked)
    chips.first.click()
    assert len(files_in(rows)) > 1
    chips.first.click()
    unreadable.click()
    assert exported(visit, several.EXPORT_SHOWN) == files_in(rows) == sorted(ranked)
    assert served.files() == []


def test_choosing_a_row_opens_its_result_below_with_its_own_settings(
    visit: Page, screenshots: Path
) -> None:
    begin(visit, "batch", DRAWINGS)
    result, opened_part = (part(visit, "batch", name) for name in ("result", "opened"))
    rows = result.locator("tbody tr")
    expect(rows).to_have_count(4)
    result.get_by_role("columnheader").first.get_by_role("button").click()  # not the server's order
    first, second = files_in(rows)[:2]
    rows.first.get_by_role("button").press("Enter")
    heading = opened_part.get_by_role("heading", name=first, exact=True)
    expect(heading).to_be_focused()
    expect(heading).to_be_in_viewport()
    expect(opened_part.locator(".ranking button.pick")).to_have_count(7)
    strength, beside = (opened_part.locator(one) for one in ("input.strength", "select.beside"))
    at_first = strength.input_value()
    visit.screenshot(path=screenshots / "several-opened.png", full_page=True)
    strength.fill("90")
    beside.select_option(index=1)
    expect(opened_part.locator(".pane")).to_have_count(2)
    rows.nth(1).locator("img").click()
    expect(opened_part.locator("h2").first).to_have_text(second)
    expect(strength).to_have_value(at_first)
    expect(beside).to_have_value("")
    expect(opened_part.locator(".pane")).to_have_count(1)


def test_another_run_undoes_sorting_and_filters(visit: Page) -> None:
    begin(visit, "batch", DRAWINGS)
    result = part(visit, "batch", "result")
    rows = result.locator("tbody tr")
    expect(result.locator(".exports")).to_be_visible()
    ranked = files_in(rows)
    result.get_by_role("columnheader").first.get_by_role("button").click()
    result.locator("button.chip").first.click()
    expect(begin(visit, "batch", DRAWINGS)).to_contain_text("All 4 photos are done")
    expect(result.locator(".exports")).to_be_visible()
    assert files_in(rows) == ranked
    expect(result.locator(".chip[aria-pressed=true]")).to_have_count(0)
    expect(result.get_by_role("columnheader").nth(3)).to_have_attribute("aria-sort", "descending")


def test_while_running_the_page_says_how_far_it_is_and_a_second_click_does_nothing(
    visit: Page, gate: Gate, photos: list[Path], screenshots: Path
) -> None:
    go(visit, "batch")
    choose(visit, "batch", photos)
    button = visit.get_by_role("button", name=several.BATCH_START)
    button.evaluate("button => { button.click(); button.click(); }")
    gate.let(TOLD_EVERY)
    said, so_far = (part(visit, "batch", name) for name in ("status", "result"))
    expect(said).to_contain_text("4 of 9 photos are done")
    expect(said).to_contain_text("left")
    expect(said.get_by_role("progressbar")).to_have_attribute("value", "4")
    expect(so_far.locator("tbody tr")).to_have_count(8)
    expect(so_far.locator("tr.coming")).to_have_count(4)
    expect(so_far.get_by_role("row")).to_have_count(1 + 4)  # those to come are not read out
    expect(button).to_be_disabled()
    before = [top(so_far.locator(piece)) for piece in ("h2", "table")]
    visit.screenshot(path=screenshots / "several-running.png", full_page=True)
    gate.let(100)
    expect(said).to_contain_text("All 9 photos are done")
    visit.wait_for_timeout(1000)
    assert [top(so_far.locator(piece)) for piece in ("h2", "table")] == before
    assert gate.turns == 9
    expect(said).to_contain_text("All 9 photos are done")


def test_what_is_chosen_while_running_is_kept_for_the_next_run(
    visit: Page, served: Served, gate: Gate, photos: list[Path]
) -> None:
    said = begin(visit, "batch", photos)
    expect(said).to_contain_text("Reading the photos")
    part(visit, "batch", "files").locator("input[type=file]").set_input_files(DRAWINGS[:3])
    remove = part(visit, "batch", "files").get_by_label("Remove this file")
    expect(remove).to_have_count(3)
    visit.wait_for_timeout(1000)
    remove.first.click()
    drawn = {drawing.name for drawing in DRAWINGS}
    assert soon(lambda: len([path for path in served.files() if path.name in drawn]) == 2)
    held = [path for path in served.files() if path.name in drawn]
    before = time.time() - 200
    for path in held:
        os.utime(path, (before, before))
    gate.let(TOLD_EVERY)
    expect(said).to_contain_text("4 of 9 photos are done")
    assert all(path.stat().st_mtime > before + 100 for path in held)
    gate.let(100)
    expect(said).to_contain_text("All 9 photos are done")
    expect(said).to_contain_text("2 photos are ready")
    start(visit, "batch")
    expect(said).to_contain_text("Both photos are done")
    expect(part(visit, "batch", "result")).not_to_contain_text("no longer held")


def test_stopping_shows_what_is_done(
    visit: Page, served: Served, gate: Gate, photos: list[Path]
) -> None:
    said = begin(visit, "batch", photos)
    gate.let(TOLD_EVERY)
    expect(said).to_contain_text("4 of 9 photos are done")
    visit.get_by_role("button", name=several.CANCEL).click()
    expect(said).to_contain_text(several.STOPPING)
    gate.let(1)
    expect(said).to_contain_text("Stopped: 5 of 9 photos are done")
    expect(part(visit, "batch", "result").locator("tbody tr")).to_have_count(5)
    expect(visit.get_by_role("button", name=several.CANCEL)).to_have_count(0)
    assert served.files() == []


def test_leaving_stops_the_networks_deletes_the_files_and_forgets(
    browser: Browser, served: Served, gate: Gate, photos: list[Path]
) -> None:
    page = opened(browser, served.url)
    said = begin(page, "batch", photos)
    before = set(served.page.state_holder.session_data)
    gate.let(TOLD_EVERY)
    expect(said).to_contain_text("4 of 9 photos are done")
    assert served.files() != []
    page.context.close()
    other = opened(browser)
    other.wait_for_timeout(1000)
    gate.let(TOLD_EVERY)
    for _ in range(300):
        if not served.files():
            break
        other.wait_for_timeout(100)
    assert served.files() == []
    gate.let(100)
    other.wait_for_timeout(1500)
    assert gate.turns == 8
    assert set(served.page.state_holder.session_data) < before
    other.context.close()


def test_too_few_and_too_many_photos_are_refused_and_none_is_lost(
    visit: Page, served: Served, photos: list[Path], screenshots: Path
) -> None:
    go(visit, "angles")
    said, alert = part(visit, "angles", "status"), visit.get_by_role("alert")
    expect(said).to_be_empty()
    start(visit, "angles")
    expect(alert).to_contain_text(several.NOTHING_CHOSEN)
    choose(visit, "angles", photos)
    start(visit, "angles")
    expect(alert).to_contain_text("You chose 9 photos; one lesion takes 2 to 8")
    assert len(served.files()) == 9
    visit.screenshot(path=screenshots / "several-too-many.png", full_page=True)
    part(visit, "angles", "files").get_by_label("Remove this file").first.click()
    expect(said).to_contain_text("8 photos are ready")
    start(visit, "angles")
    expect(said).to_contain_text("All 8 photos are done")
    assert served.files() == []  # nor is the one that was taken out


def test_what_is_chosen_waits_for_the_start_while_the_page_is_open(
    browser: Browser, served: Served, photos: list[Path]
) -> None:
    page, now = opened(browser, served.url), [0.0]
    go(page, "batch")
    choose(page, "batch", photos)
    held, sweeper = served.files(), Sweeper(served.uploads, lambda: now[0], served.desk.waiting)
    for now[0] in (0.0, FORGOTTEN_AFTER, WAITS_FOR - 1):
        assert sweeper.sweep() == 0
    part(page, "batch", "files").get_by_label("Remove this file").first.click()
    expect(part(page, "batch", "status")).to_contain_text("8 photos are ready")
    assert len(served.files()) == len(held) - 1
    page.context.close()
    assert soon(lambda: not served.files())


def test_one_lesions_photos_are_averaged_and_their_disagreement_is_shown(
    visit: Page, served: Served, screenshots: Path
) -> None:
    begin(visit, "angles", DRAWINGS[:3])
    result = part(visit, "angles", "result")
    expect(result).to_contain_text("Average of 3 photos of one lesion")
    limits = "The thresholds were fitted on single photos, with 8 views each"
    expect(result).to_contain_text(limits)
    expect(result.locator(".agreement")).to_have_count(1)
    expect(result.get_by_role("table").first.locator("tbody tr")).to_have_count(7)
    result.locator("button[data-row]").nth(1).click()
    expect(part(visit, "angles", "opened").locator(".whole figure")).to_be_visible()
    visit.screenshot(path=screenshots / "several-angles.png", full_page=True)
    assert served.files() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious_while_running_done_and_opened(
    browser: Browser,
    served: Served,
    gate: Gate,
    photos: list[Path],
    broken: Path,
    theme: str,
    width: int,
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": width, "height": 844})
    for kind, paths, more in (
        ("batch", [*photos, broken], 6),
        ("angles", [*photos[:5], broken], 2),
    ):
        go(page, kind)
        choose(page, kind, paths)
        assert serious(page) == []
        start(page, kind)
        gate.let(TOLD_EVERY)
        said = part(page, kind, "status")
        expect(said).to_contain_text("left")
        assert serious(page) == []
        gate.let(more)
        expect(said).to_contain_text("1 could not be used")
        part(page, kind, "result").locator("button[data-row]").first.click()
        expect(part(page, kind, "opened").locator(".whole figure")).to_be_visible()
        assert serious(page) == []
    page.context.close()


def test_german_is_nowhere_wider_than_the_window(
    browser: Browser, served: Served, broken: Path, screenshots: Path
) -> None:
    page = opened(browser, served.url, viewport={"width": 320, "height": 780}, locale="de-DE")
    for kind in ("angles", "batch"):
        open_tab(page, GERMAN(words.TAB_SEVERAL))
        page.get_by_role("tab", name=GERMAN(KINDS[kind]), exact=True).click()
        part(page, kind, "files").locator("input[type=file]").set_input_files([*DRAWINGS, broken])
        expect(part(page, kind, "status")).to_contain_text("5 Fotos sind bereit")
        page.get_by_role("button", name=GERMAN(STARTS[kind])).click()
        expect(part(page, kind, "result").locator(".exports")).to_be_visible()
        part(page, kind, "result").locator("button[data-row]").first.click()
        expect(part(page, kind, "opened").locator(".whole figure")).to_be_visible()
        for width in (320, 390, 768, 1024, 1280):
            page.set_viewport_size({"width": width, "height": 780})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (kind, width)
            page.screenshot(path=screenshots / f"several-{kind}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 320, "height": 780})
    page.context.close()


def test_columns_do_not_overlap_on_a_phone(browser: Browser, served: Served) -> None:
    page = opened(browser, served.url, viewport={"width": 320, "height": 780})
    begin(page, "angles", DRAWINGS)
    joint = part(page, "angles", "result").locator(".joint table")
    expect(joint).to_be_visible()
    page.evaluate("document.querySelectorAll('.hidden-text').forEach((part) => part.remove())")
    for row in joint.locator("tr").all():
        boxes = [text_box(cell) for cell in row.locator("th, td").all()]
        assert all(left[1] <= right[0] for left, right in pairwise(boxes))
    page.context.close()
