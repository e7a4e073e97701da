"""Where a call was held, as ISO 3166 writes it: ``DE``, ``US-CA``; else unknown.

What a producer misspells must not pass for a place where little is forbidden, so a code that no
country has is unknown.
"""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "unknown"

_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
# The European Union writes EL and UK (Interinstitutional Style Guide, 7.1.1).
_ALIASES: Final = {"EL": "GR", "UK": "GB"}

_CODES: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES: Final = frozenset(_CODES.split())
"""ISO 3166-1, alpha-2."""


def jurisdiction_of(text: str) -> str:
    """The code as ISO writes it, or ``UNKNOWN``: ``us_ca`` is ``US-CA``, ``Germany`` is unknown."""
    country, dash, subdivision = text.strip().upper().replace("_", "-").partition("-")
    country = _ALIASES.get(country, country)
    if country not in COUNTRIES or (dash and not _SUBDIVISION.fullmatch(subdivision)):
        return UNKNOWN
    return f"{country}-{subdivision}" if dash else country


def lies_in(jurisdiction: str, code: str) -> bool:
    """Whether a place is the one of the code or within it: ``US-CA`` lies in ``US``."""
    return jurisdiction == code or jurisdiction.startswith(f"{code}-")
