"""The tab of one photo, and the frame around it, in a real browser."""

import json
import re
import threading
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.ensemble import Ensemble
from skin_app.words import page as words
from skin_app.words.outcome import OUTCOMES
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, opened, top, upload


def expect_no_files(page: Page, served: Served) -> None:
    """Deleting follows the answer by a moment."""
    for _ in range(600):
        if not served.files():
            return
        page.wait_for_timeout(100)
    assert served.files() == []


def expect_empty(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text(words.IDLE)
    expect(page.get_by_role("table")).to_have_count(0)


def test_first_visit(visit: Page, screenshots: Path) -> None:
    expect(visit.get_by_text("Research demo, not a medical device.")).to_be_visible()
    expect(visit.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    expect(visit.get_by_text(words.SYNTHETIC_NOTE)).to_be_visible()
    expect_empty(visit)
    visit.screenshot(path=screenshots / "first-visit.png")
    visit.get_by_role("button", name=words.ANALYSE, exact=True).click()
    expect(visit.get_by_role("alert")).to_contain_text(words.NOTHING_CHOSEN)


def test_upload_gives_the_whole_result_and_leaves_no_file(
    answered: Page, served: Served, screenshots: Path
) -> None:
    outcome, ranking, similar = (
        answered.locator(f"#{part}") for part in ("outcome", "ranking", "similar")
    )
    headline = outcome.get_by_role("heading", level=2)
    expect(headline).to_contain_text(re.compile("|".join(OUTCOMES.values())))
    expect(outcome).to_contain_text(re.compile(r"90\s% set"))
    expect(outcome).to_contain_text("of 16 readings")
    assert top(outcome) < top(ranking)
    expect(ranking.locator("tbody tr")).to_have_count(7)
    expect(ranking.locator("td.set")).to_have_count(7)
    expect(ranking).to_contain_text("Malignant (akiec, bcc, mel)")
    expect(ranking.locator(".malignant")).to_have_count(3)
    expect(answered.locator("#map img.base")).to_be_visible()
    expect(answered.locator("#map")).to_contain_text(words.MAP_MEANING)
    expect(similar.locator(".lesions li")).to_have_count(12)
    expect(similar.get_by_role("heading")).to_contain_text("12 similar confirmed lesions: ")
    expect(similar.locator("a").first).to_have_attribute("target", "_blank")
    expect(similar.locator("a").first).to_have_attribute("rel", "noopener")
    expect(answered.locator("#members tbody tr")).to_have_count(3)
    preview = answered.get_by_alt_text("The chosen photo")
    expect(preview).to_have_attribute("src", re.compile("^data:image/jpeg"))
    assert preview.evaluate("image => image.naturalWidth") == 600
    expect(answered.locator("img:not([alt])")).to_have_count(0)
    expect(answered.locator('#map img[alt=""]')).to_have_count(0)
    answered.mouse.wheel(0, 900)
    expect(answered.get_by_text("Research demo, not a medical device.")).to_be_in_viewport()
    answered.screenshot(path=screenshots / "result.png", full_page=True)
    expect_no_files(answered, served)


# sensitivity 0.85, specificity 0.7, half of the lesions malignant: 0.425 / (0.425 + 0.15)
HALF = re.compile(r"73\.9\s%")


def half_are_malignant(page: Page) -> Locator:
    """The first operating point, after half of the lesions were said to be malignant."""
    rows = page.locator("#points tbody tr")
    expect(rows).to_have_count(3)
    number = page.locator("#prevalence input[type=number]")
    number.fill("50")
    number.press("Tab")
    expect(rows.first).to_contain_text(HALF)
    return rows.first


def test_the_readers_own_share_of_malignant_lesions_changes_the_predictive_values(
    answered: Page,
) -> None:
    first = half_are_malignant(answered)
    expect(first).to_contain_text(re.compile(r"82\.4\s%"))  # 0.35 / (0.35 + 0.075)
    answered.locator("#prevalence input[type=range]").press("ArrowRight")
    expect(first).to_contain_text(re.compile(r"74\.7\s%"))  # 0.4335 / (0.4335 + 0.147)


def test_what_is_set_during_the_quick_answer_holds_for_the_full_one(
    quick: Page, held_back: threading.Event
) -> None:
    first, code = half_are_malignant(quick), code_of(quick, 6)
    quick.locator(f'#ranking button.pick[data-code="{code}"]').click()
    held_back.set()
    expect_full_answer(quick)
    quick.wait_for_timeout(500)
    expect(first).to_contain_text(HALF)
    expect(quick.locator("#map .pane").first).to_have_attribute("data-code", code)
    assert maps_shown(quick) == [code]
    pressed = quick.locator("#ranking button.pick[aria-pressed=true]")
    expect(pressed).to_have_count(1)
    expect(pressed).to_have_attribute("data-code", code)


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
        expect(visit.locator("#outcome")).to_contain_text("of 16 readings")


def test_text_named_jpg_is_explained_and_the_page_goes_on(
    answered: Page, served: Served, tmp_path: Path, screenshots: Path
) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("not an image")
    upload(answered, notes)
    expect(answered.get_by_role("alert")).to_contain_text("This is not a JPEG, PNG, WebP")
    expect(answered.get_by_role("table")).to_have_count(0)
    answered.screenshot(path=screenshots / "error.png")
    upload(answered, OTHER)
    expect_full_answer(answered)
    expect(answered.locator("#ranking tbody tr")).to_have_count(7)
    expect_no_files(answered, served)


def test_analyse_keeps_the_result_and_emptying_the_field_clears_it(answered: Page) -> None:
    ranked = answered.locator("#ranking table").inner_text()
    answered.get_by_role("button", name=words.ANALYSE, exact=True).click()
    expect_full_answer(answered)
    assert answered.locator("#ranking table").inner_text() == ranked
    answered.get_by_role("button", name="Remove Image").click()
    expect_empty(answered)


def test_nothing_is_asked_of_another_host_and_closing_the_page_drops_its_session(
    browser: Browser, served: Served
) -> None:
    page = opened(browser)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url)
    upload(page, PHOTO)
    expect_full_answer(page)
    web = [urlparse(url) for url in asked if not url.startswith(("data:", "blob:"))]
    assert {url.netloc for url in web} == {urlparse(served.url).netloc}
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
    page = opened(browser, served.url, permissions=["camera"])
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.readyState >= 2")
    page.get_by_role("button", name="capture photo").click()
    expect_full_answer(page)
    expect_no_files(page, served)
    page.context.close()


def test_a_correction_stands_beside_the_photo_and_leaves_its_result(
    answered: Page, screenshots: Path
) -> None:
    ranked = answered.locator("#ranking table").inner_text()
    answered.get_by_role("button", name=words.CORRECTIONS_TITLE).click()
    answered.get_by_label(words.CORRECTIONS["gamma"]).check()
    expect(answered.locator("#comparison img")).to_have_count(2)
    expect(answered.locator("#comparison tbody tr")).to_have_count(6)
    assert answered.locator("#ranking table").inner_text() == ranked
    answered.locator("#comparison").screenshot(path=screenshots / "correction.png")
    upload(answered, OTHER)
    expect_full_answer(answered)
    expect(answered.locator("#comparison img")).to_have_count(0)
    expect(answered.get_by_label(words.CORRECTIONS["gamma"])).not_to_be_checked()


def test_a_report_is_downloaded_as_pdf_json_and_csv_and_goes_with_the_next_photo(
    answered: Page, served: Served, tmp_path: Path, screenshots: Path
) -> None:
    answered.get_by_role("button", name=words.REPORT_TITLE).click()
    diagnosis = answered.get_by_label(words.REPORT_DIAGNOSIS)
    diagnosis.fill("naevus, watch it")
    answered.get_by_role("button", name=words.REPORT_MAKE).click()
    for label in (words.REPORT_PDF, words.REPORT_JSON, words.REPORT_CSV):
        with answered.expect_download() as download:
            answered.get_by_role("link", name=label).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    answered.locator("#report").screenshot(path=screenshots / "report.png")
    pdf, table, numbers = (next(tmp_path.glob(f"*.{ending}")) for ending in ("pdf", "csv", "json"))
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert table.read_text().lstrip("\ufeff").startswith("file,")
    record = json.loads(numbers.read_text())
    assert record["notes"]["own_diagnosis"] == "naevus, watch it"
    assert record["diagnoses"][0]["code"] == code_of(answered, 0)
    assert served.files() == []
    upload(answered, OTHER)
    expect_full_answer(answered)
    expect(diagnosis).to_have_value("")
    expect(answered.locator("#downloads a")).to_have_count(0)


def test_evidence_and_about_come_when_their_tab_is_opened(visit: Page, screenshots: Path) -> None:
    visit.get_by_role("tab", name=words.TAB_EVIDENCE, exact=True).click()
    expect(visit.locator("#evidence h2").first).to_be_visible()
    visit.screenshot(path=screenshots / "evidence.png", full_page=True)
    visit.get_by_role("tab", name=words.TAB_ABOUT, exact=True).click()
    expect(visit.locator("#about")).to_contain_text("untrained test weights")
    visit.screenshot(path=screenshots / "about.png", full_page=True)


def test_the_answer_of_an_older_photo_never_stands_beside_a_newer_one(
    quick: Page, held_back: threading.Event
) -> None:
    older = quick.locator("#ranking").inner_text()
    quick.get_by_role("button", name=words.EXAMPLE_NAMES[1]).click()
    expect(quick.locator("#ranking tbody tr")).to_have_count(0)
    held_back.set()
    expect_full_answer(quick)
    assert quick.locator("#ranking").inner_text() != older
    photo = quick.locator("figure.map").get_attribute("data-photo")
    expect(quick.locator(f'#ranking [data-for="{photo}"]')).to_have_count(1)


def test_a_field_that_is_emptied_while_it_is_analysed_stays_empty(
    quick: Page, held_back: threading.Event
) -> None:
    quick.get_by_role("button", name="Remove Image").click()
    expect(quick.locator("#status")).to_contain_text(words.IDLE)
    held_back.set()
    quick.wait_for_timeout(1500)
    expect_empty(quick)


def test_a_report_waits_for_the_full_answer_and_a_second_click_asks_once(
    quick: Page, held_back: threading.Event
) -> None:
    quick.get_by_role("button", name=words.ANALYSE, exact=True).click()
    quick.get_by_role("button", name=words.REPORT_TITLE).click()
    quick.get_by_role("button", name=words.REPORT_MAKE).click()
    expect(quick.locator("#downloads")).to_contain_text(words.REPORT_TOO_EARLY)
    held_back.set()
    expect_full_answer(quick)
    expect(quick.locator("#downloads a")).to_have_count(0)


def test_two_visitors_with_the_same_file_do_not_take_it_from_each_other(
    browser: Browser, served: Served
) -> None:
    pages = [opened(browser, served.url), opened(browser, served.url)]
    for page in pages:
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


def code_of(page: Page, place: int) -> str:
    return page.locator("#ranking button.pick").nth(place).get_attribute("data-code") or ""


def maps_shown(page: Page, pane: int = 0) -> list[str]:
    """Codes of the maps that are visible in a pane."""
    layers = page.locator("#map .pane").nth(pane).locator("img.layer")
    return layers.evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => one.dataset.code)"
    )


