"""Parts of a text on its way to how it would be written; each knows what it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

Span: TypeAlias = tuple[int, int]
"""From and to, in characters."""

FEW_SIGNS: Final = frozenset(",-.–/")
"""Signs that may stand between two digits or letters of one number or word."""


class Token(NamedTuple):
    """A word, a number or a sign of the text."""

    text: str
    """In lower case."""
    span: Span


class Piece(NamedTuple):
    """One token or several, as they would be written."""

    text: str
    sources: tuple[Span, ...]
    """Of each character, what it stands for."""
    kind: Literal["word", "digits", "letters", "sign"]

    @property
    def start(self) -> int:
        return self.sources[0][0]

    @property
    def end(self) -> int:
        return max(span[1] for span in self.sources)


def plain(token: Token) -> Piece:
    """A token as it is."""
    kind: Literal["word", "digits", "sign"] = (
        "digits" if token.text.isdigit() else "word" if token.text[0].isalpha() else "sign"
    )
    first = token.span[0]
    sources = tuple((first + k, first + k + 1) for k in range(token.span[1] - first))
    # Lower case may be longer than what it stands for (İ).
    text = token.text if len(token.text) == len(sources) else "?" * len(sources)
    return Piece(text, sources, kind)


def joined(pieces: Sequence[Piece]) -> Piece:
    """Several as one word."""
    return Piece(
        "".join(piece.text for piece in pieces),
        tuple(span for piece in pieces for span in piece.sources),
        "word",
    )
