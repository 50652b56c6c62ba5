"""Photos that are pasted, dropped or chosen, whatever the browser makes of their names."""

import base64
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from skin_app.page import uploads_and_sessions
from skin_app.photo.read import read_photo
from skin_app.words import page as words
from skin_app.words import refusals
from tests.made_files import saved
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, upload

DICOM = bytes(128) + b"DICM" + bytes(200)
COPY = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], {type: 'image/jpeg'}));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const png = await canvas.convertToBlob({ type: 'image/png' });
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
}"""
HELD = """(file) => {
  const held = new DataTransfer();
  if (file) held.items.add(new File([file], file));
  else held.setData('text/plain', 'naevus');
  return held;
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
    figure = copied.locator("figure.picture")
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
    expect(copied.locator("#several-angles-status")).to_contain_text("One photo is ready")
    copied.get_by_role("tab", name=words.TAB_ONE, exact=True).click()
    expect(copied.locator("#photo")).to_be_visible()
    expect(copied.locator("figure.picture")).to_have_count(0)
    expect(copied.locator("#status")).to_have_text("")


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(saved(Image.fromarray(read_photo(PHOTO).pixels), "HEIC"))
    return path


def test_a_photo_of_a_phone_is_answered_and_shown(visit: Page, heic: Path) -> None:
    upload(visit, heic)
    expect_full_answer(visit)
    shown = visit.get_by_alt_text(words.THE_PHOTO)
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
    expect(visit.locator("#several-angles-status")).to_contain_text("One photo is ready")
    for waiting in served.files():  # else it waits five minutes, and other tests count what is there
        waiting.unlink()


def drop(page: Page, target: str, *paths: Path) -> None:
    """Drop files as a reader does, on the middle of a part of the page."""
    box = page.locator(target).bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})


def test_a_photo_of_a_phone_may_be_dropped(visit: Page, heic: Path) -> None:
    drop(visit, "#photo", heic)
    expect_full_answer(visit)


def test_a_photo_dropped_on_the_one_that_is_shown_replaces_it(answered: Page, heic: Path) -> None:
    figure = answered.locator("figure.picture")
    for path in (OTHER, heic):  # by its content, whatever the browser makes of its name
        older = figure.get_attribute("data-photo") or ""
        drop(answered, "#picture .stack", path)
        expect(figure).not_to_have_attribute("data-photo", older)
        expect_full_answer(answered)
        expect(figure).to_have_count(1)
        expect(answered.get_by_text(words.DROP_HERE)).to_be_hidden()


def test_while_a_photo_is_dragged_over_the_one_that_is_shown_it_says_what_a_drop_does(
    answered: Page,
) -> None:
    here, figure = answered.get_by_text(words.DROP_HERE), answered.locator("figure.picture")
    expect(here).to_be_hidden()
    figure.dispatch_event("dragover", {"dataTransfer": answered.evaluate_handle(HELD, "a file")})
    expect(here).to_be_visible()
    figure.dispatch_event("dragleave")
    expect(here).to_be_hidden()
    figure.dispatch_event("dragover", {"dataTransfer": answered.evaluate_handle(HELD, "")})
    expect(here).to_be_hidden()  # a text or a link is no photo
    shown = answered.locator("#picture .stack").bounding_box()
    assert shown is not None
    x, y = shown["x"] + shown["width"] / 2, shown["y"] + shown["height"] / 2
    answered.mouse.move(x, y)
    answered.mouse.down()
    answered.mouse.move(x + 40, y + 10, steps=8)
    answered.mouse.up()
    answered.wait_for_timeout(300)
    expect(here).to_be_hidden()  # nor is the photo itself


def test_a_folder_dropped_instead_of_a_photo_is_said_to_be_no_image(
    answered: Page, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    drop(answered, "#picture .stack", tmp_path / "photos")
    expect(answered.get_by_role("alert")).to_contain_text("This is not a JPEG")


def test_a_broken_file_dropped_on_a_photo_takes_its_answer_away(answered: Page, tmp_path: Path) -> None:
    """What is shown is never an older photo's answer beside a newer one's error."""
    path = tmp_path / "IM000001"
    path.write_bytes(DICOM)
    drop(answered, "#picture .stack", path)
    expect(answered.get_by_role("alert")).to_contain_text("This is a DICOM file")
    expect(answered.locator("figure.picture")).to_have_count(0)
    expect(answered.locator("#outcome")).to_be_hidden()
    drop(answered, "#photo", OTHER)
    expect_full_answer(answered)
    expect(answered.get_by_role("alert")).to_have_count(0)


def test_a_photo_is_refused_with_a_sentence_where_too_many_of_its_client_wait(
    visit: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_and_sessions, "MOST_BYTES", 1000)
    upload(visit, PHOTO)
    expect(visit.locator("#status")).to_have_text(refusals.TOO_MANY_WAIT)
