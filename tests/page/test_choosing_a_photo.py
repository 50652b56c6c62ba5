"""Photos that are pasted, dropped or chosen, whatever the browser makes of their names."""

import base64
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from skin_app.photo.read import read_photo
from skin_app.words import page as words
from tests.made_files import saved
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, upload

DICOM = bytes(128) + b"DICM" + bytes(200)
COPY = """async (data) => {
  const bitmap = await createImageBitmap(await (await fetch('data:image/jpeg;base64,' + data)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const png = await canvas.convertToBlob({ type: 'image/png' });
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
}"""
ADD_TEXT = """async () => {
  const [{ types: [kind] }] = await navigator.clipboard.read();
  const picture = (await (await navigator.clipboard.read())[0].getType(kind));
  const text = new Blob(['naevus'], { type: 'text/plain' });
  await navigator.clipboard.write([new ClipboardItem({ [kind]: picture, 'text/plain': text })]);
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


def test_a_photo_is_pasted_by_keys_also_over_an_older_one_and_text_as_text(copied: Page) -> None:
    figure = copied.locator("figure.map")
    copied.keyboard.press("Control+V")
    expect_full_answer(copied)
    first = figure.get_attribute("data-photo") or ""
    upload(copied, OTHER)
    expect(figure).not_to_have_attribute("data-photo", first)
    expect_full_answer(copied)
    older = figure.get_attribute("data-photo") or ""
    copied.keyboard.press("Control+V")
    expect(figure).not_to_have_attribute("data-photo", older)
    expect_full_answer(copied)
    pasted = figure.get_attribute("data-photo") or ""
    copied.get_by_role("button", name=words.REPORT_TITLE).click()
    note = copied.get_by_label(words.REPORT_DIAGNOSIS)
    copied.evaluate(ADD_TEXT)
    note.click()
    note.press("Control+V")
    expect(note).to_have_value("naevus")
    copied.wait_for_timeout(500)
    expect(figure).to_have_attribute("data-photo", pasted)


def test_a_photo_is_pasted_among_the_angles_of_a_lesion(copied: Page) -> None:
    copied.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    expect(copied.locator("#several-angles-files")).to_be_visible()
    copied.keyboard.press("Control+V")
    expect(copied.locator("#several-angles-status")).to_contain_text("One photo is here")
    copied.get_by_role("tab", name=words.TAB_ONE, exact=True).click()
    expect(copied.locator("#status")).to_contain_text(words.IDLE)


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(saved(Image.fromarray(read_photo(PHOTO).pixels), "HEIC"))
    return path


def test_a_photo_of_a_phone_is_answered_and_shown(visit: Page, heic: Path) -> None:
    upload(visit, heic)
    expect_full_answer(visit)
    shown = visit.locator("#photo img").first
    assert (shown.get_attribute("src") or "").startswith("data:image/jpeg")
    assert shown.evaluate("(image) => image.naturalWidth") > 0


def test_a_file_without_a_suffix_is_named_by_its_content(visit: Page, tmp_path: Path) -> None:
    path = tmp_path / "IM000001"
    path.write_bytes(DICOM)
    upload(visit, path)
    expect(visit.get_by_role("alert")).to_contain_text("This is a DICOM file")


def test_no_file_is_hidden_from_the_reader_who_chooses_one(
    visit: Page, served: Served, heic: Path
) -> None:
    """Photos of clinics often have names without a suffix."""
    for tab, field in ((words.TAB_ONE, "photo"), (words.TAB_SEVERAL, "several-angles-files")):
        visit.get_by_role("tab", name=tab, exact=True).click()
        with visit.expect_file_chooser() as chooser:
            visit.locator(f"#{field} button:has(input[type=file])").click()
        assert not chooser.value.element.get_attribute("accept")
    visit.locator("#several-angles-files input[type=file]").set_input_files(heic)
    expect(visit.locator("#several-angles-status")).to_contain_text("One photo is here")
    for waiting in served.files():  # else it waits five minutes, and other tests count what is there
        waiting.unlink()


def test_a_photo_of_a_phone_may_be_dropped(visit: Page, heic: Path) -> None:
    box = visit.locator("#photo").bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(heic)], "dragOperationsMask": 1}
    browser = visit.context.new_cdp_session(visit)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    expect_full_answer(visit)
