"""Languages, and their catalogues: complete, with the places and tags of the English."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from skin_app.photo.read import PhotoError
from skin_app.words.language import (
    CATALOGUES,
    ENGLISH,
    GERMAN,
    LANGUAGES,
    Say,
    counted,
    languages,
    preferred,
)
from skin_app.words.page import VIEWS
from tests import messages

CODES = sorted(set(LANGUAGES) - {"en"})
# The same in both languages: names of licences and of a file, and words that German has too.
SAME = {
    "Apache 2.0",
    "CC BY-NC 4.0",
    "Heatmap",
    "Heatmap: <strong>{name}</strong>",
    "Ensemble",
    "Original",
    "System",
    "Training",
    "skin-app-results.csv",
}

# A column's title and a choice: the whole words are wider than a phone has room for.
ABBREVIATED = {"Wahrsch.", "k. A."}
# Where a name may be broken on a phone; nobody sees such a character in an editor.
SOFT_HYPHENS = {
    "Basal cell carcinoma": "Basalzell\N{SOFT HYPHEN}karzinom",
    "With age and sex": "Mit Alter und Ge\N{SOFT HYPHEN}schlecht",
    "With HAM10000's class frequencies": "Bei den Klassen\N{SOFT HYPHEN}häufigkeiten von HAM10000",
}


def file_of(code: str) -> Path:
    return CATALOGUES / code.replace("-", "_") / "LC_MESSAGES" / messages.NAME


def pairs(code: str = "de") -> Iterator[tuple[str, str]]:
    """English and translation; of a plural each form, from the second on with the English plural."""
    for message in messages.read(file_of(code)):
        both = [message.id] if isinstance(message.id, str) else message.id
        for place, text in enumerate(messages.translated(message)):
            if message.id:  # not the catalogue's head
                yield both[min(place, len(both) - 1)], text


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
    ("share", "digits", "english", "german"),
    [
        (0.7134, 0, "71 %", "71 %"),
        (0.7134, 1, "71.3 %", "71,3 %"),
        (0.0149, 0, "1 %", "1 %"),
        (0.0096, 0, "< 1 %", "< 1 %"),
        (0.0004, 1, "< 0.1 %", "< 0,1 %"),
        (0.99, 0, "99 %", "99 %"),
        (0.9931, 0, "> 99 %", "> 99 %"),
        (0.9996, 1, "> 99.9 %", "> 99,9 %"),
        (1.0, 0, "> 99 %", "> 99 %"),
    ],
)
def test_shares_are_whole_percents_with_the_languages_own_mark(
    share: float, digits: int, english: str, german: str
) -> None:
    assert ENGLISH.percent(share, digits).replace("\u00a0", " ") == english
    assert GERMAN.percent(share, digits).replace("\u00a0", " ") == german


def test_a_counted_share_can_be_none_or_all() -> None:
    assert [ENGLISH.counted(share).replace("\u00a0", " ") for share in (0, 1)] == ["0 %", "100 %"]
    assert ENGLISH.counted(0.9996, digits=1).replace("\u00a0", " ") == "> 99.9 %"


def test_numbers_have_the_languages_own_marks() -> None:
    assert (ENGLISH.number(10015), GERMAN.number(10015)) == ("10,015", "10.015")
    assert (ENGLISH.number(0.5, 3), GERMAN.number(0.5, 3)) == ("0.500", "0,500")
    assert [GERMAN.number(age, digits=None) for age in (47.0, 47.5)] == ["47", "47,5"]


def test_plurals_count() -> None:
    assert [ENGLISH.plural(VIEWS, count) for count in (1, 8)] == ["1 view", "8 views"]
    assert [GERMAN.plural(VIEWS, count) for count in (1, 1200)] == ["1 Ansicht", "1.200 Ansichten"]
    assert (counted(1, "photo"), counted(1234, "photo")) == ("1 photo", "1,234 photos")


CATALOGUE = """
msgid ""
msgstr "Plural-Forms: nplurals=2; plural=(n > 1);"
msgid "{a} of {b}"
msgstr "de {b} : {a}"
msgid "{count} view"
msgid_plural "{count} views"
msgstr[0] "{count} vue"
msgstr[1] "{count} vues"
"""


@pytest.fixture
def french(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """A third language: known by its one file."""
    file = tmp_path / "fr" / "LC_MESSAGES" / "skin_app.po"
    file.parent.mkdir(parents=True)
    file.write_text(CATALOGUE, encoding="utf-8")
    assert set(languages(tmp_path)) == {"en", "fr"}
    monkeypatch.setitem(LANGUAGES, "fr", languages(tmp_path)["fr"])
    return LANGUAGES["fr"]


def test_a_language_is_one_file(french: Say) -> None:
    assert preferred("fr-CA,en") is french
    assert french.name == "Français"
    assert french.plural(VIEWS, 0) == "0 vue"
    assert french.number(10015.5, 1) == "10\u202f015,5"
    assert french.percent(0.714) == "71\u00a0%"
    assert french("not translated") == "not translated"
    assert french("") == ""


def test_values_go_into_the_named_places_of_the_translation(french: Say) -> None:
    assert french("{a} of {b}", a=1, b=2) == "de 2 : 1"
    error = PhotoError("{a} of {b}", a=3, b=4)
    assert french(error.sentence, **error.values) == "de 4 : 3"


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_is_translated_and_nothing_else(code: str) -> None:
    """If not: `make messages` brings the catalogue up to date, and says what is missing."""
    catalogue = messages.read(file_of(code))
    catalogue.update(messages.template(), no_fuzzy_matching=True)
    assert [message.id for message in messages.missing(catalogue)] == []
    assert [message.id for message in catalogue.obsolete.values()] == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "pattern",
    [r"\{\w*\}", r"</?\w[^>]*>", r"&\w+;", "^\\s", "[ \n.…:?]$"],
    ids=["places", "tags", "entities", "first blank", "end"],
)
def test_places_tags_and_ends_are_those_of_the_english(code: str, pattern: str) -> None:
    """A lost full stop or blank would run into what the page puts behind it."""

    def found(text: str) -> list[str]:
        return sorted(re.findall(pattern, text))

    both = [pair for pair in pairs(code) if pair[1] not in ABBREVIATED]
    assert [english for english, other in both if found(english) != found(other)] == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "name",
    [
        *("python -m train audit", "python -m train map"),
        *("HAM10000", "ensemble.json", "SHA-256", "t-SNE", "JSON", "PDF", "CSV", "15 ", "×"),
    ],
)
def test_what_a_reader_types_or_looks_up_stays(code: str, name: str) -> None:
    kept = {english: other.count(name) for english, other in pairs(code) if name in english}
    assert kept
    assert [english for english, count in kept.items() if count != english.count(name)] == []


def test_german_says_something_else_than_the_english() -> None:
    assert {english for english, german in pairs() if english == german} <= SAME


def test_german_stands_in_attributes_and_has_german_marks() -> None:
    """A straight quotation mark would end an attribute; English ones are not German."""
    without_tags = {english: re.sub(r"<[^>]*>", "", german) for english, german in pairs()}
    assert [english for english, german in without_tags.items() if re.search("[\"'”]", german)] == []


def test_soft_hyphens_stand_only_where_they_are_meant() -> None:
    held = {english: german for english, german in pairs() if "\N{SOFT HYPHEN}" in german}
    assert held == SOFT_HYPHENS
