"""Names of people who speak English, or are spoken of.

There is no language model here. A name is found where it is told as one (``my name is …``, ``this
is … speaking``, ``Mr …``), or where it is one of the common first names, with what follows it; a
rare name that is merely mentioned in lower case is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from udfs.redaction.findings import Found, Views
from udfs.redaction.lexicon import word_list
from udfs.redaction.pieces import Span

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
_MAX_NAME_WORDS: Final = 3
_NO_NAME: Final = word_list("en_no_names.txt")
_FIRST_NAMES: Final = word_list("en_first_names.txt")
_LAST_NAMES: Final = word_list("en_last_names.txt")
_COMMON_WORDS: Final = word_list("en_common_words.txt") | _NO_NAME
_KNOWN_NAMES: Final = _FIRST_NAMES | _LAST_NAMES
_NAMED: Final = re.compile(
    r"\b(?:(?:my|his|her|your|the|full|first|last|middle|maiden|family|given|sur|user's|holder's|"
    r"customer's|caller's|husband's|wife's|son's|daughter's|mother's|father's|partner's)[\s-]*){1,3}"
    r"name(?:\s+(?:is|was|would\s+be|on\s+the\s+(?:account|card|policy)\s+is)|'s|:)\s+"
    r"(?:(?:is|uh|um|it's|that's)[\s,]+)*"
    r"|\b(?:mister|mr|mrs|missus|ms)\.?\s+"
    r"|\bname\s+of\s+",
    re.IGNORECASE,
)
_PERHAPS_NAMED: Final = re.compile(
    r"\b(?:this\s+is|i\s+am|i'm|it's|it\s+is|called|under|morning|"
    r"afternoon|evening|account\s+of|is|told|asked|explained\s+\w+\s+to|spoke\s+to)[\s,]+",
    re.IGNORECASE,
)
_ADDRESSED: Final = re.compile(
    r"\b(?:speak(?:ing)?\s+(?:to|with)|talk(?:ing|ed)?\s+(?:to|with)|hi|hello|hey|dear|thanks|"
    r"thank\s+you|named|ask(?:ed)?\s+for|husband|wife|son|daughter|brother|sister|colleague|"
    r"miss|doctor|dr\.?|professor|driver|courier|technician|engineer|lady|gentleman|guy|sincerely|regards|cheers|best,|"
    r"(?:my|the|\w+'s)\s+name)[\s,]+",
    re.IGNORECASE,
)
_TELLS_WHO: Final = re.compile(
    r"\s*,?\s*(?:speaking|calling\b|here\b|on\s+the\s+(?:line|phone)\b)", re.IGNORECASE
)
_PARTICLES: Final = frozenset(
    {"de", "da", "del", "della", "der", "den", "di", "dos", "du", "el", "la", "le", "van", "von"}
    | {"bin", "al", "st", "ben", "ibn", "mc", "mac", "o"}
)
_SPELLED: Final = re.compile(r"(?<!\w)(?=0*[A-Z]0*[A-Z])[A-Z0]{3,}(?![\w@])")
"""In the written view; the letter O may stand there as the digit."""
_SPELLING: Final = re.compile(r"\bspel(?:t|l|led|ling|lings)\b", re.IGNORECASE)
_MIN_SPELLED: Final = 4
"""Shorter ones are abbreviations, unless somebody speaks of spelling."""
_FULL_NAME: Final = re.compile(
    r"(?<![\w.])[A-Z][^\W\d_A-Z]+(?:-[A-Z][^\W\d_A-Z]+)?(?: [A-Z]\.)?"
    r"(?: [A-Z][^\W\d_A-Z]+(?:-[A-Z][^\W\d_A-Z]+)?)+"
)
"""Words in capitals that follow each other."""


def names(views: Views) -> Iterator[Found]:
    """Names of people."""
    text = views.raw.text
    for match in _NAMED.finditer(text):
        if span := _name_at(text, match.end()):
            yield Found("name", *span)
    for match in _PERHAPS_NAMED.finditer(text):
        span = _name_at(text, match.end())
        if span is not None and _is_told(text, span):
            yield Found("name", *span)
    for match in _ADDRESSED.finditer(text):
        span = _name_at(text, match.end())
        if span is not None and _is_told(text, span):
            yield Found("name", *span)
        elif span is not None and (end := _end_of_rare(text, span)) > span[0]:
            yield Found("name", span[0], end)
    for match in _WORD.finditer(text):
        if match[0].lower().rstrip(".") in _FIRST_NAMES:
            end = match.end() - match[0].endswith(".")
            yield Found("name", match.start(), _with_last_name(text, end))
    for match in _FULL_NAME.finditer(text):
        if _end_of_rare(text, match.span()) == match.end():
            yield Found("name", *match.span())
    yield from _spelled_names(views)


def _name_at(text: str, start: int) -> Span | None:
    """The words of a name from a place on."""
    begin = end = None
    num_words = 0
    at = start
    while num_words < _MAX_NAME_WORDS and (match := _WORD.match(text, at)):
        word = _plain(match[0])
        if word in _NO_NAME or (len(word) == 1 and begin is None and word != "o"):
            break
        begin = match.start() if begin is None else begin
        num_words += word not in _PARTICLES
        is_initial = len(word) <= 1
        end = match.end() - (match[0].endswith(".") and not is_initial)
        if text[end : end + 1] != " ":
            break
        at = end + 1
    return None if begin is None or end is None else (begin, end)


def _is_told(text: str, span: Span) -> bool:
    """Whether words that may be a name are one: they are known, or what follows says so."""
    words = text[slice(*span)].split()
    # Firms are called by last names, too, with more words behind.
    has_more = sum(len(word) > 1 for word in words) > 1
    known = _FIRST_NAMES if has_more else _KNOWN_NAMES
    if words[0].lower() in known or _TELLS_WHO.match(text, span[1]):
        return True
    # A text that has capitals at all has them in names; two in a row are a full name.
    return len(words) > 1 and all(word[:1].isupper() and word[1:].islower() for word in words)


def _end_of_rare(text: str, span: Span) -> int:
    """Where the words end that are used for nothing but names; the begin where none is."""
    end = span[0]
    for match in _WORD.finditer(text, *span):
        if _is_common(match[0]):
            break
        end = match.end()
    return end


def _plain(word: str) -> str:
    return word.lower().rstrip(".").replace("’", "'")


def _is_common(word: str) -> bool:
    lower = _plain(word)
    return lower in _COMMON_WORDS or (lower.endswith("s") and lower[:-1] in _COMMON_WORDS)


def _with_last_name(text: str, end: int) -> int:
    """Where a first name ends, with a middle initial and a last name behind it."""
    for _ in range(2):
        match = _WORD.match(text, end + 1) if text[end : end + 1] == " " else None
        if match is None:
            break
        word = match[0].rstrip(".")
        is_capital = word[0].isupper() and not text.isupper() and word.lower() not in _NO_NAME
        is_last = word.lower() in _LAST_NAMES or is_capital or not _is_common(word)
        if not is_last and not (len(word) == 1 and word.lower() not in ("a", "i")):
            break
        end = match.end() - match[0].endswith(".")
    return end


def _spelled_names(views: Views) -> Iterator[Found]:
    """What is spelled out letter by letter; the written view has it in capitals."""
    if views.written.text != views.raw.text:
        is_told = _SPELLING.search(views.raw.text) is not None
        for match in _SPELLED.finditer(views.written.text):
            if is_told or len(match[0]) >= _MIN_SPELLED:
                yield Found("name", *views.written.source(*match.span()))
