"""Languages, and the German catalogue: complete, with the places and tags of the English."""

import json
import re

import pytest

from skin_app.photo.read import PhotoError
from skin_app.words.language import ENGLISH, FOLDER, GERMAN, Say, counted, preferred
from tests.sentences import sentences

FILE = FOLDER / "de.json"
CATALOGUE: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
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
    "With equal class frequencies": "Bei gleichen Klassen\N{SOFT HYPHEN}häufigkeiten",
}


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
    assert (counted(1, "photo"), counted(1234, "photo")) == ("1 photo", "1,234 photos")


def test_every_sentence_is_translated_and_nothing_else() -> None:
    assert sorted(sentences() - set(CATALOGUE)) == []
    assert sorted(set(CATALOGUE) - sentences()) == []
    text = json.dumps(CATALOGUE, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    assert FILE.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "pattern",
    [r"\{\w*\}", r"</?\w[^>]*>", r"&\w+;", "^\\s", "[ \n.…:?]$"],
    ids=["places", "tags", "entities", "first blank", "end"],
)
def test_places_tags_and_ends_are_those_of_the_english(pattern: str) -> None:
    """A lost full stop or blank would run into what the page puts behind it."""

    def found(text: str) -> list[str]:
        return sorted(re.findall(pattern, text))

    both = [pair for pair in CATALOGUE.items() if pair[1] not in ABBREVIATED]
    assert [english for english, german in both if found(english) != found(german)] == []


@pytest.mark.parametrize(
    "name",
    [
        *("python -m train audit", "python -m train map", "docs/trust.md"),
        *("HAM10000", "ensemble.json", "SHA-256", "t-SNE", "JSON", "PDF", "CSV", "15 ", "×"),
    ],
)
def test_what_a_reader_types_or_looks_up_stays(name: str) -> None:
    kept = {english: german.count(name) for english, german in CATALOGUE.items() if name in english}
    assert kept
    assert [english for english, count in kept.items() if count != english.count(name)] == []


def test_translations_say_something_and_are_not_the_english() -> None:
    assert [english for english, german in CATALOGUE.items() if not german.strip()] == []
    assert {english for english, german in CATALOGUE.items() if english == german} <= SAME


def test_german_stands_in_attributes_and_has_german_marks() -> None:
    """A straight quotation mark would end an attribute; English ones are not German."""
    without_tags = {english: re.sub(r"<[^>]*>", "", german) for english, german in CATALOGUE.items()}
    assert [english for english, german in without_tags.items() if re.search("[\"'”]", german)] == []


def test_soft_hyphens_stand_only_where_they_are_meant() -> None:
    held = {english: german for english, german in CATALOGUE.items() if "\N{SOFT HYPHEN}" in german}
    assert held == SOFT_HYPHENS
