"""Every English sentence that a reader of the page or of a report may see, collected from the code."""

import ast
import csv
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import skin_app
from skin_app import words
from skin_app.diagnoses import DIAGNOSES
from skin_app.gallery.similar_lesions import CONFIRMED
from skin_app.quality import FILE_FINDINGS, NAMES
from skin_app.skin_tone import TONES
from skin_app.weights.folder import EMBEDDED
from skin_app.words import hub
from skin_app.words.outcome import TO_CHECK
from skin_app.words.patient import PATIENT_NOTES


def sentences() -> set[str]:
    """All of them; a catalogue that translates these is complete."""
    found = {text for module in words_modules() for text in constants(module)}
    found |= {name for diagnosis in DIAGNOSES for name in (diagnosis.name, diagnosis.short)}
    found |= {*NAMES, *(finding.name for finding in FILE_FINDINGS.values()), *TO_CHECK, *PATIENT_NOTES}
    found |= set(CONFIRMED.values()) | set(TONES) | set(refusals()) | set(stated_in_the_gallery())
    return {text for text in found if any(character.isalpha() for character in without_places(text))}


def words_modules() -> list[ModuleType]:
    """The modules of `skin_app.words` but the Hub's, whose sentences only the command line prints."""
    return [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(words.__path__, f"{words.__name__}.")
        if found.name != hub.__name__
    ]


def constants(module: ModuleType) -> Iterator[str]:
    """The texts among a module's constants, those inside tuples and dicts too."""
    for name, value in vars(module).items():
        if name.isupper() or (name.replace("_", "").isupper() and not name.startswith("_")):
            yield from texts(value)


def texts(value: object) -> Iterator[str]:
    """The texts in a constant; of a dict, its values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(tuple(value.values()))
    elif isinstance(value, Iterable):
        for part in value:
            yield from texts(part)


def refusals() -> Iterator[str]:
    """The sentences with which a photo is refused: first argument wherever `PhotoError` is raised.

    Those of the command line (f-strings with paths) are not seen on the page.
    """
    folder = Path(skin_app.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PhotoError":
                sentence = node.args[0]
                if isinstance(sentence, ast.Constant):
                    yield str(sentence.value)


def stated_in_the_gallery() -> set[str]:
    """Sexes and sites of the embedded weights' gallery."""
    with (EMBEDDED / "gallery.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row[column] for row in rows for column in ("sex", "localization") if row[column]}


def without_places(text: str) -> str:
    """A sentence without its named places: "{share} of {count}" -> " of "."""
    return "".join(
        text.split("{")[0] if i == 0 else part.partition("}")[2]
        for i, part in enumerate(text.split("{"))
    )
