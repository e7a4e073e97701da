"""E-mail addresses that are read out: ``john dot smith at example dot com``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from udfs.redaction.lexicon import Lexicon
from udfs.redaction.pieces import Piece, joined

_MAX_LABEL_WORDS: Final = 3
_MAX_LOCAL_WORDS: Final = 3


class WithEmails:
    """Pieces, those of an e-mail address that is read out joined to one."""

    def __init__(self, pieces: list[Piece], lexicon: Lexicon) -> None:
        self._pieces, self._lexicon = pieces, lexicon

    def __iter__(self) -> Iterator[Piece]:
        done: list[Piece] = []
        at = 0
        while at < len(self._pieces):
            piece = self._pieces[at]
            if piece.text in self._lexicon.at or piece.text == "@":
                domain, end = self._domain(at + 1)
                local = self._local(done) if domain else []
                if local:
                    del done[-len(local) :]
                    sign = Piece("@", ((piece.start, piece.end),), "sign")
                    done.append(joined([*map(self._as_sign, local), sign, *domain]))
                    at = end
                    continue
            done.append(piece)
            at += 1
        return iter(done)

    def _domain(self, begin: int) -> tuple[list[Piece], int]:
        """Words with points between; the first label may be of several words."""
        pieces = self._pieces
        domain: list[Piece] = []
        at = begin
        while at < len(pieces) and pieces[at].kind != "sign" and not self._is_point(at):
            domain.append(pieces[at])
            at += 1
            if len(domain) > _MAX_LABEL_WORDS:
                return [], begin
        end = begin
        while domain and self._is_point(at) and at + 1 < len(pieces):
            if pieces[at + 1].kind == "sign":
                break
            domain += [self._as_sign(pieces[at]), pieces[at + 1]]
            at += 2
            end = at
        return (domain, end) if end > begin else ([], begin)

    def _local(self, before: Sequence[Piece]) -> list[Piece]:
        """What stands before the at, back to where it may begin."""
        local: list[Piece] = []
        num_words = 0
        for piece in reversed(before):
            sign = self._lexicon.signs.get(piece.text)
            is_sign = sign is not None or piece.text in ".-_+"
            follows_sign = bool(local) and self._is_sign(local[0])
            if is_sign and (not local or follows_sign):
                break
            if not is_sign and not follows_sign:
                if piece.kind == "sign" or piece.text in self._lexicon.not_in_email:
                    break
                num_words += piece.kind == "word"
                if num_words > _MAX_LOCAL_WORDS:
                    break
            local.insert(0, piece)
        while local and self._is_sign(local[0]):
            del local[0]
        return local

    def _is_point(self, at: int) -> bool:
        return at < len(self._pieces) and self._as_sign(self._pieces[at]).text == "."

    def _is_sign(self, piece: Piece) -> bool:
        return piece.kind == "sign" or piece.text in self._lexicon.signs

    def _as_sign(self, piece: Piece) -> Piece:
        sign = self._lexicon.signs.get(piece.text)
        return piece if sign is None else Piece(sign, ((piece.start, piece.end),), "sign")
