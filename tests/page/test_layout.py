"""Where things stand, measured by their boxes: what the first screen shows, and that nothing jumps.

At 200 % zoom, a window of 1280 pixels has 640 CSS pixels.
"""

import re
import threading
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.diagnoses import DIAGNOSES
from tests.page.conftest import (
    DESKTOP,
    PHONE,
    PHOTO,
    Served,
    expect_full_answer,
    opened,
    ready,
    resized,
    upload,
)

WIDTHS = (320, 390, 640, 768, 1024, 1280)
JUMP = 2  # pixels that rounding may move a box
MOST_WORDS = 60
# the text of the first screen as the reader sees it, one piece for each text node
TEXT_ON_SCREEN = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pieces = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1);
    const seen = boxes.some((box) => box.bottom > 0 && box.top < innerHeight && box.left < innerWidth);
    const parent = node.parentElement;
    const shown = parent.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const hidden = parent.closest('.hidden-text, .visually-hidden, option, ul.lesions li');
    if (seen && shown && !hidden) pieces.push(node.textContent);
  }
  return pieces;
}"""

# of each row, whether two of its name, mark, bar and numbers overlap, and where its bar is
RANKING_ROWS = """() => [...document.querySelectorAll('#ranking tbody tr')].map((row) => {
  const name = row.querySelector('.name');
  const text = new Range();
  text.selectNodeContents(name);
  const bars = [...row.querySelectorAll('.bar')].filter((bar) => bar.checkVisibility());
  const parts = [text, ...row.querySelectorAll('abbr, td'), ...bars];
  const boxes = parts.map((one) => [...one.getClientRects()]);
  const meet = (a, b) => (
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
  );
  const covered = boxes.some((one, i) => (
    boxes.slice(i + 1).some((other) => one.some((a) => other.some((b) => meet(a, b))))
  ));
  const bar = bars.map((one) => one.getBoundingClientRect()).flatMap((box) => [box.left, box.right]);
  return { name: name.textContent, covered, bar };
})"""


def box_of(part: Locator) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a visible part, in CSS pixels of the window."""
    expect(part).to_be_visible()
    box = part.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def is_whole(part: Locator, size: tuple[int, int]) -> bool:
    """Whether a part lies wholly in the window."""
    left, top, right, bottom = box_of(part)
    return min(left, top) >= 0 and right <= size[0] and bottom <= size[1]


def words_on(page: Page) -> list[str]:
    """The words in the window, but for names of diagnoses, the mark M and cards of similar lesions."""
    text = " \n".join(page.evaluate(TEXT_ON_SCREEN))
    for name in sorted((name for d in DIAGNOSES for name in (d.name, d.short)), key=len, reverse=True):
        text = re.sub(re.escape(name), "", text, flags=re.IGNORECASE)
    return [word for word in text.split() if any(map(str.isalpha, word)) and word != "M"]


