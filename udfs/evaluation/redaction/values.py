"""Made-up values of each kind, written and as they are read out; seeded, nobody's.

Made from the kinds' own rules (Luhn's digit, ISO 7064 for IBANs, numbering plans), and read out as
people do, so nothing here knows how the recognisers look.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
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
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
    *("seventeenth", "eighteenth", "nineteenth", "twentieth"),
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_NATO = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"),
    *("juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo"),
    *("sierra", "tango", "uniform", "victor", "whiskey", "x-ray", "yankee", "zulu"),
)
_FIRST: Final = (
    *("Tobias", "Marisol", "Keisha", "Angela", "Harold", "Brendan", "Yusuf", "Svetlana", "Mei"),
    *("Carlos", "Deborah", "Nathan", "Aaliyah", "Pedro", "Lucia", "Edward", "Fatima", "Gregory"),
    *("Heather", "Ivan", "Jasmine", "Kyle", "Lorraine", "Monica", "Nigel", "Olga", "Patrick"),
    *("Rachel", "Stefan", "Theresa", "Ursula", "Vikram", "Wendy", "Xavier", "Yvonne", "Zachary"),
)
_LAST: Final = (
    *("Abernathy", "Bianchi", "Castellano", "Dubois", "Eriksson", "Fitzgerald", "Gupta", "Haddad"),
    *("Ivanova", "Johnson", "Kowalski", "Lindqvist", "Mbeki", "Nakamura", "O'Connor", "Petrov"),
    *("Quintero", "Ramirez", "Schneider", "Thompson", "Underhill", "Vargas", "Whitfield", "Zhang"),
)
_AREA_CODES: Final = ("202", "206", "212", "303", "305", "312", "404", "415", "512", "602", "617")
_DOMAINS: Final = (
    *("gmail.com", "yahoo.com", "outlook.com", "icloud.com", "web.de", "btinternet.co.uk"),
    *("brightpath.org", "northsidedental.com", "acme-tools.net", "uni-bonn.de"),
)
_IBAN_BANKS: Final = {  # country: the bank's part and the rest; A a letter, 9 a digit
    "DE": "999999999999999999",
    "GB": "AAAA99999999999999",
    "NL": "AAAA9999999999",
    "FR": "99999999999999999999999",
    "ES": "99999999999999999999",
    "IE": "AAAA99999999999999",
    "AT": "9999999999999999",
    "BE": "999999999999",
}
_STREETS: Final = (
    *("Juniper", "Orchard", "Main", "Oak Hill", "Kingfisher", "Lakeshore", "Cherry", "Sunset"),
    *("Wellington", "Church", "Harrison", "Old Mill", "Park", "Second", "Jefferson"),
)
_STREET_TYPES: Final = (
    "Street",
    "Avenue",
    "Road",
    "Lane",
    "Drive",
    "Court",
    "Boulevard",
    "Terrace",
)
_TOWNS: Final = (
    ("Columbus", "Ohio", "OH", "43215"),
    ("Austin", "Texas", "TX", "78701"),
    ("San Jose", "California", "CA", "95112"),
    ("Portland", "Oregon", "OR", "97205"),
    ("Tampa", "Florida", "FL", "33602"),
)
_UK_TOWNS: Final = (("Leeds", "LS1 4AP"), ("Bristol", "BS8 1TH"), ("London", "SE10 9NF"))


class Values:
    """Values of one seed."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def made(self, place: str, *, spoken: bool, language: str) -> str:
        """A value for a place of a template.

        Args:
            place: its name, as ``card``.
            spoken: as it is read out.
            language: ``en`` or ``de``, which is written only.
        """
        make: Callable[..., str] = getattr(self, f"_{place}")
        return make(spoken, language)

    # --- personal ---

    def _card(self, spoken: bool, _language: str) -> str:
        prefix, length = self._dice.choice(
            [("4", 16), ("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16)]
        )
        body = prefix + self._digits(length - len(prefix) - 1)
        number = body + _luhn(body)
        if spoken:
            return self.read_out(number, in_pairs=self._dice.random() < 0.15)
        if length == 15:
            return self._grouped(number, (4, 6, 5))
        return self._grouped(number, (4, 4, 4, 4))

    def _iban(self, spoken: bool, _language: str) -> str:
        country, shape = self._dice.choice(sorted(_IBAN_BANKS.items()))
        bank = "".join(
            self._dice.choice("ABCDEFGHKLMNPRSTW") if one == "A" else self._digits(1)
            for one in shape
        )
        as_number = int("".join(str(int(one, 36)) for one in f"{bank}{country}00"))
        iban = f"{country}{98 - as_number % 97:02d}{bank}"
        if spoken:
            is_nato = self._dice.random() < 0.3
            return " ".join(
                self._digit(one)
                if one.isdigit()
                else _NATO[ord(one) - 65]
                if is_nato
                else one.lower()
                for one in iban
            )
        return (
            iban
            if self._dice.random() < 0.4
            else " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
        )

    def _phone(self, spoken: bool, language: str) -> str:
        if language == "de":
            return self._dice.choice(["030 {}", "+49 171 {}", "0221 {}", "0171/{}"]).format(
                self._dice.choice("3456789") + self._digits(6)
            )
        if self._dice.random() < 0.3:
            return self._british_phone(spoken)
        exchange = self._dice.choice("234679") + self._dice.choice("0234567") + self._digits(1)
        parts = (self._dice.choice(_AREA_CODES), exchange, self._digits(4))
        if spoken:
            spoken_parts = " ".join(self.read_out(part) for part in parts)
            return self._dice.choice(["{}", "{}", "one {}", "plus one {}"]).format(spoken_parts)
        return self._dice.choice(
            ["({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 {} {} {}", "{}{}{}", "1-{}-{}-{}"]
        ).format(*parts)

    def _british_phone(self, spoken: bool) -> str:
        number = self._dice.choice(
            ["07" + self._dice.choice(["400", "771", "891", "912"]), "0207", "0161", "0131"]
        )
        number += self._dice.choice("234567") + self._digits(10 - len(number))
        if spoken:
            is_international = self._dice.random() < 0.25
            start = f"plus four four {self._digit(number[1])}" if is_international else "oh "
            return f"{start} {self.read_out(number[2 if is_international else 1 :])}".replace(
                "  ", " "
            )
        return self._dice.choice(
            [number, f"{number[:5]} {number[5:]}", f"+44 {number[1:5]} {number[5:]}"]
        )

    def _email(self, spoken: bool, _language: str) -> str:
        first = self._dice.choice(_FIRST).lower()
        last = self._dice.choice(_LAST).lower().replace("'", "")
        number = self._digits(2) if self._dice.random() < 0.4 else ""
        local = self._dice.choice(
            [f"{first}.{last}", f"{first}_{last}", f"{first[0]}{last}", f"{first}{last}", last]
        )
        domain = self._dice.choice(_DOMAINS)
        if not spoken:
            return f"{local}{number}@{domain}"
        words = local.replace(".", " dot ").replace("_", " underscore ")
        if local == f"{first[0]}{last}":
            words = f"{first[0]} {last}"
        elif local == f"{first}{last}":
            words = f"{first} {last}"
        elif local == last and self._dice.random() < 0.5:
            words = " ".join(last)
        tail = f" {self.read_out(number)}" if number else ""
        where = domain.replace(".", " dot ").replace("-", " dash ")
        return f"{words}{tail} at {where}"

    def _birth_date(self, spoken: bool, language: str) -> str:
        if spoken and self._dice.random() < 0.2:
            month, day, year = self._birthday()
            return f"{_number(month)} {_number(day)} {_number(year % 100)}"
        return self._birth_date_full(spoken, language)

    def _birth_date_full(self, spoken: bool, _language: str) -> str:
        month, day, year = self._birthday()
        name = _MONTHS[month - 1]
        if spoken:
            said_year = self._year(year)
            return self._dice.choice(
                [
                    f"{name.lower()} {_ordinal(day)} {said_year}",
                    f"the {_ordinal(day)} of {name.lower()} {said_year}",
                    f"{name.lower()} {_number(day)} {said_year}",
                ]
            )
        return self._dice.choice(
            [
                f"{month:02d}/{day:02d}/{year}",
                f"{day}.{month}.{year}",
                f"{year}-{month:02d}-{day:02d}",
                f"{name} {day}, {year}",
                f"{day} {name} {year}",
                f"{name[:3]} {day} {year}",
            ]
        )

    def _name(self, spoken: bool, language: str) -> str:
        return f"{self._first_name(spoken, language)} {self._last_name(spoken, language)}"

    def _first_name(self, spoken: bool, _language: str) -> str:
        name = self._dice.choice(_FIRST)
        return name.lower() if spoken else name

    def _last_name(self, spoken: bool, _language: str) -> str:
        name = self._dice.choice(_LAST)
        return name.lower() if spoken else name

    def _address(self, spoken: bool, _language: str) -> str:
        number = (
            self._dice.randint(1, 9999) if self._dice.random() < 0.5 else self._dice.randint(1, 99)
        )
        street = f"{self._dice.choice(_STREETS)} {self._dice.choice(_STREET_TYPES)}"
        town, state, short, code = self._dice.choice(_TOWNS)
        if spoken:
            said = self._house_number(number)
            where = f"{town} {state} {' '.join(map(self._digit, code))}"
            return self._dice.choice([f"{said} {street}", f"{said} {street} {where}"]).lower()
        british = " ".join(self._dice.choice(_UK_TOWNS))
        return self._dice.choice(
            [
                f"{number} {street}",
                f"{number} {street}, {town}, {short} {code}",
                f"{number} {street}, {british}",
                f"{number} {street}, Apt {self._dice.randint(1, 40)}, {town} {short}",
            ]
        )

    # --- nobody's ---

    def _order(self, spoken: bool, _language: str) -> str:
        number = self._dice.choice("123456789") + self._digits(self._dice.randint(4, 9))
        return self.read_out(number) if spoken else number

    def _tracking(self, spoken: bool, _language: str) -> str:
        number = "94" + self._digits(self._dice.randint(14, 20))
        return self.read_out(number) if spoken else number

    def _amount(self, spoken: bool, language: str) -> str:
        whole, cents = self._dice.randint(2, 2_900), self._dice.randint(1, 99)
        if spoken:
            return f"{_number(whole)} dollars and {_number(cents)} cents"
        return f"{whole},{cents:02d} €" if language == "de" else f"${whole:,}.{cents:02d}"

    def _time(self, spoken: bool, language: str) -> str:
        hour, minute = self._dice.randint(1, 12), self._dice.choice([0, 15, 30, 40])
        if spoken:
            return f"{_number(hour)} {_number(minute) if minute else 'o clock'}"
        return f"{hour}:{minute:02d} Uhr" if language == "de" else f"{hour}:{minute:02d}"

    def _quantity(self, spoken: bool, _language: str) -> str:
        count = self._dice.choice([2, 3, 7, 12, 25, 48, 150, 500, 1_200])
        return _number(count) if spoken else str(count)

    def _delivery_date(self, spoken: bool, language: str) -> str:
        month, day = self._dice.randint(1, 12), self._dice.randint(1, 28)
        if spoken:
            return f"{_MONTHS[month - 1].lower()} {_ordinal(day)}"
        if language == "de":
            return f"{day}.{month}.2026"
        return self._dice.choice([f"{_MONTHS[month - 1]} {day}", f"{month}/{day}/2026"])

    # --- how it is read out ---

    def read_out(self, number: str, *, in_pairs: bool = False) -> str:
        """Digit by digit or in pairs, with a ``double`` here and a pause there."""
        words: list[str] = []
        at = 0
        while at < len(number):
            pair = number[at : at + 2]
            if in_pairs and len(pair) == 2 and pair[0] != "0":
                words.append(_number(int(pair)))
                at += 2
            elif len(pair) == 2 and pair[0] == pair[1] and self._dice.random() < 0.3:
                words.append(f"double {self._digit(pair[0])}")
                at += 2
            else:
                words.append(self._digit(number[at]))
                at += 1
            if self._dice.random() < 0.02 and at < len(number):
                words.append("uh")
        return " ".join(words)

    def _digit(self, digit: str) -> str:
        return "oh" if digit == "0" and self._dice.random() < 0.5 else _DIGITS[int(digit)]

    def _year(self, year: int) -> str:
        if year >= 2000:
            return f"two thousand {_number(year - 2000)}" if year > 2000 else "two thousand"
        rest = year % 100
        return f"nineteen {'oh ' if 0 < rest < 10 else ''}{_number(rest) if rest else 'hundred'}"

    def _house_number(self, number: int) -> str:
        text = str(number)
        if len(text) == 4 and text[2] != "0" and self._dice.random() < 0.6:
            return f"{_number(int(text[:2]))} {_number(int(text[2:]))}"
        return _number(number) if number < 100 else " ".join(map(self._digit, text))

    def _birthday(self) -> tuple[int, int, int]:
        return self._dice.randint(1, 12), self._dice.randint(1, 28), self._dice.randint(1935, 2006)

    def _digits(self, count: int) -> str:
        return "".join(self._dice.choice("0123456789") for _ in range(count))

    def _grouped(self, number: str, sizes: tuple[int, ...]) -> str:
        sign = self._dice.choice([" ", " ", "-", ""])
        parts, at = [], 0
        for size in sizes:
            parts.append(number[at : at + size])
            at += size
        return sign.join(parts)


def _luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _number(value: int) -> str:
    """A number below 10,000 in words."""
    if value >= 1000:
        rest = f" {_number(value % 1000)}" if value % 1000 else ""
        return f"{_number(value // 1000)} thousand{rest}"
    if value >= 100:
        rest = f" and {_number(value % 100)}" if value % 100 else ""
        return f"{_DIGITS[value // 100]} hundred{rest}"
    if value >= 20:
        return _TENS[value // 10] + (f" {_DIGITS[value % 10]}" if value % 10 else "")
    return _TEENS[value - 10] if value >= 10 else _DIGITS[value]


def _ordinal(value: int) -> str:
    if value <= 20:
        return _ORDINALS[value]
    return f"{_TENS[value // 10]} {_ORDINALS[value % 10]}"
