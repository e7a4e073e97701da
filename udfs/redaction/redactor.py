"""Personal data out of one text: what was found is replaced by what it is.

"I'm at oh two oh seven nine four six oh nine five eight"  ─►  "I'm at <PHONE>"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from udfs.redaction import presidio
from udfs.redaction.findings import Found, Views, merged, unchanged
from udfs.redaction.languages import LANGUAGES, OTHER, Language
from udfs.redaction.written import Written, as_written

_REGION: Final = re.compile("[A-Za-z]{2}")
_DATE: Final = re.compile(r"\d\d?[./-]\d\d?[./-]\d{4}")
_MIN_DIGITS: Final = 7
"""The fewest digits of a number that is anybody's."""


class Redactor:
    """All that is known of personal data, for any language; opened once a worker."""

    def __init__(self) -> None:
        self._cards = presidio.cards()
        self._ibans = presidio.ibans()
        self._emails = presidio.emails()
        self._phones = cache(presidio.phones)

    def redact(self, text: str, language: str) -> str:
        """A text with ``<CARD>``, ``<NAME>`` and so on in place of personal data.

        Args:
            text: what somebody said or wrote.
            language: its tag (RFC 5646); empty: unknown.
        """
        parts: list[str] = []
        at = 0
        for one in self.find(text, language):
            parts += text[at : one.start], f"<{one.kind.upper()}>"
            at = one.end
        return "".join([*parts, text[at:]])

    def find(self, text: str, language: str) -> list[Found]:
        """Where personal data is, in order, without overlaps; as ``redact``."""
        subtags = language.replace("_", "-").split("-")
        known = LANGUAGES.get(subtags[0].lower(), OTHER)
        raw = unchanged(text)
        views = Views(raw, as_written(text, known.lexicon) if known.lexicon else raw)
        found = [one for recogniser in known.recognisers for one in recogniser(views)]
        own = [tag.upper() for tag in subtags[1:] if _REGION.fullmatch(tag)]
        regions = tuple(dict.fromkeys([*own, *known.regions]))
        for view in views.distinct():
            found += self._by_form(view, known, regions)
        return merged(found)

    def _by_form(self, view: Written, known: Language, regions: tuple[str, ...]) -> Iterator[Found]:
        """What is known by its form, in any language."""
        text = view.text
        if "@" in text:
            for span in self._emails(text):
                yield Found("email", *view.source(*span))
        if sum(map(str.isdigit, text)) < _MIN_DIGITS:
            return
        for span in self._cards(text):
            yield Found("card", *view.source(*span))
        for span in self._ibans(text):
            yield Found("iban", *view.source(*span))
        for span in self._phones(regions)(text):
            is_number = sum(map(str.isdigit, text[slice(*span)])) >= _MIN_DIGITS
            is_date = _DATE.fullmatch(text, *span)
            if is_number and not is_date and not known.is_a_things(text, span[0]):
                yield Found("phone", *view.source(*span))
