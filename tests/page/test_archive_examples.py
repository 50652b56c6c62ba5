"""Real lesions to try: only where the operator allows it, with attribution, fetched on a click."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.example_lesions import EXAMPLE_LESIONS
from skin_app.gallery.picture_cache import PictureCache
from skin_app.page.archive_examples import drawn_examples
from skin_app.words import archive as words
from skin_app.words.language import ENGLISH
from tests.archive import ATTRIBUTION, LICENCE, ArchiveStandIn, says
from tests.page.conftest import Served, expect_full_answer, opened

IDS = [lesion.image_id for lesion in EXAMPLE_LESIONS]


def test_without_the_operators_leave_there_are_none(
    browser: Browser, offering: Served, archive: ArchiveStandIn
) -> None:
    page = opened(browser, offering.url)
    page.locator("#examples button").first.wait_for()
    expect(page.get_by_text(words.REAL_LESIONS)).to_have_count(0)
    assert archive.asked == []
    page.context.close()


def test_they_come_with_attribution_and_are_analysed_on_a_click(
    browser: Browser, asking: Served, archive: ArchiveStandIn
) -> None:
    page = opened(browser, asking.url)
    real = page.get_by_role("group", name=words.REAL_LESIONS)
    expect(real.locator("img")).to_have_count(3)
    assert sorted(archive.asked)[:3] == [f"/api/{image_id}/" for image_id in sorted(IDS)]
    assert [path for path in archive.asked if "full" in path] == []
    expect(real.get_by_role("button", name="Melanoma")).to_contain_text(f"{LICENCE}, {ATTRIBUTION}")
    real.get_by_role("button", name="Melanoma").click()
    expect_full_answer(page)
    assert [path for path in archive.asked if "full" in path] == [f"/files/{IDS[0]}/full.jpg"]
    archive.answers["/api"] = says(404)
    real.get_by_role("button", name="naevus").click()
    expect(page.get_by_role("alert")).to_contain_text(f"no longer has the picture {IDS[2]}")
    page.context.close()


def test_without_the_archive_one_line_says_why(archive: ArchiveStandIn, tmp_path: Path) -> None:
    archive.answers["/api"] = says(503)
    pictures = ArchivePictures(PictureCache(tmp_path), archive.client())
    html = drawn_examples(ENGLISH, pictures)
    pictures.close()
    assert words.FAULT.format(status=503) in html
    assert "data-index" not in html
