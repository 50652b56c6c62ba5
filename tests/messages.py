"""The catalogues of translations, brought up to date with the English sentences.

    make messages                       # rewrites every catalogue, and says what is missing in it
    python -m tests.messages fr pt_BR   # begins catalogues for more languages

Sentences that are new are left untranslated; those that are gone are removed, and printed.
"""

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from skin_app.words.language import CATALOGUES
from tests.sentences import forms, sentences

HEAD = """# Translations of the sentences of skin_app into LANGUAGE.
# An empty translation leaves the sentence in English. `make messages` rewrites this file."""
NAME = "skin_app.po"
WIDTH = 100  # columns of a catalogue


def template() -> Catalog:
    """Every English sentence, untranslated, with the files where it stands."""
    catalog = Catalog()
    for sentence, place in sentences():
        own = catalog.get(forms(sentence)[0])
        if not own or (place, 0) not in own.locations:
            catalog.add(sentence, locations=[(place, 0)])
    return catalog


def read(path: Path) -> Catalog:
    """A catalogue; an empty one where there is no such file."""
    language = Locale.parse(path.parent.parent.name)
    if path.exists():
        with path.open("rb") as file:
            return read_po(file, locale=language)
    head = HEAD.replace("LANGUAGE", language.english_name or "")
    return Catalog(
        language,
        header_comment=head,
        project="skin_app",
        version="of the git log",
        msgid_bugs_address="README.md",
        last_translator="the git log",
        language_team=language.english_name,
        revision_date=datetime.now(timezone.utc),
        fuzzy=False,
    )


def write(path: Path, catalog: Catalog) -> None:
    """Write a catalogue, in the order of its sentences."""
    for own in catalog:
        own.flags.discard("python-format")  # "95 % interval" looks like one
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, WIDTH, ignore_obsolete=True, include_lineno=False)


def missing(catalog: Catalog) -> list[Message]:
    """The sentences without translation, in one of their forms."""
    return [own for own in catalog if own.id and not all(translated(own))]


def translated(message: Message) -> Sequence[str]:
    """The translations of a sentence: one, or of a plural one for each form that the language has."""
    return [message.string or ""] if isinstance(message.string, str | None) else message.string


def main() -> None:
    """Rewrite all catalogues and those of the languages named."""
    more = {CATALOGUES / name / "LC_MESSAGES" / NAME for name in sys.argv[1:]}
    for path in sorted({*CATALOGUES.glob(f"*/LC_MESSAGES/{NAME}"), *more}):
        catalog = read(path)
        catalog.update(template(), no_fuzzy_matching=True, update_creation_date=False)
        write(path, catalog)
        for kind, messages in (("missing", missing(catalog)), ("removed", catalog.obsolete.values())):
            for message in messages:
                print(f"{path.parent.parent.name}: {kind}: {message.id!r}")


if __name__ == "__main__":
    main()
