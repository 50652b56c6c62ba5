"""The page in a real browser, driven as a reader would drive it."""

import re
import threading
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.ensemble import Ensemble
from skin_app.words import page as words
from skin_app.words.outcome import OUTCOMES
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, opened, upload


def expect_no_files(page: Page, served: Served) -> None:
    """Deleting follows the answer by a moment."""
    for _ in range(600):
        if not served.files():
            return
        page.wait_for_timeout(100)
    assert served.files() == []


def test_first_visit(visit: Page, screenshots: Path) -> None:
    strip = visit.get_by_text("Research demo, not a medical device.")
    expect(strip).to_be_visible()
    expect(visit.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    expect(visit.locator("#status")).to_contain_text(words.IDLE)
    expect(visit.get_by_text(words.SYNTHETIC_NOTE)).to_be_visible()
    expect(visit.get_by_role("table")).to_have_count(0)
    visit.screenshot(path=screenshots / "first-visit.png")


def test_upload_gives_the_whole_result_and_leaves_no_file(
    visit: Page, served: Served, screenshots: Path
) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    expect(visit.locator("#ranking tbody tr")).to_have_count(7)
    expect(visit.locator("#ranking")).to_contain_text("Malignant (akiec, bcc, mel)")
    expect(visit.locator("#ranking .malignant")).to_have_count(3)
    expect(visit.locator("#map img.base")).to_be_visible()
    expect(visit.locator("#map")).to_contain_text(words.MAP_MEANING)
    expect(visit.locator("#similar .lesions li")).to_have_count(12)
    expect(visit.locator("#similar .counts")).to_contain_text("confirmed by histopathology")
    link = visit.locator("#similar a").first
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener")
    expect(visit.locator("#members tbody tr")).to_have_count(3)
    preview = visit.get_by_alt_text("The chosen photo")
    expect(preview).to_have_attribute("src", re.compile("^data:image/jpeg"))
    assert preview.evaluate("image => image.naturalWidth") == 600
    visit.mouse.wheel(0, 900)
    expect(visit.get_by_text("Research demo, not a medical device.")).to_be_in_viewport()
    visit.screenshot(path=screenshots / "result.png", full_page=True)
    expect_no_files(visit, served)


def test_the_outcome_and_what_to_check_first_stand_above_the_ranking(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    outcome = visit.locator("#outcome")
    expect(outcome.get_by_role("heading", level=2)).to_contain_text(
        re.compile("|".join(OUTCOMES.values()))
    )
    expect(outcome).to_contain_text(re.compile(r"90\s% set"))
    expect(outcome).to_contain_text("of 16 network readings")
    expect(visit.locator("#ranking td.set")).to_have_count(7)
    above = outcome.bounding_box()
    below = visit.locator("#ranking").bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] < below["y"]


# sensitivity 0.9, specificity 0.7, half of the lesions malignant: 0.45 / (0.45 + 0.15)
HALF = re.compile(r"75\.0\s%")


def half_are_malignant(page: Page) -> Locator:
    """The first operating point, after half of the lesions were said to be malignant."""
    rows = page.locator("#points tbody tr")
    expect(rows).to_have_count(3)
    number = page.locator("#prevalence input[type=number]")
    number.fill("50")
    number.press("Tab")
    expect(rows.first).to_contain_text(HALF)
    return rows.first


def test_the_readers_own_share_of_malignant_lesions_changes_the_predictive_values(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    first = half_are_malignant(visit)
    expect(first).to_contain_text(re.compile(r"87\.5\s%"))  # 0.35 / (0.35 + 0.05)
    visit.locator("#prevalence input[type=range]").press("ArrowRight")
    expect(first).to_contain_text(re.compile(r"75\.7\s%"))  # 0.459 / (0.459 + 0.147)


def test_a_share_that_is_set_during_the_quick_answer_holds_for_the_full_one(
    visit: Page, held_back: threading.Event
) -> None:
    upload(visit, PHOTO)
    first = half_are_malignant(visit)
    held_back.set()
    expect_full_answer(visit)
    visit.wait_for_timeout(500)
    expect(first).to_contain_text(HALF)


def test_a_full_answer_right_behind_the_quick_one_is_shown_whole(
    visit: Page, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine = ensemble.refine
    monkeypatch.setattr(ensemble, "refine", lambda photo: iter(list(refine(photo))))
    for path in (PHOTO, OTHER, PHOTO):
        older = visit.locator("figure.map")
        photo = older.get_attribute("data-photo") if older.count() else ""
        upload(visit, path)
        expect(visit.locator(f'figure.map:not([data-photo="{photo}"])')).to_have_count(1)
        expect_full_answer(visit)
        visit.wait_for_timeout(500)
        expect(visit.locator("figure.map")).to_have_count(1)
        expect(visit.locator("#outcome")).to_contain_text("of 16 network readings")


def test_text_named_jpg_is_explained_and_the_page_goes_on(
    visit: Page, served: Served, tmp_path: Path, screenshots: Path
) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    notes = tmp_path / "notes.jpg"
    notes.write_text("not an image")
    upload(visit, notes)
    expect(visit.get_by_role("alert")).to_contain_text("This is not a JPEG, PNG, WebP")
    expect(visit.get_by_role("table")).to_have_count(0)
    visit.screenshot(path=screenshots / "error.png")
    upload(visit, OTHER)
    expect_full_answer(visit)
    expect(visit.locator("#ranking tbody tr")).to_have_count(7)
    expect_no_files(visit, served)


def test_analyse_without_a_photo_asks_for_one_and_with_a_result_keeps_it(visit: Page) -> None:
    button = visit.get_by_role("button", name=words.ANALYSE, exact=True)
    button.click()
    expect(visit.get_by_role("alert")).to_contain_text(words.NOTHING_CHOSEN)
    upload(visit, PHOTO)
    expect_full_answer(visit)
    ranked = visit.locator("#ranking table").inner_text()
    button.click()
    expect_full_answer(visit)
    assert visit.locator("#ranking table").inner_text() == ranked


def test_emptying_the_field_clears_the_result(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    visit.get_by_role("button", name="Remove Image").click()
    expect(visit.locator("#status")).to_contain_text(words.IDLE)
    expect(visit.get_by_role("table")).to_have_count(0)


def test_nothing_is_asked_of_another_host(browser: Browser, served: Served) -> None:
    page = opened(browser)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url)
    upload(page, PHOTO)
    expect_full_answer(page)
    web = [urlparse(url) for url in asked if not url.startswith(("data:", "blob:"))]
    assert {url.netloc for url in web} == {urlparse(served.url).netloc}
    page.context.close()


def test_closing_the_page_drops_its_session(browser: Browser, served: Served) -> None:
    page = opened(browser)
    page.goto(served.url)
    upload(page, PHOTO)
    expect_full_answer(page)
    sessions = served.page.state_holder.session_data
    before = set(sessions)
    page.context.close()
    other = opened(browser)
    for _ in range(600):
        if set(sessions) < before:
            break
        other.wait_for_timeout(100)
    assert set(sessions) < before
    other.context.close()


def test_webcam_snapshot_is_analysed(browser: Browser, served: Served) -> None:
    page = opened(browser, permissions=["camera"])
    page.goto(served.url)
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.readyState >= 2")
    page.get_by_role("button", name="capture photo").click()
    expect_full_answer(page)
    expect_no_files(page, served)
    page.context.close()
