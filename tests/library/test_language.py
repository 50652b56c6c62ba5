import pytest

from skin_app.photo.read import PhotoError
from skin_app.words.language import ENGLISH, GERMAN, Say, preferred


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("de", "de"),
        ("DE-at", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("fr-FR,de;q=0.9", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_first_language_that_a_browser_asks_for_decides(header: str | None, code: str) -> None:
    assert preferred(header).code == code


@pytest.mark.parametrize(
    ("share", "english", "german"),
    [
        (0.7134, "71.3 %", "71,3 %"),
        (0.0004, "< 0.1 %", "< 0,1 %"),
        (0.9996, "> 99.9 %", "> 99,9 %"),
    ],
)
def test_shares_have_the_languages_own_mark(share: float, english: str, german: str) -> None:
    assert ENGLISH.percent(share).replace("\u00a0", " ") == english
    assert GERMAN.percent(share).replace("\u00a0", " ") == german
    assert GERMAN.number(10015) == "10.015"


def test_numbers_go_into_the_named_places_of_the_translation() -> None:
    say = Say("xx", {"{a} of {b}": "von {b}: {a}"})
    assert say("{a} of {b}", a=1, b=2) == "von 2: 1"
    assert say("not translated") == "not translated"
    error = PhotoError("{a} of {b}", a=3, b=4)
    assert say(error.sentence, **error.values) == "von 4: 3"
