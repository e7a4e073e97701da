"""Counting words."""

from __future__ import annotations

import re

# A run of letters and digits, with the apostrophes and hyphens inside it: "don't", "check-in".
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


def count_words(text: str) -> int:
    """How many words a text has; 0 for punctuation, pictures or nothing."""
    return sum(1 for _ in _WORD.finditer(text))
