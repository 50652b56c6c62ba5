"""Sentences in the user's language: English as written in the code, others from a catalogue.

`CODE.json` maps every English sentence to its translation, as gettext does; numbers fill
the sentence's placeholders, such as {share}. A sentence without translation stays English; a test
checks that the catalogues are complete.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).resolve().parent
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Say:
    """One language. `code`: such as "de"; `catalogue`: English sentence -> translation."""

    code: str
    catalogue: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    decimal: str = "."
    thousands: str = ","

    def __call__(self, sentence: str, /, **values: object) -> str:
        """The sentence in this language, with `values` in its placeholders."""
        spoken = self.catalogue.get(sentence, sentence)
        return spoken.format(**values) if values else spoken

    def number(self, value: float, form: str = ",.0f") -> str:
        """A number in Python's format `form`, with this language's separators: 4,007 or 4.007."""
        marks = str.maketrans({".": self.decimal, ",": self.thousands})
        return format(value, form).translate(marks)

    def percent(self, share: float, digits: int = 1) -> str:
        """A share in [0, 1] as plain text without line breaks: 71.3 %, < 0.1 %, > 99.9 %."""
        least = 10.0 ** -(digits + 2)
        if share < least:
            return f"<{NO_BREAK}{self.number(100 * least, f'.{digits}f')}{NO_BREAK}%"
        if share > 1 - least:
            return f">{NO_BREAK}{self.number(100 - 100 * least, f'.{digits}f')}{NO_BREAK}%"
        return f"{self.number(100 * share, f'.{digits}f')}{NO_BREAK}%"

    def counted(self, share: float) -> str:
        """A counted share in [0, 1] as text: unlike a probability, it can be exactly 0 or 1."""
        if share in (0, 1):
            return f"{self.number(100 * share)}{NO_BREAK}%"
        return self.percent(share)


def _catalogue(code: str) -> Mapping[str, str]:
    return MappingProxyType(json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8")))


ENGLISH = Say("en")
GERMAN = Say("de", _catalogue("de"), decimal=",", thousands=".")
LANGUAGES = {say.code: say for say in (ENGLISH, GERMAN)}


def preferred(accept_language: str | None) -> Say:
    """The first language of a browser's Accept-Language header; English if there is no catalogue."""
    first = (accept_language or "").split(",")[0].split(";")[0].strip().lower()
    return LANGUAGES.get(first.partition("-")[0], ENGLISH)


def counted(number: int, what: str) -> str:
    """A number with its English noun, such as "1 image" or "1,234 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
