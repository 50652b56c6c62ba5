"""The page's main flows again, in Debian's Firefox.

Playwright drives it by WebDriver BiDi. That offers neither the clipboard nor a camera, no file that is
dropped, no dark mode and no forced colours. So pasting, taking and dropping a photo, and those colours,
are tested in chromium alone.
"""

import pytest
from playwright.sync_api import Browser

from tests.page.test_access import (
    test_everything_on_the_way_to_a_result_is_reached_by_the_tab_key,
)
from tests.page.test_choosing_a_photo import (
    heic,
    test_a_photo_of_a_phone_is_answered_and_shown,
    test_no_file_is_hidden_from_the_reader_who_chooses_one,
)
from tests.page.test_german_page import test_a_german_browser_gets_a_german_page
from tests.page.test_layout import (
    result,
    test_a_desktop_shows_photo_outcome_ranking_and_the_gallerys_begin_at_once,
    test_a_phone_shows_outcome_photo_and_three_diagnoses_at_once,
    test_nothing_scrolls_sideways,
)
from tests.page.test_one_photo_tab import (
    test_a_report_is_downloaded_as_pdf_json_and_csv_and_goes_with_the_next_photo,
    test_an_explanation_opens_beside_its_button_inside_the_window_and_escape_closes_it,
    test_another_photo_is_chosen_in_place_of_the_one_that_is_shown,
    test_choosing_a_diagnosis_in_the_list_shows_its_map,
    test_first_visit,
    test_nothing_is_asked_of_another_host_and_closing_the_page_drops_its_session,
    test_photo_heatmap_and_strength_change_what_is_drawn_and_are_kept,
    test_starting_over_empties_the_page_and_forgets_the_patient,
    test_text_named_jpg_is_explained_and_the_page_goes_on,
    test_the_heatmap_comes_by_itself_with_the_full_answer,
    test_the_maps_work_by_keyboard_alone,
    test_upload_gives_the_whole_result_and_leaves_no_file,
)
from tests.page.test_patient_fields import (
    test_age_and_sex_change_outcome_ranking_and_thresholds_without_networks,
)

__all__ = [
    "heic",
    "result",
    "test_a_desktop_shows_photo_outcome_ranking_and_the_gallerys_begin_at_once",
    "test_a_german_browser_gets_a_german_page",
    "test_a_phone_shows_outcome_photo_and_three_diagnoses_at_once",
    "test_a_photo_of_a_phone_is_answered_and_shown",
    "test_a_report_is_downloaded_as_pdf_json_and_csv_and_goes_with_the_next_photo",
    "test_age_and_sex_change_outcome_ranking_and_thresholds_without_networks",
    "test_an_explanation_opens_beside_its_button_inside_the_window_and_escape_closes_it",
    "test_another_photo_is_chosen_in_place_of_the_one_that_is_shown",
    "test_choosing_a_diagnosis_in_the_list_shows_its_map",
    "test_everything_on_the_way_to_a_result_is_reached_by_the_tab_key",
    "test_first_visit",
    "test_no_file_is_hidden_from_the_reader_who_chooses_one",
    "test_nothing_is_asked_of_another_host_and_closing_the_page_drops_its_session",
    "test_nothing_scrolls_sideways",
    "test_photo_heatmap_and_strength_change_what_is_drawn_and_are_kept",
    "test_starting_over_empties_the_page_and_forgets_the_patient",
    "test_text_named_jpg_is_explained_and_the_page_goes_on",
    "test_the_heatmap_comes_by_itself_with_the_full_answer",
    "test_the_maps_work_by_keyboard_alone",
    "test_upload_gives_the_whole_result_and_leaves_no_file",
]


@pytest.fixture(scope="package")
def browser(firefox: Browser) -> Browser:
    """What the tests above call their browser."""
    return firefox
