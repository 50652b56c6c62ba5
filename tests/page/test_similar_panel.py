"""The strip of similar lesions: what stands in it, and the archive's pictures, fetched on a click."""

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.ensemble import Ensemble
from skin_app.gallery.archive_client import ArchiveAwayError, ArchivePicture
from skin_app.gallery.similar_lesions import LesionPictures, SimilarLesion
from skin_app.page.similar_panel import similar_lesions
from skin_app.page.uploads_and_sessions import Desk, Waiting
from skin_app.words import archive as words
from skin_app.words.language import ENGLISH, GERMAN
from tests.archive import ATTRIBUTION, LICENCE, ArchiveStandIn, jpeg, says
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, opened, upload

LESION = SimilarLesion("ISIC_0000001", "nv", "histopathology", 0.98, None, None, "<script>")
PICTURE = ArchivePicture(jpeg(), "<b>Somebody</b>", "CC-BY")


@pytest.fixture
def pictures(ensemble: Ensemble) -> LesionPictures:
    return LesionPictures(ensemble.weights.thumbnails())


def test_text_from_outside_is_escaped(pictures: LesionPictures) -> None:
    html = similar_lesions(ENGLISH, [LESION], pictures, fetched={LESION.image_id: PICTURE})
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html
    assert html.count("&lt;b&gt;Somebody") == 2  # on the card, and with the licence in its (i)
    assert "site not stated" in similar_lesions(ENGLISH, [replace(LESION, site=None)], pictures)


def test_the_photo_itself_is_marked(pictures: LesionPictures) -> None:
    assert "most likely this photo" not in similar_lesions(ENGLISH, [LESION], pictures)
    html = similar_lesions(ENGLISH, [replace(LESION, is_the_same_photo=True)], pictures)
    assert "most likely this photo" in html


def test_lesions_are_counted_by_diagnosis_and_by_how_they_were_confirmed(
    pictures: LesionPictures,
) -> None:
    ways = [("mel", "histopathology"), ("nv", "follow-up"), ("mel", "histopathology")]
    lesions = [replace(LESION, dx=dx, confirmed=confirmed) for dx, confirmed in ways]
    html = similar_lesions(ENGLISH, lesions, pictures)
    html = html.replace("\N{NO-BREAK SPACE}", " ")
    assert "3 similar confirmed lesions: 2 × melanoma, 1 × melanocytic naevus" in html
    assert "Confirmed by: histopathology (2), follow-up (1)." in html
    assert html.count('<abbr title="malignant">') == 2
    german = similar_lesions(GERMAN, lesions, pictures).replace("\N{NO-BREAK SPACE}", " ")
    assert "2 × Melanom, 1 × Melanozyt" in german


def test_without_pictures_no_place_is_left_for_them_and_without_an_archive_none_is_offered(
    pictures: LesionPictures,
) -> None:
    html = similar_lesions(ENGLISH, [LESION], pictures, wanted=False)
    assert "<img" not in html
    assert "skeleton" not in html
    assert words.SHOW not in html
    assert all(said in html for said in (LESION.confirmed, LESION.link, LESION.image_id))


def test_a_visitors_choice_holds_for_the_next_photo_and_ends_with_the_visit() -> None:
    desk = Desk()
    desk.allow_archive("nobody")
    assert not desk.allows_archive("nobody")
    desk.put("visitor", Waiting(b"photo"))
    assert not desk.allows_archive("visitor")
    desk.allow_archive("visitor")
    desk.put("visitor", Waiting(b"another"))
    assert desk.allows_archive("visitor")
    assert not desk.allows_archive("somebody else")
    desk.forget("visitor")
    desk.put("visitor", Waiting(b"third"))
    assert not desk.allows_archive("visitor")


def answered_at(browser: Browser, served: Served, **settings: object) -> tuple[Page, Locator]:
    page = opened(browser, served.url, **settings)
    upload(page, PHOTO)
    expect_full_answer(page)
    return page, page.locator("#similar")


