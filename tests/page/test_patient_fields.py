"""Age and sex beside the photo, in a real browser: they change the answer at once, without networks."""

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from skin_app.ensemble import Ensemble
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.uploads_and_sessions import forget_session
from skin_app.words import page as words
from skin_app.words import several
from skin_app.words.patient import (
    AGE,
    ONLY_RAISES,
    PATIENT_NOTES,
    PHOTO_ALONE,
    PHOTO_GONE,
    PHOTOS_GONE,
    POINTS_OF_PHOTO,
    SEXES,
    WITH_AGE,
    WITH_AGE_AND_SEX,
)
from tests.page.conftest import OTHER, PHOTO, Served, expect_full_answer, opened, upload


def age_in(page: Page) -> Locator:
    return page.locator("#patient").get_by_label(AGE)


def sex_in(page: Page, sex: str) -> Locator:
    return page.locator("#patient").get_by_label(SEXES[sex], exact=True)


def heads(page: Page) -> str:
    return page.locator("#ranking thead").inner_text()


def test_age_and_sex_change_outcome_ranking_and_thresholds_without_networks(
    answered: Page, monkeypatch: pytest.MonkeyPatch, screenshots: Path
) -> None:
    monkeypatch.setattr(Ensemble, "__call__", lambda *_: pytest.fail("the networks ran again"))
    ranking, outcome, points = (
        answered.locator(f"#{name}") for name in ("ranking", "outcome", "points")
    )
    order = ranking.locator("button.pick").evaluate_all("all => all.map(one => one.dataset.code)")
    ranking.locator("button.pick").nth(2).click()
    answered.locator("#thresholds > button").click()
    age_in(answered).fill("85")
    expect(ranking).to_contain_text(WITH_AGE)
    expect(ranking).to_contain_text(PHOTO_ALONE)
    expect(outcome).to_contain_text(ONLY_RAISES)
    expect(points).to_contain_text(POINTS_OF_PHOTO[:40])
    expect(points.locator(".pin")).to_contain_text([PHOTO_ALONE, WITH_AGE])
    sex_in(answered, "male").check()
    expect(ranking).to_contain_text(WITH_AGE_AND_SEX)
    codes = ranking.locator("button.pick").evaluate_all("all => all.map(one => one.dataset.code)")
    assert codes == order
    expect(ranking.locator("button.pick").nth(2)).to_have_attribute("aria-pressed", "true")
    answered.screenshot(path=screenshots / "age-and-sex.png", full_page=True)
    age_in(answered).press("End")
    age_in(answered).press("Backspace")
    age_in(answered).press("Backspace")
    expect(ranking).not_to_contain_text(WITH_AGE)
    expect(answered.locator("#patient-note")).to_contain_text(PATIENT_NOTES["sex without age"])


def test_what_is_not_used_is_said_beside_the_fields_before_there_is_a_photo(visit: Page) -> None:
    note = visit.locator("#patient-note")
    age_in(visit).fill("old")
    expect(note).to_contain_text(PATIENT_NOTES["unreadable age"])
    age_in(visit).fill("110")
    expect(note).to_contain_text("85 years is used instead")
    age_in(visit).fill("60")
    expect(note).to_have_count(0)


def test_an_age_typed_before_the_first_photo_holds_and_goes_with_the_next(visit: Page) -> None:
    age_in(visit).fill("60")
    sex_in(visit, "female").check()
    upload(visit, PHOTO)
    expect_full_answer(visit)
    expect(visit.locator("#ranking")).to_contain_text(WITH_AGE_AND_SEX)
    expect(age_in(visit)).to_have_value("60")
    upload(visit, OTHER)
    expect(age_in(visit)).to_have_value("")
    expect(sex_in(visit, "")).to_be_checked()
    expect_full_answer(visit)
    visit.wait_for_timeout(500)
    assert WITH_AGE not in heads(visit)


def test_an_age_typed_during_the_quick_answer_holds_for_the_full_one(
    quick: Page, held_back: threading.Event
) -> None:
    age_in(quick).fill("60")
    expect(quick.locator("#ranking")).to_contain_text(WITH_AGE)
    expect(quick.locator("#status")).to_contain_text("Quick answer")
    held_back.set()
    expect_full_answer(quick)
    expect(quick.locator("#outcome")).to_contain_text("of 16 readings")
    expect(quick.locator("#ranking")).to_contain_text(WITH_AGE)


