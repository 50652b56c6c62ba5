"""A phone, dark mode, 200 % zoom, the keyboard alone, a screen reader: all must be able to use it."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from skin_app.words import page as words
from tests.page.conftest import PHOTO, Served, expect_full_answer, opened, upload

WIDTH = "document.documentElement.scrollWidth"
TABS = (words.TAB_ONE, words.TAB_SEVERAL, words.TAB_EVIDENCE, words.TAB_ABOUT)
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def serious(page: Page) -> list[str]:
    """axe-core's serious and critical violations, with where they are."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{violation['id']}: {node['target']} {node['html'][:160]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def wait_for_tab(page: Page, name: str) -> None:
    if name in (words.TAB_EVIDENCE, words.TAB_ABOUT):
        page.locator("#evidence h2" if name == words.TAB_EVIDENCE else "#about h2").first.wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(
    browser: Browser, served: Served, screenshots: Path, tmp_path: Path, theme: str
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 1280, "height": 900})
    page.get_by_role("button", name=words.ANALYSE, exact=True).wait_for()
    assert serious(page) == []
    upload(page, PHOTO)
    expect_full_answer(page)
    page.get_by_role("button", name=words.CORRECTIONS_TITLE).click()
    page.get_by_role("button", name=words.REPORT_TITLE).click()
    page.get_by_label(words.CORRECTIONS["gamma"]).check()
    page.locator("#comparison table").wait_for()
    assert serious(page) == []
    page.screenshot(path=screenshots / f"desktop-{theme}.png", full_page=True)
    notes = tmp_path / "notes.jpg"
    notes.write_text("not an image")
    upload(page, notes)
    page.get_by_role("alert").wait_for()
    assert serious(page) == []
    for name in TABS[1:]:
        page.get_by_role("tab", name=name, exact=True).click()
        wait_for_tab(page, name)
        assert serious(page) == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(
    browser: Browser, served: Served, screenshots: Path, theme: str
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 360, "height": 780})
    page.get_by_role("button", name=words.ANALYSE, exact=True).wait_for()
    assert page.evaluate(WIDTH) <= 360
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


def test_at_200_percent_zoom_nothing_is_cut_off(
    browser: Browser, served: Served, screenshots: Path
) -> None:
    # A browser at 200 % gives the page half of the pixels.
    page = opened(browser, served.url, viewport={"width": 640, "height": 450}, device_scale_factor=2)
    upload(page, PHOTO)
    expect_full_answer(page)
    assert page.evaluate(WIDTH) <= 640
    page.screenshot(path=screenshots / "zoom-200.png")
    strip = page.locator("#strip").bounding_box()
    assert strip is not None
    assert strip["height"] < 0.25 * 450  # the sticky strip leaves room to read
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
