"""What is known of each language: its lexicon, what its speakers' words give away, its regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from udfs.redaction.english.addresses import addresses
from udfs.redaction.english.birth_dates import birth_dates
from udfs.redaction.english.lexicon import ENGLISH
from udfs.redaction.english.names import names
from udfs.redaction.english.numbers import is_a_things, numbers
from udfs.redaction.findings import Found, Views
from udfs.redaction.lexicon import Lexicon

Recogniser: TypeAlias = Callable[[Views], Iterator[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How personal data is told in a language."""

    regions: tuple[str, ...]
    """ISO 3166: whose phone numbers are read without a country code."""
    lexicon: Lexicon | None = None
    recognisers: tuple[Recogniser, ...] = ()
    """By context."""
    is_a_things: Callable[[str, int], bool] = lambda _text, _start: False
    """Whether the words before a number say that it belongs to no person."""


LANGUAGES: Final[Mapping[str, Language]] = {
    "en": Language(
        regions=("US", "GB"),
        lexicon=ENGLISH,
        recognisers=(names, birth_dates, addresses, numbers),
        is_a_things=is_a_things,
    ),
    "de": Language(regions=("DE", "AT", "CH")),
    "es": Language(regions=("ES", "MX")),
    "fr": Language(regions=("FR", "BE", "CH")),
    "it": Language(regions=("IT",)),
    "nl": Language(regions=("NL", "BE")),
    "pt": Language(regions=("BR", "PT")),
}
OTHER: Final = Language(regions=("US",))
