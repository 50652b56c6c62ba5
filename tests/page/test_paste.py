"""A photo from the clipboard, by the button and by keys."""

import base64

import pytest
from playwright.sync_api import Page, expect

from skin_app.words import page as words
from tests.page.conftest import OTHER, PHOTO, expect_full_answer, upload

COPY = """async (data) => {
  const bitmap = await createImageBitmap(await (await fetch('data:image/jpeg;base64,' + data)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const png = await canvas.convertToBlob({ type: 'image/png' });
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
}"""


@pytest.fixture
def copied(visit: Page) -> Page:
    """The page, with a photo in the clipboard."""
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.evaluate(COPY, base64.b64encode(PHOTO.read_bytes()).decode())
    return visit


def test_a_photo_is_pasted_by_the_button(copied: Page) -> None:
    copied.locator("#photo").get_by_role("button", name="Paste from clipboard").click()
    expect_full_answer(copied)


def test_a_photo_is_pasted_by_keys_also_over_an_older_one(copied: Page) -> None:
    copied.keyboard.press("Control+V")
    expect_full_answer(copied)
    first = copied.locator("figure.map").get_attribute("data-photo")
    upload(copied, OTHER)
    expect(copied.locator(f'figure.map[data-photo="{first}"]')).to_have_count(0)
    expect_full_answer(copied)
    older = copied.locator("figure.map").get_attribute("data-photo")
    copied.keyboard.press("Control+V")
    expect(copied.locator(f'figure.map[data-photo="{older}"]')).to_have_count(0)
    expect_full_answer(copied)


def test_a_photo_is_pasted_among_the_angles_of_a_lesion(copied: Page) -> None:
    copied.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    copied.keyboard.press("Control+V")
    expect(copied.locator("#several-angles-status")).to_contain_text("One photo is here")
    copied.get_by_role("tab", name=words.TAB_ONE, exact=True).click()
    expect(copied.locator("#status")).to_contain_text(words.IDLE)


WITH_TEXT = """async () => {
  const [{ types: [kind] }] = await navigator.clipboard.read();
  const picture = (await (await navigator.clipboard.read())[0].getType(kind));
  const text = new Blob(['naevus'], { type: 'text/plain' });
  await navigator.clipboard.write([new ClipboardItem({ [kind]: picture, 'text/plain': text })]);
}"""


def test_text_that_comes_with_a_picture_is_pasted_as_text(copied: Page) -> None:
    upload(copied, OTHER)
    expect_full_answer(copied)
    photo = copied.locator("figure.map").get_attribute("data-photo") or ""
    copied.get_by_role("button", name=words.REPORT_TITLE).click()
    note = copied.get_by_label(words.REPORT_DIAGNOSIS)
    copied.evaluate(WITH_TEXT)
    note.click()
    note.press("Control+V")
    expect(note).to_have_value("naevus")
    copied.wait_for_timeout(500)
    expect(copied.locator("figure.map")).to_have_attribute("data-photo", photo)
