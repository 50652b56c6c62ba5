"""What a screen reader reads, in which order: the accessibility tree of the page.

A template names what must be there, in this order; other things may stand between.
"""

from playwright.sync_api import Page, expect

from skin_app.words import page as words
from skin_app.words import patient
from tests.page.conftest import PHOTO, expect_full_answer, upload

FRAME = f"""
- main:
  - heading "{words.TITLE}" [level=1]
  - note:
    - strong: {words.DEMO}
  - tablist:
    - tab "{words.TAB_ONE}"
    - tab "{words.TAB_SEVERAL}"
    - tab "{words.TAB_EVIDENCE}"
    - tab "{words.TAB_ABOUT}"
  - tabpanel:
"""
FIRST_VISIT = f"""
    - button /upload/
    - list:
      - listitem: {words.HOW_IT_WORKS[0]}
      - listitem
      - listitem
    - group "{words.EXAMPLES}":
      - button
    - textbox "{patient.AGE}"
    - group:
      - radio
"""
FULL_ANSWER = f"""
    - figure:
      - img "{words.THE_PHOTO}"
      - img /Heatmap for/
      - button "{words.NEW_PHOTO}"
    - region "{words.MAP_TITLE}":
      - group:
        - radiogroup "{words.SHOWN}":
          - radio [checked]
    - region "{words.OUTCOME}":
      - heading [level=2]
    - region "{words.RANKING}":
      - table:
        - rowgroup:
          - row /{words.DIAGNOSIS}/
        - rowgroup:
          - row:
            - rowheader:
              - button /{words.SHOW_ITS_MAP.strip("()")}/ [pressed]
    - textbox "{patient.AGE}"
    - heading /similar confirmed/ [level=2]
    - list:
      - listitem:
        - strong
    - button /{words.POINTS_TITLE}/
    - button /{words.CORRECTIONS_TITLE}/
    - button /{words.REPORT_TITLE}/
"""
SEVERAL = """
    - tablist:
      - tab [selected]
      - tab
    - tabpanel:
      - paragraph
      - button /upload/
"""
HEADED = """
    - heading [level=2]
"""


def read(page: Page, template: str) -> None:
    expect(page.locator("body")).to_match_aria_snapshot(FRAME.rstrip() + template, timeout=30_000)


def test_photo_outcome_ranking_similar_lesions_and_details_are_read_in_this_order(visit: Page) -> None:
    read(visit, FIRST_VISIT)
    upload(visit, PHOTO)
    expect_full_answer(visit)
    read(visit, FULL_ANSWER)


def test_the_other_tabs_are_read_from_their_heading_on(visit: Page) -> None:
    for name, template in (
        (words.TAB_SEVERAL, SEVERAL),
        (words.TAB_EVIDENCE, HEADED),
        (words.TAB_ABOUT, HEADED),
    ):
        visit.get_by_role("tab", name=name, exact=True).click()
        read(visit, template)
