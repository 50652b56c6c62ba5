"""The parts under one photo's answer, in a real browser: on a narrow phone, and while they change."""

from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from skin_app.words import page as words
from tests.page.conftest import PHOTO, Served, opened, upload

PARTS = ("thresholds", "numbers", "corrections", "report")


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_nothing_is_wider_than_the_narrowest_phone(
    browser: Browser, served: Served, locale: str
) -> None:
    page = opened(browser, served.url, viewport={"width": 320, "height": 700}, locale=locale)
    upload(page, PHOTO)
    page.locator("#patient input").first.fill("60")
    page.locator("#patient input[value=male]").check()
    pinned = page.locator("#points .pin")
    for part in PARTS:
        page.locator(f"#{part} > button").click()
    expect(pinned).to_have_count(2)
    too_wide = """() => [...document.querySelectorAll('#details *, #patient *')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width > 1 && box.right > innerWidth && !one.closest('[popover]');
    }).map((one) => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(too_wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.context.close()


def test_the_slider_changes_the_predictive_values(
    answered: Page,
) -> None:
    answered.locator("#thresholds > button").click()
    points = answered.locator("#points")
    rows = points.locator("tbody tr", has_text=words.POINT_ROWS[4])
    before = rows.inner_text()
    answered.get_by_label(words.PREVALENCE).last.press("End")
    expect(rows).not_to_have_text(before)
    # each threshold's line ends over the middle of its column
    columns = [box["x"] + box["width"] / 2 for box in boxes_of(answered, "#points thead th")[1:]]
    for middle, leader in zip(columns, boxes_of(answered, "#points .leaders path"), strict=True):
        ends = (leader["x"], leader["x"] + leader["width"])
        assert min(abs(middle - end) for end in ends) < 2


def test_the_pictures_stay_in_place_when_the_corrected_one_is_there(answered: Page) -> None:
    answered.locator("#corrections > button").click()
    answered.get_by_label(words.CORRECTIONS["gamma"], exact=True).check()
    figures = answered.locator(".corrected figure")
    expect(figures).to_have_count(2)
    before = boxes_of(answered, ".corrected figure .stack")
    expect(answered.locator(".corrected table")).to_be_visible()
    after = boxes_of(answered, ".corrected figure .stack")
    for one, other in zip(before, after, strict=True):
        assert one == pytest.approx(other, abs=2)
    assert all(one["x"] < other["x"] for one, other in pairwise(after))


def boxes_of(page: Page, selector: str) -> list[dict[str, float]]:
    """All at one moment: gradio may replace them meanwhile."""
    return page.locator(selector).evaluate_all(
        "(parts) => parts.map((part) => { const { x, y, width, height } = part.getBoundingClientRect();"
        " return { x, y, width, height }; })"
    )
