"""Sentences, numbers and percents in the reader's language.

The English sentences are the keys of gettext catalogues, `locale/CODE/LC_MESSAGES/skin_app.po`. A
language is known as soon as it has such a file; a sentence without translation stays English. How
numbers are written in it, Babel knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from babel import Locale, default_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

CATALOGUES = Path(__file__).resolve().parent / "locale"
NO_BREAK = "\N{NO-BREAK SPACE}"


class Plural(NamedTuple):
    """A sentence about one thing, and about several: English has these two forms, others have more."""

    one: str
    many: str


@dataclass(frozen=True)
class Say:
    """One language. `code`: such as "de" or "pt-BR"."""

    code: str
    translations: NullTranslations = field(default_factory=NullTranslations, repr=False, compare=False)

    def __call__(self, sentence: str, /, **values: object) -> str:
        """The sentence in this language, with `values` in its placeholders, such as {share}."""
        # gettext answers an empty text with the head of its catalogue
        return self._filled(self.translations.gettext(sentence) if sentence else "", values)

    def plural(self, forms: Plural, count: int, /, **values: object) -> str:
        """The form for `count` things, with the number in the placeholder {count}."""
        spoken = self.translations.ngettext(forms.one, forms.many, count)
        return self._filled(spoken, {"count": self.number(count)} | values)

    def _filled(self, spoken: str, values: Mapping[str, Any]) -> str:
        return spoken.format(**values) if values else spoken

    @property
    def locale(self) -> Locale:
        """What Babel knows about this language."""
        return Locale.parse(self.code, sep="-")

    @property
    def name(self) -> str:
        """What this language is called in itself, such as "Deutsch"."""
        return (self.locale.get_display_name() or self.code).capitalize()

    def number(self, value: float, digits: int | None = 0) -> str:
        """A number with `digits` decimals, such as 4,007 or 4.007; None: as many as it has, up to 3."""
        pattern = self.locale.decimal_formats[None].pattern
        if digits is not None:
            pattern = _with_decimals(pattern.partition(".")[0], digits)
        return format_decimal(value, pattern, self.locale)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share in [0, 1] without line breaks: 71 %, < 1 %, > 99 %. Details and files: `digits=1`."""
        least = 10.0 ** -(digits + 2)
        if share < least:
            return f"<{NO_BREAK}{self._percent(least, digits)}"
        if share > 1 - least:
            return f">{NO_BREAK}{self._percent(1 - least, digits)}"
        return self._percent(share, digits)

    def counted(self, share: float, digits: int = 0) -> str:
        """A counted share in [0, 1]: unlike a probability, it can be exactly 0 or 1."""
        return self._percent(share, 0) if share in (0, 1) else self.percent(share, digits)

    def _percent(self, share: float, digits: int) -> str:
        # the sign stands apart, as in SI, in English too
        pattern = self.locale.percent_formats[None].pattern.replace("0%", f"0{NO_BREAK}%")
        return format_percent(share, _with_decimals(pattern, digits), self.locale)


class SpokenError(Exception):
    """An error that is told to a person: one sentence that says what to do.

    `sentence`, `values`: the English sentence with placeholders, and their values; a value can be such
    an error, too. As text it is English.
    """

    def __init__(self, sentence: str, /, **values: object) -> None:
        super().__init__(writable(sentence.format(**values) if values else sentence))
        self.sentence, self.values = sentence, values

    def said(self, say: Say) -> str:
        """The sentence in a language."""
        told = {
            place: value.said(say) if isinstance(value, SpokenError) else value
            for place, value in self.values.items()
        }
        return writable(say(self.sentence, **told))


def writable(text: str) -> str:
    """`text` with "?" for each half character, which UTF-8 cannot hold but file names can have."""
    return text.encode(errors="replace").decode()


def _with_decimals(pattern: str, digits: int) -> str:
    return pattern.replace("0", "0." + "0" * digits) if digits else pattern


def read_catalogue(path: Path) -> GNUTranslations:
    """The translations in a .po file, compiled in memory."""
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=_code(path).replace("-", "_")))
    compiled.seek(0)
    return GNUTranslations(compiled)


def languages(folder: Path = CATALOGUES) -> dict[str, Say]:
    """English, and each language with a catalogue in `folder`, by their codes."""
    found = sorted(folder.glob("*/LC_MESSAGES/skin_app.po"))
    return {"en": Say("en"), **{_code(path): Say(_code(path), read_catalogue(path)) for path in found}}


def _code(path: Path) -> str:
    """The folder "pt_BR" of a catalogue, as browsers write it."""
    return path.parent.parent.name.replace("_", "-")


LANGUAGES = languages()
ENGLISH, GERMAN = LANGUAGES["en"], LANGUAGES["de"]


def preferred(accept_language: str | None) -> Say:
    """The first language of a browser's Accept-Language header; English if there is no catalogue."""
    first = (accept_language or "").split(",")[0].split(";")[0].strip().lower()
    known = {code.lower(): say for code, say in LANGUAGES.items()}
    return known.get(first) or known.get(first.partition("-")[0]) or ENGLISH


def of_the_environment() -> Say:
    """The language that LANGUAGE, LC_ALL, LC_MESSAGES or LANG names, for a command line."""
    # Python itself may set LC_CTYPE, which Babel alone would ask before LANG
    asked = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return preferred((default_locale(asked) or "").replace("_", "-"))


def counted(number: int, what: str) -> str:
    """A number with its English noun, such as "1 image" or "1,234 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
