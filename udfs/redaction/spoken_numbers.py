"""Numbers that are read out: ``oh seven double nine`` is 0799, ``nineteen eighty four`` 1984."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from udfs.redaction.lexicon import Lexicon
from udfs.redaction.pieces import FEW_SIGNS, Piece, Span, Token, plain

_MAX_SCALED_DIGITS: Final = 3


def with_numbers(tokens: Sequence[Token], lexicon: Lexicon) -> list[Piece]:
    """Runs of digits that are named in words joined to one; all else as it is."""
    pieces: list[Piece] = []
    at = 0
    while at < len(tokens):
        number = _Number(tokens, at, lexicon)
        if number.is_spoken:
            piece = number.piece()
            if pieces and lexicon.signs.get(pieces[-1].text) == "+":  # plus four four
                plus = pieces.pop()
                span = (plus.start, plus.end)
                piece = Piece(f"+{piece.text}", (span, *piece.sources), "digits")
            pieces.append(piece)
            at = number.end
        else:  # nor is a later part of it spoken
            end = max(number.end, at + 1)
            pieces += map(plain, tokens[at:end])
            at = end
    return pieces


class _Number:
    """The longest run of digits that begins at a token."""

    def __init__(self, tokens: Sequence[Token], begin: int, lexicon: Lexicon) -> None:
        self._tokens, self._lexicon = tokens, lexicon
        self._groups: list[tuple[str, Span]] = []
        self._takes_digit = False
        """Whether a digit may be added to the last group: forty, and one."""
        self.is_spoken = False
        self.end = begin
        at = begin
        while at < len(tokens) and (taken := self._take(at)):
            at += taken
            self.end = at
            if tokens[at - 1].text in lexicon.ordinals:
                break
            at = self._behind_fillers(at)

    def piece(self) -> Piece:
        text = "".join(digits for digits, _ in self._groups)
        sources = tuple(span for digits, span in self._groups for _ in digits)
        return Piece(text, sources, "digits")

    def _take(self, at: int) -> int:
        """Take a token, or several; how many were taken."""
        lexicon, token = self._lexicon, self._tokens[at]
        word = token.text
        if word.isdigit():
            self._add(word, token.span, takes_digit=False)
            return 1
        if word in lexicon.repeats:
            return self._take_repeated(at, lexicon.repeats[word])
        if word in lexicon.scales:
            return self._take_scale(token, lexicon.scales[word])
        simple = (
            lexicon.digits.get(word)
            or lexicon.teens.get(word)
            or lexicon.tens.get(word)
            or lexicon.ordinals.get(word)
        )
        if simple is None:
            return 0
        self.is_spoken = True
        if len(simple) == 1 and simple != "0" and self._takes_digit:
            self._add_to_last(int(simple), token.span)
        elif len(simple) > 1 and self._takes_digit and self._last().endswith("00"):
            self._add_to_last(int(simple), token.span)
            self._takes_digit = word in lexicon.tens
        else:
            self._add(simple, token.span, takes_digit=word in lexicon.tens)
        return 1

    def _take_repeated(self, at: int, times: int) -> int:
        if at + 1 == len(self._tokens):
            return 0
        first, second = self._tokens[at], self._tokens[at + 1]
        digit = self._lexicon.digits.get(second.text) or second.text
        if len(digit) != 1 or not digit.isdecimal():
            return 0
        self.is_spoken = True
        self._add(digit * times, (first.span[0], second.span[1]), takes_digit=False)
        return 2

    def _take_scale(self, token: Token, scale: int) -> int:
        if (
            not self._groups
            or len(self._last()) > _MAX_SCALED_DIGITS
            or self._last().startswith("0")
        ):
            return 0
        digits, span = self._groups.pop()
        self.is_spoken = True
        self._add(str(int(digits) * scale), (span[0], token.span[1]), takes_digit=True)
        return 1

    def _behind_fillers(self, at: int) -> int:
        """Where the next digit may be: signs and sounds between two digits mean nothing."""
        lexicon = self._lexicon
        behind = at
        while behind < len(self._tokens):
            word = self._tokens[behind].text
            joins = word in lexicon.joins_scale and self._takes_digit
            if not (joins or word in lexicon.fillers or word in FEW_SIGNS):
                break
            behind += 1
        if behind == at and self._is_read_digit_by_digit(at):
            self._takes_digit = False
        return behind

    def _is_read_digit_by_digit(self, at: int) -> bool:
        """Eight hundred five five five: that is 800 555, not 805 55."""
        following = [token.text for token in self._tokens[at : at + 2]]
        return self._last().endswith("00") and [
            word in self._lexicon.digits for word in following
        ] == [True, True]

    def _last(self) -> str:
        return self._groups[-1][0]

    def _add(self, digits: str, span: Span, *, takes_digit: bool) -> None:
        self._groups.append((digits, span))
        self._takes_digit = takes_digit

    def _add_to_last(self, value: int, span: Span) -> None:
        digits, before = self._groups.pop()
        self._add(str(int(digits) + value), (before[0], span[1]), takes_digit=False)
