"""The tab of one photo, and the frame around it, in a real browser."""

import itertools
import json
import re
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.ensemble import Ensemble
from skin_app.words import page as words
from skin_app.words.outcome import OUTCOMES
from skin_app.words.patient import AGE, WITH_AGE
from tests.page.conftest import (
    OTHER,
    PATIENCE_MS,
    PHOTO,
    Served,
    expect_full_answer,
    opened,
    ready,
    top,
    upload,
)


def expect_no_files(page: Page, served: Served) -> None:
    """Deleting follows the answer by a moment."""
    for _ in range(600):
        if not served.files():
            return
        page.wait_for_timeout(100)
    assert served.files() == []


def expect_empty(page: Page) -> None:
    """The page as on the first visit: the field, the drawings, and no answer."""
    expect(page.locator("#photo")).to_be_visible()
    expect(page.locator("#examples button[data-index]").first).to_be_visible()
    expect(page.locator("figure.picture")).to_have_count(0)
    expect(page.locator("#status")).to_have_text("")
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.locator("#details")).to_be_hidden()


def unfold(page: Page, title: str) -> None:
    """Open one of the parts below the answer; all are closed at first."""
    page.get_by_role("button", name=title).click()


def start_over(page: Page) -> None:
    page.get_by_role("button", name=words.START_OVER).click()


