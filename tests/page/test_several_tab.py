"""The tab of several photos in a real browser."""

import csv
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.analysis import Analysis
from skin_app.ensemble import AT_A_TIME, Ensemble
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.uploads_and_sessions import sweep
from skin_app.photo.read import Photo
from skin_app.words import page as words
from skin_app.words import several
from tests.page.conftest import Served, opened
from tests.page.test_access import serious
from tests.page.test_batch import jpeg

DRAWINGS = [EXAMPLES_FOLDER / name for name in EXAMPLES]


def go(page: Page, kind: str) -> None:
    """Open the tab of several photos, and in it the one of "angles" or "batch"."""
    page.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    names = {"angles": several.ANGLES_TAB, "batch": several.BATCH_TAB}
    page.get_by_role("tab", name=names[kind], exact=True).click()


def part(page: Page, kind: str, name: str) -> Locator:
    return page.locator(f"#several-{kind}-{name}")


def choose(page: Page, kind: str, paths: Sequence[Path]) -> None:
    part(page, kind, "files").locator("input[type=file]").set_input_files(list(paths))
    held = "One photo is here" if len(paths) == 1 else f"{len(paths)} photos are here"
    expect(part(page, kind, "status")).to_contain_text(held)


def start(page: Page, kind: str) -> None:
    names = {"angles": several.ANGLES_START, "batch": several.BATCH_START}
    page.get_by_role("button", name=names[kind]).click()


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
    """Nine small pictures, more than two turns of a batch."""
    paths = [tmp_path / f"lesion-{seed}.jpg" for seed in range(2 * AT_A_TIME + 1)]
    for seed, path in enumerate(paths):
        path.write_bytes(jpeg(seed))
    return paths


