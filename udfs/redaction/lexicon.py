"""What a language's speakers say for digits, letters and signs, and how they tell who they are.

A language without a lexicon has its written cards, IBANs, phone numbers and e-mails recognised, and
nothing that is spoken or known by its context alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """One language; all words in lower case."""

    digits: Mapping[str, str]
    """``seven`` is 7, ``oh`` is 0."""
    teens: Mapping[str, str]
    """``twelve`` is 12: two digits that nothing is added to."""
    tens: Mapping[str, str]
    """``forty`` is 40, to which a digit may be added."""
    scales: Mapping[str, int]
    """``hundred`` is 100."""
    ordinals: Mapping[str, str]
    """``fifth`` is 5: the last of a number."""
    repeats: Mapping[str, int]
    """``double`` is 2: so often the next digit or letter."""
    joins_scale: frozenset[str]
    """``and`` in two hundred and five."""
    fillers: frozenset[str]
    """What is said between two digits and means nothing."""
    alphabet: Mapping[str, str]
    """``bravo`` is B, in a row of such words."""
    letter_by: tuple[tuple[str, ...], ...]
    """``as in``, ``for``: B as in Bravo, B for Bertha."""
    at: frozenset[str]
    signs: Mapping[str, str]
    """``dot`` is a point, within an e-mail address."""
    not_in_email: frozenset[str]
    """Words at which an address that is read out cannot begin."""


def word_list(file: str) -> frozenset[str]:
    """The words of a file beside this one, in ``words``."""
    text = (Path(__file__).parent / "words" / file).read_text(encoding="utf-8")
    return frozenset(
        word for line in text.splitlines() if not line.startswith("#") for word in line.split()
    )
