"""The page's language: what the visitor chose, or else what the browser speaks."""

import gradio as gr
import pytest
from jinja2 import DictLoader, Environment
from playwright.sync_api import Browser, Page, expect

from skin_app.page import visitor_language
from skin_app.page.port import ServeError
from skin_app.page.templates import fill
from skin_app.page.visitor_language import COOKIE, FixedTexts, spoken, state_language
from skin_app.words import page as words
from skin_app.words.language import ENGLISH, GERMAN, LANGUAGES, Say
from tests.page.conftest import PHOTO, Served, opened, upload


@pytest.mark.parametrize(
    ("browser_speaks", "chosen", "code"),
    [
        ("de-DE", None, "de"),
        ("fr-FR", None, "en"),
        ("en-GB", "de", "de"),
        ("de-DE", "en", "en"),
        ("de-DE", "<b>", "de"),
        (None, None, "en"),
    ],
)
def test_what_was_chosen_wins_over_the_browser(
    browser_speaks: str | None, chosen: str | None, code: str
) -> None:
    headers = {"accept-language": browser_speaks} if browser_speaks else {}
    cookies = {COOKIE: chosen} if chosen else {}
    assert spoken(gr.Request(headers=headers, cookies=cookies)).code == code


def test_a_third_language_can_be_chosen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LANGUAGES, "fr", Say("fr"))
    switch = fill("language_switch.html", ENGLISH)
    assert [switch.count(f'data-language="{code}"') for code in ("en", "de", "fr")] == [1, 1, 1]
    assert switch.count("aria-current") == 1
    assert "Français" in switch
    assert set(FixedTexts().translations().translations_dict) == {"en", "de", "fr"}
    assert spoken(gr.Request(headers={"accept-language": "fr-CH"}, cookies={})).code == "fr"


def test_a_gradio_with_another_page_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(loader=DictLoader({visitor_language.INDEX: '<html lang="en"><head>'}))
    monkeypatch.setattr(visitor_language.gradio_templates, "env", environment)
    with pytest.raises(ServeError, match="no place for a language: install gradio"):
        state_language()


def language_of(page: Page) -> str:
    return page.evaluate("document.documentElement.lang")


def choose(page: Page, say: Say) -> None:
    page.get_by_role("group").get_by_text(say.code.upper(), exact=True).click()


def test_choosing_german_in_an_english_browser(browser: Browser, served: Served) -> None:
    page = opened(browser, served.url, locale="en-GB")
    expect(page.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    assert page.context.cookies() == []
    choose(page, GERMAN)
    expect(page.get_by_role("heading", level=1)).to_have_text(GERMAN(words.TITLE))
    expect(page.get_by_role("tab", name=GERMAN(words.TAB_SEVERAL))).to_be_visible()
    expect(page.locator("#photo")).to_contain_text(GERMAN(words.PLACEHOLDER).splitlines()[0])
    expect(page.locator("[data-language=de]")).to_have_attribute("aria-current", "true")
    assert language_of(page) == "de"
    cookie = {
        key: page.context.cookies()[0].get(key) for key in ("name", "value", "expires", "sameSite")
    }
    assert cookie == {"name": COOKIE, "value": "de", "expires": -1, "sameSite": "Lax"}
    assert len(page.context.cookies()) == 1
    upload(page, PHOTO)
    expect(page.locator("#status")).to_contain_text("2 Netze × 8 Ansichten")
    assert language_of(page) == "de"
    choose(page, ENGLISH)
    expect(page.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    assert language_of(page) == "en"
    page.context.close()


def test_a_browser_with_a_language_that_is_unknown_gets_english_alone(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served.url, locale="fr-FR")
    expect(page.get_by_role("heading", level=1)).to_have_text(words.TITLE)
    expect(page.locator("#photo")).to_contain_text("Drop a dermatoscopic photo here")
    assert language_of(page) == "en"
    page.context.close()
