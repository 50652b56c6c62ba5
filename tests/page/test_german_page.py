"""The page for a German reader: no English sentence is left on it, and it fits a phone."""

import html
import re
from gettext import NullTranslations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from skin_app.analysis import Analysis
from skin_app.context import Patient
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.overlay import for_display
from skin_app.page.answer_panels import answer_status, members_panel, thresholds_panel
from skin_app.page.batch import BatchProgress, PhotoRow, progress_status
from skin_app.page.build import about_panel
from skin_app.page.evidence_tab import evidence_tab
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER, Shown, compare_corrected, receive_example
from skin_app.page.one_photo_tab import whole_result
from skin_app.page.report_form import downloads
from skin_app.page.several_panels import (
    angles_result,
    batch_result,
    held_status,
    results_so_far,
)
from skin_app.photo.read import PhotoError, read_photo
from skin_app.weights.folder import open_weights
from skin_app.words import page as words
from skin_app.words import patient as patient_words
from skin_app.words.language import ENGLISH, GERMAN, Plural, Say, languages
from tests.page.conftest import PHOTO, Served, opened, ready, upload
from tests.page.test_batch import jpeg
from tests.sentences import forms, sentences, without_places

OLD = Patient(110, "male")
LEAST = 12  # letters: shorter pieces of English are in German words too
WIDTH = "document.documentElement.scrollWidth"
FULL = re.compile(r"Vollständige Antwort\s+2 Netze × 8 Ansichten")


