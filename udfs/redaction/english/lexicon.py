"""What speakers of English say; see ``lexicon``."""

from __future__ import annotations

from typing import Final

from udfs.redaction.lexicon import Lexicon, word_list

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_LATE_ORDINALS = [
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
_ALPHABET = [
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]

ENGLISH: Final = Lexicon(
    digits={word: str(value) for value, word in enumerate(_DIGITS)}
    | dict.fromkeys(("oh", "o", "nought", "naught"), "0"),
    teens={word: str(value) for value, word in enumerate(_TEENS, 10)},
    tens={word: str(value) for word, value in zip(_TENS, range(20, 100, 10), strict=True)},
    scales={"hundred": 100, "thousand": 1_000},
    ordinals={word: str(value) for value, word in enumerate(_ORDINALS, 1)}
    | {word: str(value) for value, word in enumerate(_LATE_ORDINALS, 10)}
    | {"twentieth": "20", "thirtieth": "30"},
    repeats={"double": 2, "triple": 3, "treble": 3},
    joins_scale=frozenset({"and"}),
    fillers=frozenset({"uh", "um", "er", "erm", "ah", "then", "dash", "hyphen", "space"}),
    alphabet={word: word[0] for word in _ALPHABET}
    | {"alpha": "a", "juliett": "j", "whisky": "w", "zee": "z", "zed": "z"},
    letter_by=(("as", "in"), ("for",), ("like",)),
    at=frozenset({"at"}),
    signs={
        "dot": ".",
        "point": ".",
        "period": ".",
        "dash": "-",
        "hyphen": "-",
        "minus": "-",
        "underscore": "_",
        "plus": "+",
    },
    not_in_email=word_list("en_not_in_email.txt"),
)
