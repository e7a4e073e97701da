"""What speakers of English say; see ``lexicon``."""

from __future__ import annotations

from typing import Final

from udfs.redaction.lexicon import Lexicon

_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth".split()
_LATE_ORDINALS = (
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
    "nineteenth"
).split()
_ALPHABET = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar "
    "papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
).split()

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
    not_in_email=frozenset(
        """a about again also am an and are as at be best but by can com contact could do email
        emails for from got had has have here hi i if in is it its it's just let's like look
        looked looking mail me my new no not of off okay ok on online or order ordered our out
        please reach right send sent shop shopping shops site so still sure that that's the
        their them then there they think this to too try uh um under up us use using very want
        was we website well were what what's when which will with would write yeah yep yes you
        your available address buy bought see seen saw found find account""".split()
    ),
)
