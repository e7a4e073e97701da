"""What English speakers' words around it give away: names, birth dates, addresses, and numbers.

There is no language model here. A name is found where it is told as one (``my name is …``, ``this
is … speaking``, ``Mr …``), or where it is one of the common first names, with what follows it; a
rare name that is merely mentioned is not. Numbers that are no valid card or phone number are taken
for one where the speaker calls them so: speakers and speech recognition err by a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from udfs.redaction.findings import Found, Views
from udfs.redaction.lexicon import word_list
from udfs.redaction.written import Span

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")

# --- names ---------------------------------------------------------------------------------------

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
    r"\b(?:this\s+is|i\s+am|i'm|it's|it\s+is|miss|doctor|dr\.?|professor|called|under|morning|"
    r"afternoon|evening|account\s+of|is|told|asked|explained\s+\w+\s+to|spoke\s+to)[\s,]+",
    re.IGNORECASE,
)
_ADDRESSED: Final = re.compile(
    r"\b(?:speak(?:ing)?\s+(?:to|with)|talk(?:ing|ed)?\s+(?:to|with)|hi|hello|hey|dear|thanks|"
    r"thank\s+you|named|ask(?:ed)?\s+for|husband|wife|son|daughter|brother|sister|colleague|"
    r"sincerely|regards)[\s,]+",
    re.IGNORECASE,
)
_TELLS_WHO: Final = re.compile(
    r"\s*,?\s*(?:speaking|calling\b|here\b|on\s+the\s+(?:line|phone)\b)", re.IGNORECASE
)
_PARTICLES: Final = frozenset(
    {"de", "da", "del", "della", "der", "den", "di", "dos", "du", "el", "la", "le", "van", "von"}
    | {"bin", "al", "st", "ben", "ibn", "mc", "mac", "o"}
)
_SPELLED: Final = re.compile(r"(?<!\w)(?=0*[A-Z]0*[A-Z])[A-Z0]{4,}(?![\w@])")
"""In the written view; the letter O may stand there as the digit."""


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
        if span is not None and (_is_told(text, span) or _is_rare(text, span)):
            yield Found("name", *span)
    for match in _WORD.finditer(text):
        if match[0].lower().rstrip(".") in _FIRST_NAMES:
            end = match.end() - match[0].endswith(".")
            yield Found("name", match.start(), _with_last_name(text, end))
    yield from _spelled_names(views)


def _name_at(text: str, start: int) -> Span | None:
    """The words of a name from a place on."""
    begin = end = None
    num_words = 0
    at = start
    while num_words < _MAX_NAME_WORDS and (match := _WORD.match(text, at)):
        word = match[0].lower().rstrip(".")
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


def _is_rare(text: str, span: Span) -> bool:
    """Whether somebody is addressed by words that are not used for anything else."""
    return not any(_is_common(word) for word in text[slice(*span)].split())


def _is_common(word: str) -> bool:
    lower = word.lower()
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
        for match in _SPELLED.finditer(views.written.text):
            yield Found("name", *views.written.source(*match.span()))


# --- birth dates ---------------------------------------------------------------------------------

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
    r"\b(?:born|birth|births|birthday|birthdate|dob|d\.o\.b\.?|date-of-birth)\b", re.IGNORECASE
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
            if near:
                yield Found("birth_date", *view.source(*near.span()))


# --- addresses -----------------------------------------------------------------------------------

_STREET: Final = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|circle|cir|terrace|"
    r"parkway|pkwy|highway|hwy|place|pl|square|crescent|close|gardens|grove|way|trail|row|mews|"
    r"hill|walk|plaza|alley|turnpike)"
)
_NO_STREET: Final = (
    r"(?:minutes?|hours?|days?|weeks?|months?|years?|times?|dollars?|cents?|pounds?|euros?|percent|"
    r"miles?|of|a|an|the|to|in|at|for|and|or|is|are|was|it|that|which|by|on|from|with|more|"
    r"people|items?|calls?|no|not|any|either|your|my|our|their|this|other|every|each|i|you|we)"
)
_STATE: Final = (
    r"(?:alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|"
    r"hawaii|idaho|illinois|indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|"
    r"michigan|minnesota|mississippi|missouri|montana|nebraska|nevada|new\s+hampshire|new\s+jersey|"
    r"new\s+mexico|new\s+york|north\s+carolina|north\s+dakota|ohio|oklahoma|oregon|pennsylvania|"
    r"rhode\s+island|south\s+carolina|south\s+dakota|tennessee|texas|utah|vermont|virginia|"
    r"washington|west\s+virginia|wisconsin|wyoming|"
    r"(?-i:A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|"
    r"T[NX]|UT|V[TA]|W[AVIY]))"
)
_POSTCODE: Final = r"(?:\d{5}(?:-?\d{4})?|[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2})"
_TOWN: Final = r"[^\W\d_][\w'’-]*\.?"
_UNIT: Final = r"(?:apartment|apt|unit|suite|flat|number|#)\.?\s*\w{1,5}"
_PLACE: Final = (
    rf"(?:\s*,?\s*(?:in\s+)?(?:{_TOWN}\s*,?\s+){{0,3}}?"
    rf"(?:{_STATE}\b(?:\s*,?\s*(?:zip\s*(?:code)?\s*(?:is)?\s*)?{_POSTCODE}\b)?|{_POSTCODE}\b))?"
)
_ADDRESS: Final = re.compile(
    rf"(?<![\w.,$£€])(?:{_UNIT}\s*,?\s+)?"
    rf"\d{{1,6}}[a-z]?\s+(?:(?!{_NO_STREET}\b)[\w'’.-]+\s+){{0,4}}{_STREET}\b\.?"
    rf"(?:\s*,?\s*(?:north|south|east|west|[ns][ew])\b)?(?:\s*,?\s*{_UNIT})?{_PLACE}"
    rf"|\bp\.?\s*o\.?\s*box\s+(?:number\s+)?\d+{_PLACE}",
    re.IGNORECASE,
)
_POSTAL: Final = re.compile(
    rf"\b(?:zip|zip\s*code|post\s*code|postal\s*code)(?:\s+is|'s|:)?\s+(?:is\s+|uh\s+|um\s+)*"
    rf"({_POSTCODE})\b",
    re.IGNORECASE,
)
_UK_POSTCODE: Final = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b")
_LIVES_AT: Final = re.compile(
    r"\b(?:(?<!mail )(?<!e-mail )(?<!email )address(?:\s+is|'s|:)|lives?\s+(?:at|on)|"
    r"ship(?:ped)?\s+it\s+to|deliver(?:ed)?\s+(?:it\s+)?to|moved\s+to)\s+"
    r"([^.?!;@]{0,90}?\d[^.?!;@]{0,90}?)"
    r"(?=[.?!;@]|\s+(?:and|but|thanks?|please|so|because|that|if|can|do)\b|$)",
    re.IGNORECASE,
)


def addresses(views: Views) -> Iterator[Found]:
    """Streets with a number, what is called an address, and post codes."""
    for view in views.distinct():
        for pattern in (_ADDRESS, _UK_POSTCODE):
            for match in pattern.finditer(view.text):
                yield Found("address", *view.source(*match.span()))
        for pattern in (_POSTAL, _LIVES_AT):
            for match in pattern.finditer(view.text):
                yield Found("address", *view.source(*match.span(1)))


# --- numbers -------------------------------------------------------------------------------------

_DIGITS: Final = re.compile(r"(?<![\w.,$£€+])\+?\d(?:[\s().-]{0,2}\d){6,18}(?![\w%])")
_CARD_SAID: Final = re.compile(r"\b(?:card|visa|mastercard|amex|credit|debit)\b", re.IGNORECASE)
_PHONE_SAID: Final = re.compile(
    r"\b(?:phone|telephone|mobile|cell|cellphone|landline|fax|whatsapp|call|callback|ring|reach|"
    r"text|dial|area\s+code|(?:contact|my|the|home|work|best|other|new)\s+number)\b",
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
_MIN_PHONE_DIGITS, _MAX_PHONE_DIGITS = 7, 13


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
                if _PHONE_SAID.search(before):
                    yield Found("phone", *view.source(*match.span()))


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    found = [match.start() for match in pattern.finditer(text)]
    return found[-1] if found else None
