"""Postal addresses in English, of the United States and the United Kingdom first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from udfs.redaction.findings import Found, Views

_STREET: Final = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|circle|cir|terrace|"
    r"parkway|pkwy|highway|hwy|place|pl|square|crescent|close|gardens|grove|way|trail|row|mews|"
    r"hill|walk|plaza|alley|turnpike)"
)
_NO_STREET: Final = (
    r"(?:minutes?|hours?|days?|weeks?|months?|years?|times?|dollars?|cents?|pounds?|euros?|percent|"
    r"miles?|of|a|an|the|to|in|at|for|and|or|is|are|was|it|that|which|by|on|from|with|more|"
    r"people|items?|calls?|no|not|any|either|your|my|our|their|this|other|every|each|i|you|we|"
    r"her|his|him|them|they|he|she|all|both|own|long|far|same|right|wrong|only|best|next|last|half)"
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
_UNIT: Final = r"(?:apartment|apt|unit|suite|flat|number|#)\.?\s*\w{1,5}(?:\s[a-z]\b)?"
_PLACE: Final = (
    rf"(?:\s*,?\s*(?:in\s+)?(?:{_TOWN}\s*,?\s+){{0,3}}?"
    rf"(?:{_STATE}\b(?:\s*,?\s*{_STATE}\b)?(?:\s*,?\s*(?:zip\s*(?:code)?\s*(?:is)?\s*)?{_POSTCODE}\b)?|{_POSTCODE}\b))?"
)
_ADDRESS: Final = re.compile(
    rf"(?:(?<![\w.,$£€])(?:{_UNIT}\s*,?\s+)?\d{{1,6}}[a-z]?\s+"
    rf"(?:(?:(?!{_NO_STREET}\b)[\w'’.-]+\s+){{1,4}}{_STREET}|street|avenue|boulevard|road)\b\.?"
    rf"(?:\s*,?\s*(?:north|south|east|west|[ns][ew])\b)?(?:\s*,?\s*{_UNIT})?"
    rf"|\bp\.?\s*o\.?\s*box\s+(?:number\s+)?\d+){_PLACE}",
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
