"""The German catalogue: complete, with the places and tags of the English, and really translated."""

import json
import re
from collections.abc import Callable

import pytest

from skin_app.words.language import FOLDER
from tests.sentences import sentences

FILE = FOLDER / "de.json"
CATALOGUE: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
# The same in both languages: names of licences, and of a file.
SAME = {"Apache 2.0", "CC BY-NC 4.0", "Original", "Training", "skin-app-results.csv"}

ABBREVIATED = {"Wahrsch."}  # a column's title: the whole word is wider than a phone has room for
# Where a name may be broken on a phone; nobody sees such a character in an editor.
SOFT_HYPHENS = {"Basal cell carcinoma": "Basalzell\N{SOFT HYPHEN}karzinom"}


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w*\}", text))


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"</?\w[^>]*>", text))


def entities(text: str) -> list[str]:
    return sorted(re.findall(r"&\w+;", text))


def test_every_sentence_is_translated_and_nothing_else() -> None:
    assert sorted(sentences() - set(CATALOGUE)) == []
    assert sorted(set(CATALOGUE) - sentences()) == []


@pytest.mark.parametrize("parts", [places, tags, entities], ids=lambda parts: parts.__name__)
def test_places_tags_and_entities_are_those_of_the_english(parts: Callable[[str], list[str]]) -> None:
    wrong = [english for english, german in CATALOGUE.items() if parts(english) != parts(german)]
    assert wrong == []


@pytest.mark.parametrize(
    "name",
    [
        *("python -m train audit", "python -m train map", "docs/trust.md", "SKIN_APP_HAM10000"),
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


def test_a_sentence_ends_as_the_english_does() -> None:
    """A lost full stop or blank would run into what the page puts behind it."""

    def ends(text: str) -> tuple[str, str]:
        return text[0] if text[0].isspace() else "", text[-1] if text[-1] in ".…:?\n " else ""

    others = {english: german for english, german in CATALOGUE.items() if german not in ABBREVIATED}
    assert [english for english, german in others.items() if ends(english) != ends(german)] == []


def test_german_stands_in_attributes_and_has_german_marks() -> None:
    """A straight quotation mark would end an attribute; English ones are not German."""
    without_tags = {english: re.sub(r"<[^>]*>", "", german) for english, german in CATALOGUE.items()}
    assert [english for english, german in without_tags.items() if re.search("[\"'”]", german)] == []


def test_soft_hyphens_stand_only_where_they_are_meant() -> None:
    held = {english: german for english, german in CATALOGUE.items() if "\N{SOFT HYPHEN}" in german}
    assert held == SOFT_HYPHENS


def test_the_file_is_kept_in_order() -> None:
    text = json.dumps(CATALOGUE, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    assert FILE.read_text(encoding="utf-8") == text
