"""A phone, dark mode, 200 % zoom, the keyboard alone, a screen reader: all must be able to use it."""

import threading
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from skin_app.ensemble import Ensemble
from skin_app.words import page as words
from skin_app.words import patient
from skin_app.words.outcome import OUTCOMES
from tests.page.conftest import (
    DESKTOP,
    OTHER,
    PHONE,
    PHOTO,
    Served,
    expect_full_answer,
    opened,
    ready,
    resized,
    upload,
)

WIDTH = "document.documentElement.scrollWidth"
TABS = (words.TAB_ONE, words.TAB_SEVERAL, words.TAB_EVIDENCE, words.TAB_ABOUT)
LEVELS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
# the theme follows, and no colour is on its way to another
IS_DRAWN = """(isDark) => document.body.classList.contains('dark') === isDark
  && document.getAnimations().every((one) => !(one instanceof CSSTransition))"""
# how a state is looked at, and by which rules: colours change nothing but the contrast
LOOKS: tuple[tuple[str, tuple[int, int], dict[str, Any], dict[str, Any]], ...] = (
    ("dark", PHONE, {"color_scheme": "dark", "forced_colors": "none"}, CONTRAST),
    ("light", PHONE, {"color_scheme": "light", "forced_colors": "none"}, LEVELS),
    ("light", DESKTOP, {"color_scheme": "light", "forced_colors": "none"}, LEVELS),
    ("forced colours", DESKTOP, {"color_scheme": "light", "forced_colors": "active"}, CONTRAST),
)


def serious(page: Page, rules: dict[str, Any] = LEVELS) -> list[str]:
    """axe-core's serious and critical findings, with where they are."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(Axe().axe_script)
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    return [
        f"{violation['id']} {node['target']} {node['html'][:160]}"
        for violation in page.evaluate("(options) => axe.run(options)", options)["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def findings(page: Page, state: str) -> list[str]:
    """The serious findings in a state of the page, looked at in every way of `LOOKS`."""
    found = []
    for mode, size, media, rules in LOOKS:
        resized(page, size).emulate_media(**media)
        page.wait_for_function(IS_DRAWN, arg=mode == "dark")
        found += [f"{state}, {mode}, {size[0]} px: {one}" for one in serious(page, rules)]
    return found


def wait_for_tab(page: Page, name: str) -> None:
    if name in (words.TAB_EVIDENCE, words.TAB_ABOUT):
        page.locator("#evidence h2" if name == words.TAB_EVIDENCE else "#about h2").first.wait_for()


@pytest.mark.timeout(900)  # dozens of runs of axe-core
def test_axe_finds_nothing_serious_in_any_state_of_one_photo(
    browser: Browser,
    served: Served,
    ensemble: Ensemble,
    steps: dict[str, threading.Event],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    page = opened(browser, served.url)
    ready(page)
    found = findings(page, "first visit")
    upload(page, PHOTO)
    page.locator("#picture img.base").wait_for()
    found += findings(page, "waiting")
    steps["quick"].set()
    expect(page.locator("#status")).to_contain_text("Quick answer")
    found += findings(page, "quick answer")
    steps["full"].set()
    expect_full_answer(page)
    found += findings(page, "full answer")
    page.locator("#patient").get_by_label(patient.AGE).fill("85")
    expect(page.locator("#ranking")).to_contain_text(patient.WITH_AGE)
    found += findings(page, "with the patient's age")
    for closed in page.locator("#details button.label-wrap").all():
        closed.click()
    page.get_by_label(words.CORRECTIONS["gamma"]).check()
    page.locator("#comparison table").wait_for()
    page.get_by_role("button", name=words.REPORT_MAKE).click()
    page.locator("#downloads a").first.wait_for()
    page.locator("#outcome button.info").first.click()
    found += findings(page, "details and an explanation open")
    notes = tmp_path / "notes.jpg"
    notes.write_text("not an image")
    upload(page, notes)
    page.get_by_role("alert").wait_for()
    found += findings(page, "a file that is no photo")
    unlike = ensemble.novelty.limits.model_copy(update={"limit": -1e9}) if ensemble.novelty else None
    monkeypatch.setattr(ensemble.novelty, "limits", unlike)
    upload(page, OTHER)
    expect(page.locator("#outcome h2")).to_contain_text(OUTCOMES["not dermatoscopic"])
    expect_full_answer(page)
    found += findings(page, "a refused photo")
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.timeout(900)
def test_axe_finds_nothing_serious_in_the_other_tabs(browser: Browser, served: Served) -> None:
    page, found = opened(browser, served.url), []
    ready(page)
    for name in TABS[1:]:
        page.get_by_role("tab", name=name, exact=True).click()
        wait_for_tab(page, name)
        found += findings(page, name)
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(
    browser: Browser, served: Served, screenshots: Path, theme: str
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 360, "height": 780})
    upload(page, PHOTO)
    expect_full_answer(page)
    page.locator("#map select.beside").select_option("vasc")
    assert page.evaluate(WIDTH) <= 360
    page.screenshot(path=screenshots / f"phone-{theme}.png", full_page=True)
    for name in TABS[1:]:
        if not page.get_by_role("tab", name=name, exact=True).is_visible():
            page.locator("button.overflow-menu, .overflow-menu button").first.click()
        page.get_by_text(name, exact=True).last.click()
        wait_for_tab(page, name)
        assert page.evaluate(WIDTH) <= 360
        page.screenshot(
            path=screenshots / f"phone-{name.split()[0].lower()}-{theme}.png", full_page=True
        )
    page.context.close()


def test_everything_on_the_way_to_a_result_is_reached_by_the_tab_key(visit: Page) -> None:
    reached: list[str] = []
    visit.locator("body").press("Tab")
    for _ in range(40):
        reached.append(visit.evaluate("document.activeElement.textContent.trim()"))
        if "Irregular patchy" in reached[-1]:
            break
        visit.keyboard.press("Tab")
    assert any("Irregular patchy" in place for place in reached)
    visit.keyboard.press("Enter")
    expect_full_answer(visit)
