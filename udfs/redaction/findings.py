"""What is looked for, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from udfs.redaction.written import Written

Kind: TypeAlias = Literal["card", "iban", "phone", "email", "birth_date", "address", "name"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Found(NamedTuple):
    """Personal data in a text."""

    kind: Kind
    start: int
    end: int
    """In characters, behind the last."""


class Views(NamedTuple):
    """One text in its forms; they are the same where nothing is spoken that can be written."""

    raw: Written
    """As it came."""
    written: Written
    """Read-out digits, letters and signs as they would be written."""

    def distinct(self) -> tuple[Written, ...]:
        return (self.raw,) if self.raw.text == self.written.text else (self.raw, self.written)


def unchanged(text: str) -> Written:
    """A text as a view of itself."""
    return Written(text, [(place, place + 1) for place in range(len(text))])


def merged(found: Iterable[Found]) -> list[Found]:
    """Without overlaps, in order; of those that overlap the longest one's kind."""
    result: list[Found] = []
    longest = 0
    for one in sorted(found, key=lambda each: each.start):
        length = one.end - one.start
        if result and one.start < result[-1].end:
            before = result.pop()
            kind = one.kind if length > longest else before.kind
            result.append(Found(kind, before.start, max(before.end, one.end)))
            longest = max(longest, length)
        else:
            result.append(one)
            longest = length
    return result
