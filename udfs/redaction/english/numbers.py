"""Whose a number is, by what English speakers call it.

Numbers that are no valid card or phone number are taken for one where the speaker calls them so:
speakers and speech recognition err by a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from udfs.redaction.findings import Found, Views

_DIGITS: Final = re.compile(r"(?<![\w.,$£€+])\+?\d(?:[\s().-]{0,2}\d){6,18}(?![\w%])")
_CARD_SAID: Final = re.compile(r"\b(?:card|visa|mastercard|amex|credit|debit)\b", re.IGNORECASE)
_PHONE_SAID: Final = re.compile(
    r"\b(?:phone|telephone|mobile|cell|cellphone|landline|fax|whatsapp|call|callback|ring|reach|"
    r"text|dial|area\s+code|(?:contact|my|the|home|work|best|other|new|local)\s+number)\b",
    re.IGNORECASE,
)
_THING: Final = re.compile(
    r"\b(?:order|tracking|parcel|package|shipment|reference|ref|ticket|case|invoice|receipt|"
    r"confirmation|booking|reservation|transaction|serial|model|part|item|sku|product|meter|policy|"
    r"claim|docket|batch|voucher|coupon|flight|(?<!area )code|version|id|barcode)\b",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(r"\b(?:to|from|at|under)\b", re.IGNORECASE)
"""After the thing: the code goes to a number, which is not the code's."""
_BEFORE: Final = 40
"""Characters before a number in which it is said whose it is."""
_MIN_CARD_DIGITS, _MAX_CARD_DIGITS = 13, 19
_COMMON_CARD_DIGITS: Final = (15, 16)
_CARD_BEGINS: Final = "3456"
_MIN_PHONE_DIGITS, _MAX_PHONE_DIGITS = 7, 14
_MIN_DIALLED_DIGITS: Final = 10
"""So many at least that begin with a 0: nothing else is numbered like that."""


def is_a_things(text: str, start: int) -> bool:
    """Whether the words before a number say that it is an order's, a parcel's and so on."""
    before = text[max(0, start - _BEFORE) : start]
    thing = _last(_THING, before)
    if thing is None or _ELSEWHERE.search(before, thing):
        return False
    persons = (_last(_PHONE_SAID, before), _last(_CARD_SAID, before))
    return all(thing > (-1 if at is None else at) for at in persons)


def numbers(views: Views) -> Iterator[Found]:
    """Cards and phone numbers with a wrong or unknown digit, by what they are called."""
    for view in views.distinct():
        for match in _DIGITS.finditer(view.text):
            if is_a_things(view.text, match.start()):
                continue
            count = sum(map(str.isdigit, match[0]))
            is_called_card = _CARD_SAID.search(view.text) is not None
            is_like_card = count in _COMMON_CARD_DIGITS and match[0][0] in _CARD_BEGINS
            if _MIN_CARD_DIGITS <= count <= _MAX_CARD_DIGITS and (is_called_card or is_like_card):
                yield Found("card", *view.source(*match.span()))
            elif _MIN_PHONE_DIGITS <= count <= _MAX_PHONE_DIGITS:
                before = view.text[max(0, match.start() - _BEFORE) : match.start()]
                is_dialled = match[0][0] == "0" and count >= _MIN_DIALLED_DIGITS
                if is_dialled or _PHONE_SAID.search(before):
                    yield Found("phone", *view.source(*match.span()))


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    found = [match.start() for match in pattern.finditer(text)]
    return found[-1] if found else None
