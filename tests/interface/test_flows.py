"""The rest of the page as its readers use it: corrections, report, evidence, about."""

import json
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, expect

from skin_app.interface import words, words_corrected, words_report
from tests.interface.conftest import OTHER, PHOTO, Served, expect_full_answer, upload


def test_a_correction_stands_beside_the_photo_and_leaves_its_result(
    visit: Page, screenshots: Path
) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    ranked = visit.locator("#ranking table").inner_text()
    visit.get_by_role("button", name=words_corrected.CORRECTIONS_TITLE).click()
    visit.get_by_label(words_corrected.CORRECTIONS["gamma"]).check()
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
    for label in (words_report.PDF, words_report.JSON, words_report.CSV):
        with visit.expect_download() as download:
            visit.get_by_role("link", name=label).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    visit.locator("#report").screenshot(path=screenshots / "report.png")
    pdf, table, numbers = (next(tmp_path.glob(f"*.{kind}")) for kind in ("pdf", "csv", "json"))
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert table.read_text().lstrip("\ufeff").startswith("file,")
    record = json.loads(numbers.read_text())
    assert record["reader"]["own_diagnosis"] == "naevus, watch it"
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


def test_while_a_photo_is_analysed_it_cannot_be_asked_for_again(visit: Page) -> None:
    button = visit.get_by_role("button", name=words.ANALYSE, exact=True)
    expect(button).to_be_enabled()
    seen = visit.evaluate_handle(
        """() => { const seen = []; const button = document.querySelector('#analyse');
        new MutationObserver(() => seen.push(button.disabled)).observe(button, { attributes: true });
        return seen; }"""
    )
    upload(visit, PHOTO)
    expect_full_answer(visit)
    expect(button).to_be_enabled()
    assert True in seen.json_value()


def test_only_the_two_documented_endpoints_are_public(served: Served) -> None:
    with urlopen(f"{served.url}gradio_api/info") as answer:
        info = json.load(answer)
    assert sorted(info["named_endpoints"]) == ["/analyse", "/score"]
    assert info["unnamed_endpoints"] == {}
