"""The rest of the page as its readers use it: corrections, report, evidence, about."""

import json
import threading
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, expect

from skin_app.words import page as words
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, opened, upload


def test_a_correction_stands_beside_the_photo_and_leaves_its_result(
    visit: Page, screenshots: Path
) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    ranked = visit.locator("#ranking table").inner_text()
    visit.get_by_role("button", name=words.CORRECTIONS_TITLE).click()
    visit.get_by_label(words.CORRECTIONS["gamma"]).check()
    expect(visit.locator("#comparison img")).to_have_count(2)
    expect(visit.locator("#comparison tbody tr")).to_have_count(6)
    assert visit.locator("#ranking table").inner_text() == ranked
    visit.locator("#comparison").screenshot(path=screenshots / "correction.png")
    upload(visit, OTHER)
    expect_full_answer(visit)
    expect(visit.locator("#comparison img")).to_have_count(0)


def test_a_report_is_downloaded_as_pdf_json_and_csv(
    visit: Page, served: Served, tmp_path: Path, screenshots: Path
) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    visit.get_by_role("button", name=words.REPORT_TITLE).click()
    visit.get_by_label(words.REPORT_DIAGNOSIS).fill("naevus, watch it")
    visit.get_by_role("button", name=words.REPORT_MAKE).click()
    for label in (words.REPORT_PDF, words.REPORT_JSON, words.REPORT_CSV):
        with visit.expect_download() as download:
            visit.get_by_role("link", name=label).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    visit.locator("#report").screenshot(path=screenshots / "report.png")
    pdf, table, numbers = (next(tmp_path.glob(f"*.{ending}")) for ending in ("pdf", "csv", "json"))
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert table.read_text().lstrip("\ufeff").startswith("file,")
    record = json.loads(numbers.read_text())
    assert record["notes"]["own_diagnosis"] == "naevus, watch it"
    first = visit.locator("#ranking button.pick").first.get_attribute("data-code")
    assert record["diagnoses"][0]["code"] == first
    assert served.files() == []


def test_what_was_typed_for_one_patient_is_gone_with_the_next_photo(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    visit.get_by_role("button", name=words.REPORT_TITLE).click()
    age = visit.get_by_label(words.REPORT_AGE, exact=True)
    age.fill("71")
    visit.get_by_role("button", name=words.REPORT_MAKE).click()
    expect(visit.locator("#downloads a")).to_have_count(3)
    upload(visit, OTHER)
    expect_full_answer(visit)
    expect(age).to_have_value("")
    expect(visit.locator("#downloads a")).to_have_count(0)


def test_evidence_and_about_come_when_their_tab_is_opened(visit: Page, screenshots: Path) -> None:
    visit.get_by_role("tab", name=words.TAB_EVIDENCE, exact=True).click()
    expect(visit.locator("#evidence h2").first).to_be_visible()
    visit.screenshot(path=screenshots / "evidence.png", full_page=True)
    visit.get_by_role("tab", name=words.TAB_ABOUT, exact=True).click()
    expect(visit.locator("#about")).to_contain_text("untrained test weights")
    visit.screenshot(path=screenshots / "about.png", full_page=True)


def test_the_answer_of_an_older_photo_never_stands_beside_a_newer_one(
    visit: Page, held_back: threading.Event
) -> None:
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_contain_text("Quick answer")
    older = visit.locator("#ranking").inner_text()
    visit.get_by_role("button", name=words.EXAMPLE_NAMES[1]).click()
    expect(visit.locator("#ranking tbody tr")).to_have_count(0)
    held_back.set()
    expect_full_answer(visit)
    assert visit.locator("#ranking").inner_text() != older
    photo = visit.locator("figure.map").get_attribute("data-photo")
    expect(visit.locator(f'#ranking [data-for="{photo}"]')).to_have_count(1)


def test_a_field_that_is_emptied_while_it_is_analysed_stays_empty(
    visit: Page, held_back: threading.Event
) -> None:
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_contain_text("Quick answer")
    visit.get_by_role("button", name="Remove Image").click()
    expect(visit.locator("#status")).to_contain_text(words.IDLE)
    held_back.set()
    visit.wait_for_timeout(1500)
    expect(visit.get_by_role("table")).to_have_count(0)
    expect(visit.locator("#status")).to_contain_text(words.IDLE)


def test_a_report_waits_for_the_full_answer_and_a_second_click_asks_once(
    visit: Page, held_back: threading.Event
) -> None:
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_contain_text("Quick answer")
    visit.get_by_role("button", name=words.ANALYSE, exact=True).click()
    visit.get_by_role("button", name=words.REPORT_TITLE).click()
    visit.get_by_role("button", name=words.REPORT_MAKE).click()
    expect(visit.locator("#downloads")).to_contain_text(words.REPORT_TOO_EARLY)
    held_back.set()
    expect_full_answer(visit)
    expect(visit.locator("#downloads a")).to_have_count(0)


def test_two_visitors_with_the_same_file_do_not_take_it_from_each_other(
    browser: Browser, served: Served
) -> None:
    pages = [opened(browser), opened(browser)]
    for page in pages:
        page.goto(served.url)
        page.get_by_role("button", name=words.ANALYSE, exact=True).wait_for()
    for page in pages:
        upload(page, PHOTO)
    for page in pages:
        expect_full_answer(page)
        page.context.close()


def test_only_the_two_documented_endpoints_are_public(served: Served) -> None:
    with urlopen(f"{served.url}gradio_api/info") as answer:
        info = json.load(answer)
    assert sorted(info["named_endpoints"]) == ["/analyse", "/score"]
    assert info["unnamed_endpoints"] == {}