def test_choosing_a_diagnosis_in_the_list_shows_its_map(answered: Page, screenshots: Path) -> None:
    codes = [code_of(answered, place) for place in range(7)]
    for part in ("img.layer", ".captions p"):
        held = answered.locator(f"#map {part}").evaluate_all("all => all.map(one => one.dataset.code)")
        assert sorted(held) == sorted(codes)
    widths = answered.locator("#map img.layer").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [96] * 7
    assert maps_shown(answered) == codes[:1]
    button = answered.locator("#ranking button.pick").nth(6)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(answered.locator("#ranking button.pick[aria-pressed=true]")).to_have_count(1)
    assert maps_shown(answered) == codes[6:]
    caption = answered.locator("#map .captions p:visible")
    expect(caption).to_have_count(1)
    expect(caption).to_have_attribute("data-code", codes[6])
    answered.screenshot(path=screenshots / "class-switched.png")


def test_strength_split_and_a_second_map_change_what_is_drawn_and_are_kept(
    answered: Page, screenshots: Path
) -> None:
    layer = answered.locator("#map img.layer:visible")
    expect(layer).to_have_css("opacity", "0.6")
    answered.locator("#map input.strength").fill("25")
    expect(layer).to_have_css("opacity", "0.25")
    answered.locator("#map input.split").fill("40")
    expect(layer).to_have_css("clip-path", re.compile(r"inset\(0(px)? 0(px)? 0(px)? 40%\)"))
    first, second = code_of(answered, 0), code_of(answered, 1)
    choice = answered.locator("#map select.beside")
    choice.select_option(second)
    expect(answered.locator("#map .pane")).to_have_count(2)
    assert (maps_shown(answered, 0), maps_shown(answered, 1)) == ([first], [second])
    assert len({top(answered.locator("#map .pane").nth(pane)) for pane in (0, 1)}) == 1
    answered.screenshot(path=screenshots / "two-maps.png")
    choice.select_option("")
    expect(answered.locator("#map .pane")).to_have_count(1)
    answered.locator("#ranking button.pick").nth(6).click()
    answered.get_by_role("button", name=words.ANALYSE, exact=True).click()
    expect(answered.locator("#ranking button.pick").nth(6)).to_have_attribute("aria-pressed", "true")
    assert maps_shown(answered) == [code_of(answered, 6)]
    expect(layer).to_have_css("opacity", "0.25")


def test_the_maps_work_by_keyboard_alone(answered: Page) -> None:
    answered.locator("#ranking button.pick").nth(0).focus()
    answered.keyboard.press("Tab")
    answered.keyboard.press("Enter")
    expect(answered.locator("#ranking button.pick").nth(1)).to_have_attribute("aria-pressed", "true")
    assert maps_shown(answered) == [code_of(answered, 1)]
    answered.locator("#map input.strength").focus()
    answered.keyboard.press("ArrowRight")
    expect(answered.locator("#map img.layer:visible")).to_have_css("opacity", "0.65")