class Gate:
    """Lets an ensemble analyse one few after the other, and counts them."""

    def __init__(self, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = 0
        self._open = threading.Semaphore(0)
        analyse_all = ensemble.analyse_all

        def analysed(photos: Sequence[Photo], **named: Any) -> list[Analysis]:
            self._open.acquire(timeout=60)
            self.turns += 1
            return analyse_all(photos, **named)

        monkeypatch.setattr(ensemble, "analyse_all", analysed)

    def let(self, few: int) -> None:
        self._open.release(few)


@pytest.fixture
def gate(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(ensemble, monkeypatch)
    yield gate
    gate.let(1000)


def test_batch_gives_a_ranked_table_a_gallery_and_a_csv_file(
    visit: Page, served: Served, broken: Path, screenshots: Path
) -> None:
    said = begin(visit, "batch", [*DRAWINGS, broken])
    expect(said).to_contain_text("4 of 5 photos are done; 1 could not be used")
    rows = part(visit, "batch", "result").locator("tbody tr")
    expect(rows).to_have_count(5)
    shares = [
        float(text.rstrip("\N{NO-BREAK SPACE}%").lstrip("<>\N{NO-BREAK SPACE}"))
        for text in rows.locator("td.number").all_inner_texts()
        if text
    ]
    assert shares == sorted(shares, reverse=True)
    expect(rows.last).to_contain_text("This is not a JPEG, PNG, WebP")
    expect(part(visit, "batch", "result").locator(".gallery button")).to_have_count(4)
    visit.screenshot(path=screenshots / "several-batch.png", full_page=True)
    with visit.expect_download() as download:
        visit.get_by_role("link", name=several.DOWNLOAD).click()
    assert download.value.suggested_filename == several.DOWNLOAD_NAME
    read = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert {row["file"] for row in read} == {path.name for path in [*DRAWINGS, broken]}
    assert served.files() == []


def test_choosing_a_row_opens_its_result_below_with_its_own_settings(
    visit: Page, screenshots: Path
) -> None:
    begin(visit, "batch", DRAWINGS)
    result, opened_part = (part(visit, "batch", name) for name in ("result", "opened"))
    second = result.locator("tbody tr").nth(1)
    name = second.locator(".file").inner_text()
    second.get_by_role("button").press("Enter")
    heading = opened_part.get_by_role("heading", name=f"2. {name}")
    expect(heading).to_be_focused()
    expect(heading).to_be_in_viewport()
    expect(opened_part.locator("table.ranking tbody tr")).to_have_count(7)
    figure = opened_part.locator("figure.map")
    expect(figure).to_be_visible()
    visit.screenshot(path=screenshots / "several-opened.png", full_page=True)
    figure.locator("input.strength").fill("90")
    figure.locator("input.split").fill("40")
    figure.locator("select.beside").select_option(index=2)
    expect(figure.locator(".pane")).to_have_count(2)
    result.locator(".gallery button").nth(2).click()
    expect(opened_part.locator("h2").first).to_have_text(re.compile(r"^3\. "))
    expect(figure.locator("input.strength")).to_have_value("60")
    expect(figure.locator("input.split")).to_have_value("0")
    expect(figure.locator("select.beside")).to_have_value("")
    expect(figure.locator(".pane")).to_have_count(1)


def test_while_running_the_page_says_how_far_it_is_and_a_second_click_does_nothing(
    visit: Page, gate: Gate, photos: list[Path], screenshots: Path
) -> None:
    go(visit, "batch")
    choose(visit, "batch", photos)
    button = visit.get_by_role("button", name=several.BATCH_START)
    button.evaluate("button => { button.click(); button.click(); }")
    gate.let(1)
    said, so_far = (part(visit, "batch", name) for name in ("status", "result"))
    expect(said).to_contain_text("4 of 9 photos are done")
    expect(said).to_contain_text("left")
    expect(said.get_by_role("progressbar")).to_have_attribute("value", "4")
    expect(so_far).to_contain_text(several.MOST_SUSPECT_SO_FAR)
    expect(so_far.locator("img")).to_have_count(0)
    expect(button).to_be_disabled()
    visit.screenshot(path=screenshots / "several-running.png", full_page=True)
    gate.let(100)
    expect(said).to_contain_text("All 9 photos are done")
    visit.wait_for_timeout(1000)
    assert gate.turns == 3
    expect(said).to_contain_text("All 9 photos are done")


def test_what_is_chosen_while_running_is_kept_for_the_next_run(
    visit: Page, served: Served, gate: Gate, photos: list[Path]
) -> None:
    said = begin(visit, "batch", photos)
    expect(said).to_contain_text("Reading the photos")
    part(visit, "batch", "files").locator("input[type=file]").set_input_files(DRAWINGS[:2])
    expect(part(visit, "batch", "files").get_by_label("Remove this file")).to_have_count(2)
    visit.wait_for_timeout(1000)
    held = [path for path in served.files() if path.name in {drawing.name for drawing in DRAWINGS}]
    assert len(held) == 2
    before = time.time() - 200
    for path in held:
        os.utime(path, (before, before))
    gate.let(1)
    expect(said).to_contain_text("4 of 9 photos are done")
    assert all(path.stat().st_mtime > before + 100 for path in held)
    gate.let(100)
    expect(said).to_contain_text("All 9 photos are done")
    expect(said).to_contain_text("2 photos are here")
    start(visit, "batch")
    expect(said).to_contain_text("All 2 photos are done")
    expect(part(visit, "batch", "result")).not_to_contain_text("no longer held")


def test_stopping_shows_what_is_done(
    visit: Page, served: Served, gate: Gate, photos: list[Path]
) -> None:
    said = begin(visit, "batch", photos)
    gate.let(1)
    expect(said).to_contain_text("4 of 9 photos are done")
    visit.get_by_role("button", name=several.CANCEL).click()
    expect(said).to_contain_text(several.STOPPING)
    gate.let(1)
    expect(said).to_contain_text("Stopped: 8 of 9 photos are done")
    expect(part(visit, "batch", "result").locator("tbody tr")).to_have_count(8)
    expect(visit.get_by_role("button", name=several.CANCEL)).to_have_count(0)
    assert served.files() == []


def test_leaving_stops_the_networks_deletes_the_files_and_forgets(
    browser: Browser, served: Served, gate: Gate, photos: list[Path]
) -> None:
    page = opened(browser, served.url)
    said = begin(page, "batch", photos)
    before = set(served.page.state_holder.session_data)
    gate.let(1)
    expect(said).to_contain_text("4 of 9 photos are done")
    assert served.files() != []
    page.context.close()
    other = opened(browser)
    other.wait_for_timeout(1000)
    gate.let(1)
    for _ in range(300):
        if not served.files():
            break
        other.wait_for_timeout(100)
    assert served.files() == []
    gate.let(100)
    other.wait_for_timeout(1500)
    assert gate.turns == 2
    assert set(served.page.state_holder.session_data) < before
    other.context.close()


def test_too_few_and_too_many_photos_are_refused_and_none_is_lost(
    visit: Page, served: Served, photos: list[Path], screenshots: Path
) -> None:
    go(visit, "angles")
    said, alert = part(visit, "angles", "status"), visit.get_by_role("alert")
    expect(said).to_contain_text(several.IDLE)
    start(visit, "angles")
    expect(alert).to_contain_text(several.NOTHING_CHOSEN)
    choose(visit, "angles", photos)
    start(visit, "angles")
    expect(alert).to_contain_text("These are 9 photos, and one lesion takes 2 to 8")
    assert len(served.files()) == 9
    visit.screenshot(path=screenshots / "several-too-many.png", full_page=True)
    part(visit, "angles", "files").get_by_label("Remove this file").first.click()
    expect(said).to_contain_text("8 photos are here")
    start(visit, "angles")
    expect(said).to_contain_text("All 8 photos are done")
    assert sweep(served.uploads, older_than=0) == 1  # the one taken out goes with what was left over


def test_one_lesions_photos_are_averaged_and_their_disagreement_is_shown(
    visit: Page, served: Served, screenshots: Path
) -> None:
    begin(visit, "angles", DRAWINGS[:3])
    result = part(visit, "angles", "result")
    expect(result).to_contain_text("Average of 3 photos of one lesion")
    limits = "This outcome uses limits that were fitted on single photos of 8 views"
    expect(result).to_contain_text(limits)
    expect(result.locator(".agreement")).to_have_count(1)
    expect(result.get_by_role("table").first.locator("tbody tr")).to_have_count(7)
    result.get_by_role("button", name=re.compile(r"^2\. ")).click()
    expect(part(visit, "angles", "opened").locator("figure.map")).to_be_visible()
    visit.screenshot(path=screenshots / "several-angles.png", full_page=True)
    assert served.files() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_while_running_done_and_opened(
    browser: Browser,
    served: Served,
    gate: Gate,
    photos: list[Path],
    broken: Path,
    theme: str,
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 1280, "height": 900})
    for kind, paths, more in (
        ("batch", [*photos, broken], 2),
        ("angles", [*photos[:5], broken], 1),
    ):
        go(page, kind)
        choose(page, kind, paths)
        assert serious(page) == []
        start(page, kind)
        gate.let(1)
        said = part(page, kind, "status")
        expect(said).to_contain_text("left")
        assert serious(page) == []
        gate.let(more)
        expect(said).to_contain_text("1 could not be used")
        part(page, kind, "result").locator("button[data-row]").first.click()
        expect(part(page, kind, "opened").locator("figure.map")).to_be_visible()
        assert serious(page) == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(
    browser: Browser, served: Served, screenshots: Path, theme: str
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 360, "height": 780})
    for kind in ("angles", "batch"):
        expect(begin(page, kind, DRAWINGS)).to_contain_text("All 4 photos are done")
        part(page, kind, "result").locator("button[data-row]").first.click()
        expect(part(page, kind, "opened").locator("figure.map")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.screenshot(path=screenshots / f"several-{kind}-phone-{theme}.png", full_page=True)
    page.context.close()