def test_age_and_sex_are_in_the_report_and_a_change_takes_it_back(
    answered: Page, tmp_path: Path
) -> None:
    age_in(answered).fill("60")
    answered.get_by_role("button", name=words.REPORT_TITLE).click()
    answered.get_by_role("button", name=words.REPORT_MAKE).click()
    with answered.expect_download() as download:
        answered.get_by_role("link", name=words.REPORT_CSV).click()
    download.value.save_as(tmp_path / "row.csv")
    assert ",60," in (tmp_path / "row.csv").read_text(encoding="utf-8-sig")
    age_in(answered).fill("61")
    expect(answered.locator("#downloads a")).to_have_count(0)


def test_an_age_for_a_photo_that_is_no_longer_held_is_not_used_without_a_word(
    answered: Page, served: Served
) -> None:
    forget_all(served)
    age_in(answered).fill("63")
    expect(answered.locator("#patient-note")).to_contain_text(PHOTO_GONE)
    age_in(answered).fill("")
    expect(answered.locator("#patient-note")).to_have_count(0)


def forget_all(served: Served) -> None:
    """As after 15 idle minutes, or as another process after a restart."""
    for session in list(served.page.state_holder.session_data):
        forget_session(served.page, session)
        served.desk.forget(session)


def test_the_photo_stays_where_it_is_when_an_age_is_typed(answered: Page) -> None:
    photo = answered.locator("figure.picture .stack")
    before = photo.bounding_box()
    age_in(answered).fill("85")
    expect(answered.locator("#ranking")).to_contain_text(WITH_AGE)
    assert photo.bounding_box() == before


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_age_and_sex_are_one_row_of_a_phone(browser: Browser, served: Served, locale: str) -> None:
    page = opened(browser, served.url, viewport={"width": 390, "height": 844}, locale=locale)
    fields = page.locator("#patient input")
    expect(fields).to_have_count(1 + len(SEXES))
    boxes = [field.bounding_box() for field in fields.all()]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    assert max(middles) - min(middles) < 4
    assert all(box and box["height"] >= 24 and box["x"] + box["width"] <= 378 for box in boxes)
    page.context.close()


def test_one_age_holds_for_all_photos_of_one_lesion_while_they_are_held(
    visit: Page, served: Served, screenshots: Path
) -> None:
    visit.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    photos = [EXAMPLES_FOLDER / name for name in EXAMPLES[:2]]
    files = visit.locator("#several-angles-files input[type=file]")
    result, age = visit.locator("#several-angles-result"), visit.locator("#several-angles-patient")
    visit.get_by_role("button", name=several.PATIENT).click()
    age.get_by_label(AGE).fill("60")
    files.set_input_files(photos)
    expect(visit.locator("#several-angles-status")).to_contain_text("2 photos are ready")
    visit.get_by_role("button", name=several.ANGLES_START).click()
    expect(result).to_contain_text(several.JOINT)
    expect(result).to_contain_text(WITH_AGE)
    expect(age.get_by_label(AGE)).to_have_value("60")
    age.get_by_label(SEXES["male"], exact=True).check()
    expect(result).to_contain_text(WITH_AGE_AND_SEX)
    visit.screenshot(path=screenshots / "one-lesion-age.png", full_page=True)
    result.locator("button[data-row]").first.click()
    expect(visit.locator("#several-angles-opened")).to_contain_text(WITH_AGE_AND_SEX)
    files.set_input_files(photos)
    expect(age.get_by_label(AGE)).to_have_value("")
    age.get_by_label(AGE).fill("110")
    expect(visit.locator("#several-angles-patient-note")).to_contain_text("85 years is used")
    expect(result).to_contain_text(WITH_AGE_AND_SEX)  # still that of the earlier lesion
    visit.get_by_role("button", name=several.ANGLES_START).click()
    expect(result).not_to_contain_text(WITH_AGE_AND_SEX)
    expect(result).to_contain_text(WITH_AGE)
    expect(visit.locator("#several-batch-patient")).to_have_count(0)
    note = visit.locator("#several-angles-patient-note")
    forget_all(served)
    age.get_by_label(AGE).fill("63")
    expect(note).to_contain_text(PHOTOS_GONE)
    files.set_input_files(photos)
    expect(age.get_by_label(AGE)).to_have_value("")
    age.get_by_label(AGE).fill("110")
    expect(note).to_contain_text("85 years is used")
