"""Dates of birth in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from udfs.redaction.findings import Found, Views

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_PAST_YEAR: Final = r"(?:19\d\d|200\d|201[0-2])"
_YEAR: Final = rf"(?:{_PAST_YEAR}|'?\d\d)"
_SEPARATOR: Final = r"\s*[/.-]\s*"


def _dates(year: str) -> str:
    """Dates with a year; a day and a year that are read out in one breath stand together."""
    return (
        rf"{_MONTH}\s*(?:the\s+)?{_DAY}\s*,?\s*(?:of\s+|in\s+)?{year}"
        rf"|(?:the\s+)?{_DAY}\s*(?:of\s+)?{_MONTH}\s*,?\s*(?:of\s+|in\s+)?{year}"
        rf"|\d\d?{_SEPARATOR}\d\d?{_SEPARATOR}{year}"
        rf"|{_PAST_YEAR}{_SEPARATOR}\d\d?{_SEPARATOR}\d\d?"
    )


_FULL_DATE: Final = re.compile(rf"(?<![\w])(?:{_dates(_PAST_YEAR)})(?!\d)", re.IGNORECASE)
_BORN: Final = re.compile(
    r"\b(?:born|birth|births|birthday|birthdate|d[o0]b|d\.o\.b\.?|date-of-birth)\b", re.IGNORECASE
)
_BIRTH_DATE: Final = re.compile(
    rf"(?<![\w])(?:{_dates(_YEAR)}"
    rf"|{_MONTH}\s*(?:the\s+)?{_DAY}|(?:the\s+)?{_DAY}\s*(?:of\s+)?{_MONTH}"
    rf"|{_MONTH}\s*(?:of\s+)?{_PAST_YEAR}"
    rf"|\d{{1,2}}\s+\d{{1,2}}\s+{_YEAR}|\d{{3,8}}|(?<=in\s){_PAST_YEAR})(?!\d)",
    re.IGNORECASE,
)
_NEAR: Final = 60
"""Characters from the word that tells of a birth to the date."""


def birth_dates(views: Views) -> Iterator[Found]:
    """Dates of birth: a full date of long ago, or any date that is called one."""
    for view in views.distinct():
        for match in _FULL_DATE.finditer(view.text):
            yield Found("birth_date", *view.source(*match.span()))
        for told in _BORN.finditer(view.text):
            near = _BIRTH_DATE.search(view.text, told.end(), told.end() + _NEAR)
            if near is None:  # … is my birthday
                before = view.text[: told.start()]
                near = _last(_BIRTH_DATE.finditer(before, max(0, len(before) - _NEAR)))
            if near is not None:
                yield Found("birth_date", *view.source(*near.span()))


def _last(matches: Iterator[re.Match[str]]) -> re.Match[str] | None:
    return max(matches, key=lambda match: match.start(), default=None)
