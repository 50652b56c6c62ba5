"""Every English sentence of page, report, command line and API, collected from the code."""

import ast
import csv
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import skin_app
from skin_app import diagnoses, quality, skin_tone, words
from skin_app.diagnoses import DIAGNOSES
from skin_app.gallery import similar_lesions
from skin_app.gallery.similar_lesions import CONFIRMED
from skin_app.quality import FILE_FINDINGS, NAMES
from skin_app.skin_tone import TONES
from skin_app.weights.folder import EMBEDDED
from skin_app.words import language, outcome, patient
from skin_app.words.language import Plural
from skin_app.words.outcome import TO_CHECK
from skin_app.words.patient import PATIENT_NOTES

Sentence = str | Plural
FOLDER = Path(skin_app.__file__).parent
ROOT = FOLDER.parent


def sentences() -> Iterator[tuple[Sentence, str]]:
    """All of them, with their files; a catalogue that translates these is complete.

    A sentence that stands in several places comes several times.
    """
    for found, place in _found():
        if any(character.isalpha() for form in forms(found) for character in without_places(form)):
            yield found, place


def forms(sentence: Sentence) -> tuple[str, ...]:
    """The English of a sentence: two forms of a plural, one of others."""
    return tuple(sentence) if isinstance(sentence, Plural) else (sentence,)


def _found() -> Iterator[tuple[Sentence, str]]:
    for module in words_modules():
        for text in constants(module):
            yield text, _place(module)
    for diagnosis in DIAGNOSES:
        yield from ((name, _place(diagnoses)) for name in (diagnosis.name, diagnosis.short))
    for module, names in (
        (quality, (*NAMES, *(finding.name for finding in FILE_FINDINGS.values()))),
        (outcome, TO_CHECK),
        (patient, PATIENT_NOTES),
        (similar_lesions, CONFIRMED.values()),
        (skin_tone, TONES),
    ):
        for name in names:
            yield name, _place(module)
    for name in stated_in_the_gallery():
        yield name, "weights/gallery.csv"
    yield from errors()


def _place(module: ModuleType) -> str:
    return Path(str(module.__file__)).relative_to(ROOT).as_posix()


def words_modules() -> list[ModuleType]:
    """The modules of `skin_app.words` that hold sentences."""
    names = [found.name for found in pkgutil.iter_modules(words.__path__, f"{words.__name__}.")]
    return [importlib.import_module(name) for name in names if name != language.__name__]


def constants(module: ModuleType) -> Iterator[Sentence]:
    """The texts among a module's constants, those inside tuples and dicts too."""
    for name, value in vars(module).items():
        if name.isupper() or (name.replace("_", "").isupper() and not name.startswith("_")):
            yield from texts(value)


def texts(value: object) -> Iterator[Sentence]:
    """The texts in a constant; of a dict, its values."""
    if isinstance(value, str | Plural):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(tuple(value.values()))
    elif isinstance(value, Iterable):
        for part in value:
            yield from texts(part)


def errors() -> Iterator[tuple[str, str]]:
    """The sentences of errors that stand where these are raised: first argument of a `SpokenError`."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.rglob("*.py"))}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    spoken = {"SpokenError"}
    for _ in range(2):  # an error may be a kind of another one
        spoken |= {
            node.name
            for _, node in nodes
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in spoken for base in node.bases)
        }
    for path, node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in spoken:
            sentence = node.args[0]
            assert not isinstance(sentence, ast.JoinedStr), f"{path}: give the error its values"
            if isinstance(sentence, ast.Constant):
                yield str(sentence.value), path.relative_to(ROOT).as_posix()


def stated_in_the_gallery() -> list[str]:
    """Sexes and sites of the embedded weights' gallery."""
    with (EMBEDDED / "gallery.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return sorted({row[column] for row in rows for column in ("sex", "localization") if row[column]})


def without_places(text: str) -> str:
    """A sentence without its named places: "{share} of {count}" -> " of "."""
    return "".join(
        text.split("{")[0] if i == 0 else part.partition("}")[2]
        for i, part in enumerate(text.split("{"))
    )