class Missing(NullTranslations):
    """Remembers which sentences a catalogue was asked for and does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.asked.add(msgid1)
        return super().ngettext(msgid1, msgid2, n)


GIF = "This is a GIF: save the one frame that you mean as JPEG or PNG."


def english_in(text: str) -> list[str]:
    """English sentences, or long pieces of them, that stand in HTML outside of its pictures and links.

    What the weights say in English, and the button for English, are marked as such.
    """
    # the rows to export are in English, for machines
    marked = r'<(span|button)\b[^>]* lang="en".*?</\1>|data:[\w/+;=,-]+| data-csv="[^"]*"'
    shown = re.sub(marked, "", text, flags=re.DOTALL)
    shown = html.unescape(shown)
    found = []
    for sentence, _ in sentences():
        both = forms(sentence)
        german = GERMAN(both[0])
        if isinstance(sentence, Plural):
            german = " ".join(GERMAN.translations.ngettext(*sentence, n) for n in (1, 2))
        for english in both:
            pieces = [piece.strip() for piece in re.split(r"\{\w+\}", html.unescape(english))]
            long = [own for own in pieces if len(own) > LEAST and own not in html.unescape(german)]
            found += [english for piece in long if piece in shown]
    return found


@pytest.fixture(scope="module")
def analysis(ensemble: Ensemble) -> Analysis:
    return ensemble(read_photo(PHOTO))


@pytest.fixture(scope="module")
def shown(analysis: Analysis) -> Shown:
    photo = read_photo(PHOTO)
    return Shown(for_display(photo), analysis.with_patient(OLD), held=photo, token="t")


def rows(shown: Shown) -> tuple[PhotoRow, ...]:
    """Two photos with one answer, and one that could not be used."""
    named = [
        PhotoRow(f"{name}.jpg", shown.analysis, jpeg(seed), jpeg(9)) for seed, name in enumerate("ab")
    ]
    return (*named, PhotoRow("c.jpg", error=PhotoError(GIF)))


def fragments(say: Say, ensemble: Ensemble, shown: Shown) -> dict[str, str]:
    """Everything that the page shows, by its name."""
    progress, embedded = BatchProgress(rows(shown), 9, 100.0), open_weights()
    return {
        "result": whole_result(say, shown, LesionPictures(ensemble.weights.thumbnails())),
        "thresholds": thresholds_panel(say, shown.analysis, 0.1),
        "members": members_panel(say, shown.analysis),
        "status": answer_status(say, shown.analysis, refining=True),
        "about": about_panel(say, ensemble.weights) + about_panel(say, embedded),
        "evidence": "".join(evidence_tab(ensemble.weights)(say, None)),
        "evidence, embedded": "".join(evidence_tab(embedded)(say, None)),
        "downloads": downloads(say, shown),
        "corrected": compare_corrected(say, ensemble, shown, "gamma"),
        "batch": batch_result(say, rows(shown)),
        "running": results_so_far(say, progress, joint=True) + progress_status(say, progress),
        "angles": angles_result(say, ensemble, rows(shown)),
        "held": held_status(say, 2),
        "example": receive_example(say, 0).status,
    }


def test_no_english_is_left(ensemble: Ensemble, shown: Shown) -> None:
    missing, german = Missing(), languages()["de"].translations
    german.add_fallback(missing)
    say = Say("de", german)
    rendered = fragments(say, ensemble, shown)
    assert {name: left for name, html in rendered.items() if (left := english_in(html))} == {}
    assert {asked for asked in missing.asked if any(map(str.isalpha, without_places(asked)))} == set()
    english = english_in(fragments(ENGLISH, ensemble, shown)["result"])  # it would be found
    assert {words.MAP_MEANING, words.ON_LESION, patient_words.ONLY_RAISES} <= set(english)


# The other tabs, and what is there once they are filled.
PLACES = {
    "several": (words.TAB_SEVERAL, "#several-angles-files"),
    "evidence": (words.TAB_EVIDENCE, "#evidence h2"),
    "about": (words.TAB_ABOUT, "#about h2"),
}


def tab(page: Page, name: str) -> None:
    """Open a tab; on a phone the last ones are in a menu."""
    visible = page.get_by_role("tab", name=GERMAN(name), exact=True)
    if not visible.is_visible():
        page.locator(".overflow-menu > button").first.click()
        visible = page.locator(".overflow-dropdown").get_by_text(GERMAN(name), exact=True)
    visible.click()


def test_a_german_browser_gets_a_german_page(
    browser: Browser, served: Served, screenshots: Path
) -> None:
    page = opened(browser, served.url, locale="de-DE", viewport={"width": 1280, "height": 900})
    ready(page)
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_role("note").get_by_text("Forschungsdemo, kein Medizinprodukt")).to_be_visible()
    assert english_in(page.locator("body").inner_html()) == []
    for name in (words.TAB_ONE, words.TAB_SEVERAL, words.TAB_EVIDENCE, words.TAB_ABOUT):
        expect(page.get_by_role("tab", name=GERMAN(name), exact=True)).to_be_visible()
    page.screenshot(path=screenshots / "german-first-visit.png", full_page=True)
    upload(page, PHOTO)
    expect(page.locator("#status")).to_have_text(FULL)
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_role("region", name="Sieben Diagnosen in Rangfolge")).to_be_visible()
    assert english_in(page.locator("#top").inner_html()) == []
    page.screenshot(path=screenshots / "german-result.png", full_page=True)
    for name, (tab_name, place) in PLACES.items():
        tab(page, tab_name)
        page.locator(place).first.wait_for()
        page.screenshot(path=screenshots / f"german-{name}.png", full_page=True)
        assert english_in(page.locator("body").inner_html()) == []
    page.context.close()


def test_german_fits_a_phone(browser: Browser, served: Served, screenshots: Path) -> None:
    page = opened(browser, served.url, locale="de-AT", viewport={"width": 360, "height": 780})
    upload(page, EXAMPLES_FOLDER / "globules.jpg")
    expect(page.locator("#status")).to_have_text(FULL)
    page.screenshot(path=screenshots / "german-phone.png", full_page=True)
    assert page.evaluate(WIDTH) <= 360
    page.get_by_label(GERMAN(patient_words.AGE)).fill("110")
    expect(page.locator("#ranking")).to_contain_text(GERMAN(patient_words.WITH_AGE))
    page.screenshot(path=screenshots / "german-phone-age.png", full_page=True)
    assert page.evaluate(WIDTH) <= 360
    for name, (tab_name, place) in PLACES.items():
        tab(page, tab_name)
        page.locator(place).first.wait_for()
        page.screenshot(path=screenshots / f"german-phone-{name}.png", full_page=True)
        assert page.evaluate(WIDTH) <= 360
    page.context.close()
