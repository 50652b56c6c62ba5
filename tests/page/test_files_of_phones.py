"""Files whose names say nothing to the browser go to the server, which goes by their content."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from skin_app.photo.read import read_photo
from skin_app.words import page as words
from tests.made_files import saved
from tests.page.conftest import PHOTO, Served, expect_full_answer, upload

DICOM = bytes(128) + b"DICM" + bytes(200)


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


def test_a_photo_of_a_phone_is_taken_among_others(visit: Page, served: Served, heic: Path) -> None:
    visit.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    visit.locator("#several-angles-files input[type=file]").set_input_files(heic)
    expect(visit.locator("#several-angles-status")).to_contain_text("One photo is here")
    for waiting in served.files():  # else it waits five minutes, and other tests count what is there
        waiting.unlink()


def test_no_file_is_hidden_from_the_reader_who_chooses_one(visit: Page) -> None:
    """Photos of clinics often have names without a suffix."""
    for tab, field in ((words.TAB_ONE, "photo"), (words.TAB_SEVERAL, "several-angles-files")):
        visit.get_by_role("tab", name=tab, exact=True).click()
        with visit.expect_file_chooser() as chooser:
            visit.locator(f"#{field} button:has(input[type=file])").click()
        assert not chooser.value.element.get_attribute("accept")


def test_a_photo_of_a_phone_may_be_dropped(visit: Page, heic: Path) -> None:
    box = visit.locator("#photo").bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(heic)], "dragOperationsMask": 1}
    browser = visit.context.new_cdp_session(visit)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    expect_full_answer(visit)