def test_first_visit(visit: Page, screenshots: Path) -> None:
    expect(visit.get_by_role("note").get_by_text(words.DEMO, exact=True)).to_be_visible()
    expect(visit.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    for line in words.HOW_IT_WORKS:
        expect(visit.get_by_text(line)).to_be_visible()
    expect_empty(visit)
    visit.screenshot(path=screenshots / "first-visit.png")


def test_an_explanation_opens_beside_its_button_inside_the_window_and_escape_closes_it(
    visit: Page,
) -> None:
    for about, said in ((words.DEMO, words.DEMO_MEANING), (words.EXAMPLES, words.SYNTHETIC_NOTE)):
        button = visit.get_by_role("button", name=words.EXPLAIN.format(about=about))
        explanation = visit.get_by_text(said)
        expect(explanation).to_be_hidden()
        button.focus()
        visit.keyboard.press("Enter")
        expect(explanation).to_be_in_viewport(ratio=1)
        assert abs(top(explanation) - top(button)) < 120
        visit.keyboard.press("Escape")
        expect(explanation).to_be_hidden()


def test_upload_gives_the_whole_result_and_leaves_no_file(
    answered: Page, served: Served, screenshots: Path
) -> None:
    outcome, ranking, similar = (
        answered.locator(f"#{part}") for part in ("outcome", "ranking", "similar")
    )
    headline = outcome.get_by_role("heading", level=2)
    expect(headline).to_contain_text(re.compile("|".join(OUTCOMES.values())))
    expect(outcome.get_by_text("of 16 readings")).to_be_hidden()
    outcome.get_by_role("button", name=words.EXPLAIN.format(about=words.OUTCOME)).click()
    expect(outcome.get_by_text("of 16 readings")).to_be_in_viewport()
    expect(outcome.get_by_text(re.compile(r"90\s% set"))).to_be_in_viewport()
    answered.keyboard.press("Escape")
    assert top(outcome) < top(ranking)
    expect(ranking.locator("tbody tr")).to_have_count(7)
    expect(ranking.locator("td.set")).to_have_count(7)
    expect(ranking.locator("tfoot")).to_contain_text(words.MALIGNANT_TOGETHER)
    expect(ranking.locator("tbody abbr.m")).to_have_count(3)
    expect(answered.locator("#examples")).to_be_hidden()
    expect(answered.locator("#map")).to_contain_text(words.MAP_MEANING)
    expect(similar.locator(".lesions li")).to_have_count(12)
    expect(similar.get_by_role("heading")).to_contain_text("12 similar confirmed lesions: ")
    expect(similar.locator("a").first).to_have_attribute("target", "_blank")
    expect(similar.locator("a").first).to_have_attribute("rel", "noopener")
    expect(answered.locator("img:not([alt])")).to_have_count(0)
    expect(answered.locator('#picture img[alt=""]:visible')).to_have_count(0)
    answered.screenshot(path=screenshots / "result.png", full_page=True)
    for title in (words.POINTS_TITLE, words.NUMBERS, words.CORRECTIONS_TITLE, words.REPORT_TITLE):
        expect(answered.get_by_role("button", name=title)).to_be_visible()
    expect(answered.locator("#members")).to_be_hidden()
    unfold(answered, words.NUMBERS)
    expect(answered.locator("#members tbody tr")).to_have_count(7)
    answered.mouse.wheel(0, 900)
    expect(answered.get_by_role("note").get_by_text(words.DEMO, exact=True)).to_be_in_viewport()
    expect_no_files(answered, served)


def test_the_photo_takes_the_place_of_its_field_and_is_there_once(visit: Page) -> None:
    place = visit.locator("#photo").bounding_box()
    assert place is not None
    upload(visit, PHOTO)
    photo = visit.get_by_alt_text(words.THE_PHOTO)
    expect(photo).to_be_visible()
    expect_full_answer(visit)
    expect(visit.locator("#photo")).to_be_hidden()
    expect(visit.locator("#photo input[type=file]")).to_be_attached()
    expect(visit.locator("#top img:visible:not(.layer)")).to_have_count(1)
    expect(photo).to_have_attribute("src", re.compile("^data:image/jpeg"))
    assert photo.evaluate("image => image.naturalWidth") == 600
    stage = visit.locator("#picture .panes").bounding_box()
    assert stage is not None
    assert [stage[side] for side in ("x", "y")] == pytest.approx(
        [place[side] for side in ("x", "y")], abs=2
    )
    assert [stage[side] for side in ("width", "height")] == pytest.approx(
        [place[side] for side in ("width", "height")], abs=2
    )


# sensitivity 0.85, specificity 0.7, half of the lesions malignant: 0.425 / (0.425 + 0.15)
HALF = re.compile(r"74\s%")


def half_are_malignant(page: Page) -> Locator:
    """The highest threshold's PPV, after half of the lesions were said to be malignant."""
    unfold(page, words.POINTS_TITLE)
    ppv = page.locator("#points tr", has=page.get_by_role("rowheader", name="PPV")).locator("td").last
    number = page.locator("#prevalence input[type=number]")
    for patience in (20_000, PATIENCE_MS):  # right after an answer, gradio may draw the field anew
        number.fill("50")
        number.press("Tab")
        with suppress(AssertionError):
            expect(ppv).to_have_text(HALF, timeout=patience)
            break
    expect(ppv).to_have_text(HALF)
    return ppv


def test_the_readers_own_share_of_malignant_lesions_changes_the_predictive_values(
    answered: Page,
) -> None:
    ppv = half_are_malignant(answered)
    answered.locator("#prevalence input[type=range]").press("ArrowRight")
    expect(ppv).to_have_text(re.compile(r"75\s%"))  # 0.4335 / (0.4335 + 0.147)


def test_a_share_outside_the_sliders_ends_counts_as_its_end(answered: Page) -> None:
    """As the field shows it once it is left; without an error of gradio's, in English."""
    ppv = half_are_malignant(answered)
    number = answered.locator("#prevalence input[type=number]")
    for typed, expected in (("0", r"3\s%"), ("200", r">\s99\s%"), ("", r"3\s%")):  # 1 %, 99 %, 1 %
        number.fill(typed)
        number.press("Tab")
        expect(ppv).to_have_text(re.compile(f"^\\s*{expected}"))
    expect(answered.locator(".toast-body")).to_have_count(0)


def test_an_explanation_opened_in_the_quick_answer_stays_beside_its_button(
    quick: Page, held_back: threading.Event
) -> None:
    button = quick.locator("#outcome button[popovertarget^=why-]")
    button.click()
    held_back.set()
    expect_full_answer(quick)
    quick.wait_for_timeout(500)
    shown = quick.locator("#outcome .explained:popover-open")
    box, beside = shown.bounding_box(), button.bounding_box()
    assert box is not None
    assert beside is not None
    assert 0 <= box["y"] - beside["y"] - beside["height"] < 10
    quick.keyboard.press("Escape")
    expect(shown).to_have_count(0)


def test_what_is_set_during_the_quick_answer_holds_for_the_full_one(
    quick: Page, held_back: threading.Event
) -> None:
    ppv, code = half_are_malignant(quick), code_of(quick, 6)
    quick.locator(f'#ranking button.pick[data-code="{code}"]').click()
    expect(quick.locator("#map")).to_contain_text(words.MAP_FOLLOWS)
    expect(quick.locator("#map input.strength")).to_be_disabled()
    quick.locator("#picture .stack").click()  # there is no heatmap to take away yet
    held_back.set()
    expect_full_answer(quick)
    quick.wait_for_timeout(500)
    expect(ppv).to_have_text(HALF)
    expect(quick.locator("#map input.strength")).to_be_enabled()
    expect(quick.get_by_text(words.MAP_FOLLOWS)).to_have_count(0)
    assert maps_shown(quick) == [code]
    expect(segment(quick, "both")).to_be_checked()
    pressed = quick.locator("#ranking button.pick[aria-pressed=true]")
    expect(pressed).to_have_count(1)
    expect(pressed).to_have_attribute("data-code", code)


def test_the_heatmap_comes_by_itself_with_the_full_answer(
    quick: Page, held_back: threading.Event
) -> None:
    assert maps_shown(quick) == []
    held_back.set()
    expect(quick.locator("#picture img.layer")).to_be_visible()
    assert maps_shown(quick) == [code_of(quick, 0)]


def test_a_full_answer_right_behind_the_quick_one_is_shown_whole(
    visit: Page, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    refine = ensemble.refine
    monkeypatch.setattr(ensemble, "refine", lambda photo: iter(list(refine(photo))))
    for path in (PHOTO, OTHER, PHOTO):
        older = visit.locator("figure.picture")
        photo = older.get_attribute("data-photo") if older.count() else ""
        upload(visit, path)
        expect(visit.locator(f'figure.picture:not([data-photo="{photo}"])')).to_have_count(1)
        expect_full_answer(visit)
        visit.wait_for_timeout(500)
        expect(visit.locator("figure.picture")).to_have_count(1)
        expect(visit.locator("#outcome")).to_contain_text("of 16 readings")
        assert maps_shown(visit) == [code_of(visit, 0)]


def test_text_named_jpg_is_explained_and_the_page_goes_on(
    answered: Page, served: Served, tmp_path: Path, screenshots: Path
) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("not an image")
    upload(answered, notes)
    expect(answered.get_by_role("alert")).to_contain_text("This is not a JPEG, PNG, WebP")
    expect(answered.get_by_role("table")).to_have_count(0)
    expect(answered.locator("figure.picture")).to_have_count(0)
    expect(answered.locator("#photo")).to_be_visible()
    expect(answered.locator("#examples")).to_be_visible()
    answered.screenshot(path=screenshots / "error.png")
    upload(answered, OTHER)
    expect_full_answer(answered)
    expect(answered.locator("#ranking tbody tr")).to_have_count(7)
    expect_no_files(answered, served)


def test_starting_over_empties_the_page_and_forgets_the_patient(answered: Page) -> None:
    age = answered.locator("#patient").get_by_label(AGE)
    age.fill("60")
    expect(answered.locator("#ranking")).to_contain_text(WITH_AGE)
    start_over(answered)
    expect_empty(answered)
    expect(age).to_have_value("")
    upload(answered, PHOTO)
    expect_full_answer(answered)
    expect(answered.locator("#ranking tbody tr")).to_have_count(7)
    expect(answered.locator("#ranking")).not_to_contain_text(WITH_AGE)


def test_another_photo_is_chosen_in_place_of_the_one_that_is_shown(answered: Page) -> None:
    figure = answered.locator("figure.picture")
    older = figure.get_attribute("data-photo") or ""
    with answered.expect_file_chooser() as chooser:
        answered.get_by_role("button", name=words.NEW_PHOTO).click()
    assert not chooser.value.element.get_attribute("accept")
    chooser.value.set_files(OTHER)
    expect(figure).not_to_have_attribute("data-photo", older)
    expect_full_answer(answered)
    expect(figure).to_have_count(1)


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


@pytest.mark.parametrize("refused", ["photo", "answer", "next photo"])
def test_a_photo_that_the_server_refuses_leaves_no_page_that_waits(
    browser: Browser, served: Served, refused: str
) -> None:
    page = opened(browser, served.url)
    ready(page)
    if refused == "next photo":
        upload(page, PHOTO)
        expect_full_answer(page)
    joined = itertools.count()

    def answer(route: Route) -> None:
        if next(joined) < (1 if refused == "answer" else 0):
            route.continue_()
        else:
            route.fulfill(status=429, json={"detail": "too often"})

    page.route("**/queue/join*", answer)
    upload(page, OTHER)
    expect(page.locator("#status")).to_contain_text(words.NOT_ANALYSED)
    expect(page.locator(".waiting")).to_have_count(0)
    kept = 1 if refused == "next photo" else 0
    expect(page.locator("#picture img.base")).to_have_count(kept)
    expect(page.locator("#examples .examples")).to_have_count(1 - kept)
    page.unroute_all()
    upload(page, OTHER)
    expect_full_answer(page)
    page.context.close()
    for left in served.files():  # of the refused calls; otherwise the sweeper takes them after a while
        left.unlink()


def test_webcam_snapshot_is_analysed(browser: Browser, served: Served) -> None:
    page = opened(browser, served.url, permissions=["camera"])
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to start the camera").click()
    page.wait_for_function("document.querySelector('#photo video')?.readyState >= 2")
    page.get_by_role("button", name="capture photo").click()
    expect_full_answer(page)
    expect_no_files(page, served)
    page.context.close()


def test_a_correction_stands_beside_the_photo_and_leaves_its_result(
    answered: Page, screenshots: Path
) -> None:
    ranked = answered.locator("#ranking table").inner_text()
    unfold(answered, words.CORRECTIONS_TITLE)
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
    unfold(answered, words.REPORT_TITLE)
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
    unfold(quick, words.NUMBERS)
    figure, numbers = quick.locator("figure.picture"), quick.locator("#members")
    older, said = figure.get_attribute("data-photo"), numbers.text_content()
    upload(quick, OTHER)
    expect(quick.locator("#ranking tbody tr")).to_have_count(0)
    held_back.set()
    expect_full_answer(quick)
    expect(numbers).not_to_have_text(said or "")
    photo = figure.get_attribute("data-photo")
    assert photo != older
    expect(quick.locator(f'#map section.maps[data-photo="{photo}"]')).to_have_count(1)
    expect(quick.locator(f'#ranking [data-for="{photo}"]')).to_have_count(1)


def test_a_page_that_is_emptied_during_the_analysis_stays_empty(
    quick: Page, held_back: threading.Event
) -> None:
    start_over(quick)
    expect_empty(quick)
    held_back.set()
    quick.wait_for_timeout(1500)
    expect_empty(quick)


def test_a_report_waits_for_the_full_answer(quick: Page, held_back: threading.Event) -> None:
    unfold(quick, words.REPORT_TITLE)
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
        ready(page)
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


def diagnosis(code: str) -> Diagnosis:
    return next(one for one in DIAGNOSES if one.code == code)


def code_of(page: Page, place: int) -> str:
    return page.locator("#ranking button.pick").nth(place).get_attribute("data-code") or ""


def maps_shown(page: Page, pane: int = 0) -> list[str]:
    """Code of the map that is visible in a pane; none where the photo is plain."""
    return page.evaluate(
        """pane => {
          const layer = document.querySelectorAll('#picture .pane')[pane].querySelector('img.layer');
          const maps = [...document.querySelectorAll('#map .layers img')];
          if (!layer.checkVisibility()) return [];
          return maps.filter((map) => map.src === layer.src).map((map) => map.dataset.code);
        }""",
        pane,
    )


def segment(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=words.SHOWN_PARTS[name], exact=True)


def test_choosing_a_diagnosis_in_the_list_shows_its_map(answered: Page, screenshots: Path) -> None:
    codes = [code_of(answered, place) for place in range(7)]
    held = answered.locator('#map .layers img[data-method="attribution"]')
    assert held.evaluate_all("all => all.map(one => one.dataset.code)") == codes
    assert held.evaluate_all("all => all.map(one => one.naturalWidth)") == [96] * 7
    assert maps_shown(answered) == codes[:1]
    button = answered.locator("#ranking button.pick").nth(6)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(answered.locator("#ranking button.pick[aria-pressed=true]")).to_have_count(1)
    assert maps_shown(answered) == codes[6:]
    line = answered.locator("#map .map-line > p:visible")
    expect(line).to_have_count(1)
    expect(line).to_have_attribute("data-code", codes[6])
    name = diagnosis(codes[6]).name
    over = words.HEATMAP_OF.format(name=name)
    expect(answered.locator("#picture img.layer")).to_have_attribute("alt", over)
    answered.get_by_role("button", name=words.EXPLAIN.format(about=words.MAP_TITLE)).click()
    explained = answered.locator("#map .explained p[data-code]:visible")
    expect(explained).to_have_count(1)
    expect(explained).to_contain_text(name)
    answered.screenshot(path=screenshots / "class-switched.png")


def test_photo_heatmap_and_strength_change_what_is_drawn_and_are_kept(answered: Page) -> None:
    layer, strength = answered.locator("#picture img.layer"), answered.locator("#map input.strength")
    expect(layer).to_have_css("opacity", "0.6")
    strength.fill("25")
    expect(layer).to_have_css("opacity", "0.25")
    answered.get_by_text(words.SHOWN_PARTS["photo"], exact=True).click()
    expect(layer).to_be_hidden()
    expect(strength).to_be_disabled()
    answered.get_by_text(words.SHOWN_PARTS["heatmap"], exact=True).click()
    expect(layer).to_have_css("opacity", "1")
    expect(answered.locator("#picture .seen")).to_have_css("background-color", "rgb(0, 0, 0)")
    expect(strength).to_be_disabled()
    answered.get_by_text(words.SHOWN_PARTS["both"], exact=True).click()
    expect(layer).to_have_css("opacity", "0.25")
    expect(strength).to_have_value("25")
    answered.locator("#ranking button.pick").nth(6).click()
    answered.locator("#patient").get_by_label(AGE).fill("60")  # the answer is drawn anew
    expect(answered.locator("#ranking")).to_contain_text(WITH_AGE)
    expect(answered.locator("#ranking button.pick").nth(6)).to_have_attribute("aria-pressed", "true")
    assert maps_shown(answered) == [code_of(answered, 6)]
    expect(layer).to_have_css("opacity", "0.25")


def test_what_was_set_for_one_photo_does_not_hold_for_the_next(answered: Page) -> None:
    answered.locator("#map input.strength").fill("25")
    answered.locator("#map select.beside").select_option(code_of(answered, 1))
    answered.locator("#ranking button.pick").nth(6).click()
    answered.get_by_text(words.SHOWN_PARTS["photo"], exact=True).click()
    upload(answered, OTHER)
    expect(answered.locator("#picture .pane")).to_have_count(1)
    expect_full_answer(answered)
    layer = answered.locator("#picture img.layer")
    expect(layer).to_have_css("opacity", "0.6")
    expect(layer).to_be_visible()
    assert maps_shown(answered) == [code_of(answered, 0)]
    expect(segment(answered, "both")).to_be_checked()
    expect(answered.locator("#map select.beside")).to_have_value("")
    expect(answered.locator("#map input.strength")).to_have_value("60")


def test_two_maps_stand_side_by_side_each_with_its_name(answered: Page, screenshots: Path) -> None:
    first, second = code_of(answered, 0), code_of(answered, 1)
    choice, panes = answered.locator("#map select.beside"), answered.locator("#picture .pane")
    choice.select_option(second)
    expect(panes).to_have_count(2)
    assert (maps_shown(answered, 0), maps_shown(answered, 1)) == ([first], [second])
    for pane, code in enumerate((first, second)):
        expect(panes.nth(pane).locator(".pane-name")).to_have_text(diagnosis(code).short)
    assert len({top(panes.nth(pane)) for pane in (0, 1)}) == 1
    answered.screenshot(path=screenshots / "two-maps.png")
    choice.select_option("")
    expect(panes).to_have_count(1)
    expect(panes.locator(".pane-name")).to_be_hidden()


def test_a_click_on_the_photo_takes_its_heatmap_away_and_brings_it_back(answered: Page) -> None:
    photo, layer = answered.locator("#picture .stack"), answered.locator("#picture img.layer")
    expect(layer).to_be_visible()
    photo.click()
    expect(layer).to_be_hidden()
    expect(segment(answered, "photo")).to_be_checked()
    photo.click()
    expect(layer).to_be_visible()
    expect(segment(answered, "both")).to_be_checked()


def test_the_maps_work_by_keyboard_alone(answered: Page) -> None:
    answered.locator("#ranking button.pick").nth(0).focus()
    answered.keyboard.press("Tab")
    answered.keyboard.press("Enter")
    expect(answered.locator("#ranking button.pick").nth(1)).to_have_attribute("aria-pressed", "true")
    assert maps_shown(answered) == [code_of(answered, 1)]
    segment(answered, "both").focus()
    answered.keyboard.press("ArrowLeft")
    expect(segment(answered, "photo")).to_be_checked()
    expect(answered.locator("#picture img.layer")).to_be_hidden()
    answered.keyboard.press("ArrowRight")
    expect(answered.locator("#picture img.layer")).to_be_visible()
    answered.keyboard.press("Tab")
    expect(answered.locator("#map input.strength")).to_be_focused()
    answered.keyboard.press("ArrowRight")
    expect(answered.locator("#picture img.layer")).to_have_css("opacity", "0.65")
