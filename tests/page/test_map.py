"""The heatmaps in a real browser: which diagnosis, how strong, from which edge on, what beside it."""

import re
import threading
from pathlib import Path

from playwright.sync_api import Page, expect

from skin_app.words import page as words
from tests.page.conftest import PHOTO, expect_full_answer, upload


def code_of(page: Page, place: int) -> str:
    return page.locator("#ranking button.pick").nth(place).get_attribute("data-code") or ""


def shown(page: Page, pane: int = 0) -> list[str]:
    """Codes of the maps that are visible in a pane."""
    layers = page.locator("#map .pane").nth(pane).locator("img.layer")
    return layers.evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => one.dataset.code)"
    )


def test_choosing_a_diagnosis_in_the_list_shows_its_map(visit: Page, screenshots: Path) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    first, last = code_of(visit, 0), code_of(visit, 6)
    assert shown(visit) == [first]
    button = visit.locator("#ranking button.pick").nth(6)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(visit.locator("#ranking button.pick[aria-pressed=true]")).to_have_count(1)
    assert shown(visit) == [last]
    caption = visit.locator("#map .captions p:visible")
    expect(caption).to_have_count(1)
    expect(caption).to_have_attribute("data-code", last)
    visit.screenshot(path=screenshots / "class-switched.png")


def test_what_is_chosen_in_the_quick_answer_is_shown_when_the_maps_follow(
    visit: Page, held_back: threading.Event
) -> None:
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_contain_text("Quick answer")
    code = code_of(visit, 6)
    visit.locator(f'#ranking button.pick[data-code="{code}"]').click()
    held_back.set()
    expect_full_answer(visit)
    expect(visit.locator("#map .pane").first).to_have_attribute("data-code", code)
    assert shown(visit) == [code]
    pressed = visit.locator("#ranking button.pick[aria-pressed=true]")
    expect(pressed).to_have_count(1)
    expect(pressed).to_have_attribute("data-code", code)


def test_every_diagnosis_has_its_layer_and_its_words(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    for part in ("img.layer", ".captions p"):
        codes = visit.locator(f"#map {part}").evaluate_all("all => all.map(one => one.dataset.code)")
        assert sorted(codes) == sorted(code_of(visit, place) for place in range(7))
    widths = visit.locator("#map img.layer").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [96] * 7


def test_strength_and_before_after_sliders_change_what_is_drawn(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    layer = visit.locator("#map img.layer:visible")
    expect(layer).to_have_css("opacity", "0.6")
    visit.locator("#map input.strength").fill("25")
    expect(layer).to_have_css("opacity", "0.25")
    visit.locator("#map input.split").fill("40")
    expect(layer).to_have_css("clip-path", re.compile(r"inset\(0(px)? 0(px)? 0(px)? 40%\)"))


def test_a_second_map_stands_beside_the_first_and_goes_again(visit: Page, screenshots: Path) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    second = code_of(visit, 1)
    choice = visit.locator("#map select.beside")
    choice.select_option(second)
    expect(visit.locator("#map .pane")).to_have_count(2)
    assert shown(visit, 1) == [second]
    assert shown(visit, 0) == [code_of(visit, 0)]
    one, other = (visit.locator("#map .pane").nth(i).bounding_box() for i in (0, 1))
    assert one is not None
    assert other is not None
    assert one["y"] == other["y"]
    visit.screenshot(path=screenshots / "two-maps.png")
    choice.select_option("")
    expect(visit.locator("#map .pane")).to_have_count(1)


def test_what_was_set_is_kept_when_the_answer_is_asked_for_again(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    last = code_of(visit, 6)
    visit.locator("#ranking button.pick").nth(6).click()
    visit.locator("#map input.strength").fill("90")
    visit.get_by_role("button", name=words.ANALYSE, exact=True).click()
    expect(visit.locator("#ranking button.pick").nth(6)).to_have_attribute("aria-pressed", "true")
    assert shown(visit) == [last]
    expect(visit.locator("#map img.layer:visible")).to_have_css("opacity", "0.9")


def test_the_maps_work_by_keyboard_alone(visit: Page) -> None:
    upload(visit, PHOTO)
    expect_full_answer(visit)
    visit.locator("#ranking button.pick").nth(0).focus()
    visit.keyboard.press("Tab")
    visit.keyboard.press("Enter")
    expect(visit.locator("#ranking button.pick").nth(1)).to_have_attribute("aria-pressed", "true")
    assert shown(visit) == [code_of(visit, 1)]
    visit.locator("#map input.strength").focus()
    visit.keyboard.press("ArrowRight")
    expect(visit.locator("#map img.layer:visible")).to_have_css("opacity", "0.65")