@pytest.fixture(scope="module", params=["landscape", "portrait"])
def result(
    browser: Browser,
    served: Served,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """The full answer to a photo; everything that opens is closed."""
    path = PHOTO
    if request.param == "portrait":
        path = tmp_path_factory.mktemp("photo") / "portrait.png"
        Image.open(PHOTO).transpose(Image.Transpose.ROTATE_90).save(path)
    page = opened(browser, served.url)
    upload(page, path)
    expect_full_answer(page)
    yield page
    page.context.close()


def test_a_desktop_shows_photo_outcome_ranking_and_the_gallerys_begin_at_once(result: Page) -> None:
    resized(result, DESKTOP)
    rows = result.locator("#ranking button.pick")
    expect(rows).to_have_count(7)
    picture, heat = result.locator("#picture img.base"), result.locator("#picture img.layer")
    first_screen = [picture, heat, result.locator("#outcome"), *rows.all()]
    assert [part for part in first_screen if not is_whole(part, DESKTOP)] == []
    assert box_of(result.locator("#similar .lesions li").first)[1] < DESKTOP[1]


def test_a_phone_shows_outcome_photo_and_three_diagnoses_at_once(result: Page) -> None:
    resized(result, PHONE)
    rows = result.locator("#ranking button.pick").all()
    first_screen = [result.locator("#outcome"), result.locator("#picture img.base"), *rows[:3]]
    assert [part for part in first_screen if not is_whole(part, PHONE)] == []


@pytest.mark.parametrize(("size", "screens"), [(DESKTOP, 1.5), (PHONE, 4)])
def test_the_whole_result_is_short(result: Page, size: tuple[int, int], screens: float) -> None:
    resized(result, size)
    assert result.evaluate("document.documentElement.scrollHeight") <= screens * size[1]


def sideways(page: Page) -> dict[int, int]:
    """Widths of the window in which the page is wider than it, with the page's own."""
    own = {
        width: resized(page, (width, 800)).evaluate("document.documentElement.scrollWidth")
        for width in WIDTHS
    }
    return {width: wide for width, wide in own.items() if wide > width}


def test_nothing_scrolls_sideways(result: Page) -> None:
    assert sideways(result) == {}


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_in_the_ranking_nothing_covers_a_name_and_all_bars_have_one_place(
    browser: Browser, served: Served, locale: str
) -> None:
    page = opened(browser, served.url, locale=locale)
    upload(page, PHOTO)
    expect(page.locator("#map fieldset")).to_be_enabled()
    expect(page.locator("#ranking button.pick")).to_have_count(7)
    crowded, uneven, without = {}, {}, []
    for age in ("", "63"):
        page.locator("#patient input").first.fill(age)
        expect(page.locator("#ranking .ranking.two")).to_have_count(1 if age else 0)
        for width in (*WIDTHS, 360, 820):
            rows = resized(page, (width, 800)).evaluate(RANKING_ROWS)
            crowded[age, width] = [row["name"] for row in rows if row["covered"]]
            uneven[age, width] = {tuple(row["bar"]) for row in rows}
            without += [(age, width)] if not rows[0]["bar"] else []
    page.context.close()
    assert {case: names for case, names in crowded.items() if names} == {}
    assert {case: places for case, places in uneven.items() if len(places) > 1} == {}
    assert ("", 390) not in without
    assert ("63", 1280) not in without


def test_the_first_screen_has_few_words(result: Page) -> None:
    said = words_on(resized(result, DESKTOP))
    assert "Research" in said
    assert len(said) <= MOST_WORDS, " ".join(said)


def test_colour_is_never_alone(result: Page) -> None:
    """Forced colours take every colour of ours; the outcome, M and the mark of the set stay as text."""
    resized(result, DESKTOP).emulate_media(forced_colors="active")
    expect(result.locator("#outcome h2")).to_be_visible()
    marks = result.locator("#ranking tbody").get_by_text("M", exact=True)
    assert [is_whole(mark, DESKTOP) for mark in marks.all()] == [True] * 3
    bar = result.locator("#ranking .bar b").first
    assert bar.evaluate("one => getComputedStyle(one).backgroundColor") != bar.evaluate(
        "one => getComputedStyle(document.body).backgroundColor"
    )
    result.emulate_media(forced_colors="none")


def test_the_first_visit_has_the_field_on_the_left_and_three_lines_and_examples_on_the_right(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served.url)
    ready(page)
    resized(page, DESKTOP)
    field, lines, examples = (
        page.locator(part) for part in ("#photo", "#examples ol", "#examples .examples")
    )
    expect(lines.locator("li")).to_have_count(3)
    assert all(is_whole(part, DESKTOP) for part in (field, lines, examples))
    left, top, right, bottom = box_of(field)
    assert (right - left) * (bottom - top) > 0.2 * DESKTOP[0] * DESKTOP[1]
    assert right <= min(box_of(lines)[0], box_of(examples)[0])
    assert sideways(page) == {}
    page.context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_jumps_while_the_answer_comes_and_nothing_moves_for_who_wants_no_motion(
    browser: Browser, served: Served, steps: dict[str, threading.Event], size: tuple[int, int]
) -> None:
    page = opened(browser, served.url, reduced_motion="reduce")
    resized(page, size)
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    upload(page, PHOTO)
    page.locator("#picture img.base").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate(moving) == 0
    waiting = boxes(page)
    steps["quick"].set()
    expect(page.locator("#status")).to_contain_text("Quick answer")
    quick = boxes(page)
    steps["full"].set()
    expect_full_answer(page)
    page.wait_for_timeout(500)
    full = boxes(page)
    assert page.evaluate(moving) == 0
    page.context.close()
    assert moved(waiting, quick) == {}
    assert moved(quick, full) == {}


def boxes(page: Page) -> dict[str, tuple[float, float, float, float]]:
    """Where those parts of the answer are that are shown."""
    parts = {
        name: page.locator(f"#{name}") for name in ("picture", "outcome", "ranking", "map", "similar")
    }
    return {name: box_of(part) for name, part in parts.items() if part.is_visible()}


def moved(
    before: dict[str, tuple[float, float, float, float]],
    after: dict[str, tuple[float, float, float, float]],
) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """The parts of both that have another place or size, with the old and the new one."""
    return {
        part: (before[part], after[part])
        for part in before.keys() & after.keys()
        if any(abs(a - b) > JUMP for a, b in zip(before[part], after[part], strict=True))
    }