def boxes(parts: Locator) -> list[dict[str, float]]:
    return parts.evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_one_click_shows_the_pictures_in_place_of_their_skeletons(
    browser: Browser, offering: Served, archive: ArchiveStandIn, size: tuple[int, int]
) -> None:
    page, strip = answered_at(browser, offering, viewport={"width": size[0], "height": size[1]})
    foreign: list[str] = []
    page.on("request", lambda asked: foreign.append(asked.url))
    expect(strip.locator("li")).to_have_count(12)
    expect(strip.locator("img")).to_have_count(0)
    assert archive.asked == []  # nothing before the click
    archive.held.clear()
    strip.get_by_role("button", name=words.SHOW, exact=True).click()
    expect(strip.locator(".skeleton")).to_have_count(12)
    expect(strip.get_by_role("status")).to_have_text(words.FETCHING)
    page.wait_for_timeout(300)
    before = boxes(strip.locator(".skeleton")), boxes(strip.locator("li"))
    archive.held.set()
    expect(strip.locator("img")).to_have_count(12)
    assert (boxes(strip.locator("img")), boxes(strip.locator("li"))) == before
    assert before[0][0]["width"] == pytest.approx(before[0][0]["height"], abs=0.5)
    assert 115 <= before[0][0]["width"] <= 140
    expect(strip.locator("ul.lesions")).to_be_focused()  # in place of the button
    expect(strip.locator("li").first).to_contain_text(f"{LICENCE}, {ATTRIBUTION}")
    found = Axe().run(page, "#similar").response["violations"]
    assert [own["id"] for own in found if own["impact"] in ("serious", "critical")] == []
    strip.locator("li button.info").first.click()
    explained = page.locator(".explained:popover-open")
    expect(explained).to_contain_text(f"Picture: {ATTRIBUTION}. Licence: {LICENCE}.")
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert all(url.startswith((offering.url, "data:")) for url in foreign)
    asked = {path.split("/")[2] for path in archive.asked}
    ids = strip.locator("li a").all_inner_texts()
    assert asked == set(ids)
    page.context.close()


def test_the_row_scrolls_by_keys(browser: Browser, offering: Served) -> None:
    page, strip = answered_at(browser, offering, viewport={"width": 800, "height": 800})
    row = strip.locator("ul.lesions")
    assert row.evaluate("row => row.scrollWidth > row.clientWidth")
    row.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('#similar ul.lesions').scrollLeft > 0")
    page.context.close()


def test_a_failure_is_one_line_and_the_cards_stay(
    browser: Browser, offering: Served, archive: ArchiveStandIn
) -> None:
    archive.answers["/api"] = says(429, Retry_After="1")
    page, strip = answered_at(browser, offering)
    cards = strip.locator("li").all_inner_texts()
    show = strip.get_by_role("button", name=words.SHOW, exact=True)
    show.click()
    expect(strip.get_by_role("alert")).to_have_text(words.BUSY.format(seconds=1))
    assert strip.locator("li").all_inner_texts() == cards
    archive.answers.clear()
    page.wait_for_timeout(1100)
    show.click()  # again
    expect(strip.locator("img")).to_have_count(12)
    expect(strip.get_by_role("alert")).to_have_count(0)
    page.context.close()


def test_where_the_operator_wants_it_pictures_come_unasked_and_the_answer_does_not_wait(
    browser: Browser, asking: Served, archive: ArchiveStandIn
) -> None:
    archive.held.clear()
    page, strip = answered_at(browser, asking)
    expect(strip.locator(".skeleton")).to_have_count(12)
    archive.held.set()
    expect(strip.locator("img")).to_have_count(12)
    asked = len(archive.asked)
    upload(page, OTHER)
    expect(strip.locator("img")).to_have_count(12)
    expect_full_answer(page)
    assert len(archive.asked) >= asked
    page.context.close()


def test_a_fault_is_said_in_the_readers_language(pictures: LesionPictures) -> None:
    error = ArchiveAwayError(words.FAULT, status=503)
    html = similar_lesions(GERMAN, [LESION], pictures, wanted=True, fetched={}, error=error)
    assert "Das ISIC-Archiv hat selbst eine Störung (503)" in html
