"""What is spelled out: ``g b two nine n w b k``, ``b as in boy``, ``golf bravo``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from udfs.redaction.lexicon import Lexicon
from udfs.redaction.pieces import FEW_SIGNS, Piece


def with_spelled(pieces: Sequence[Piece], lexicon: Lexicon) -> Iterator[Piece]:
    """Runs of single letters, with the digits among them, joined to one."""
    at = 0
    while at < len(pieces):
        run, end = _spelled_run(pieces, at, lexicon)
        if sum(piece.kind == "letters" for piece in run) > 1:
            text = "".join(piece.text for piece in run)
            yield Piece(text, tuple(span for one in run for span in one.sources), "letters")
            at = end
        else:  # nor has a later part of it more letters
            end = max(end, at + 1)
            yield from pieces[at:end]
            at = end


def _spelled_run(pieces: Sequence[Piece], begin: int, lexicon: Lexicon) -> tuple[list[Piece], int]:
    run: list[Piece] = []
    at = end = begin
    while at < len(pieces):
        piece = pieces[at]
        letter, taken = _letter(pieces, at, lexicon)
        if letter is not None:
            run.append(letter)
        elif piece.kind == "digits" and (run or begin == at):
            run.append(piece)
            taken = 1
        elif run and (piece.text in lexicon.fillers or piece.text in FEW_SIGNS):
            at += 1
            continue
        else:
            break
        at += taken
        end = at
    return run, end


def _letter(pieces: Sequence[Piece], at: int, lexicon: Lexicon) -> tuple[Piece | None, int]:
    """A letter that is named at a place, and by how many words."""
    piece = pieces[at]
    if piece.kind != "word":
        return None, 0
    following = [one.text for one in pieces[at + 1 : at + 4]]
    if piece.text in lexicon.repeats and following and len(following[0]) == 1:
        again = following[0]
        # The letter that is called double u.
        name = "w" if again == "u" else again * lexicon.repeats[piece.text]
        return _letter_piece(name, piece.start, pieces[at + 1].end), 2
    if piece.text in lexicon.alphabet:
        return _letter_piece(lexicon.alphabet[piece.text], piece.start, piece.end), 1
    if len(piece.text) > 1:
        return None, 0
    for words in lexicon.letter_by:
        count = len(words)
        if tuple(following[:count]) == words and following[count:]:
            example = following[count]
            if example.startswith(piece.text) and len(example) > 1:
                return _letter_piece(piece.text, piece.start, pieces[at + count + 1].end), count + 2
    return _letter_piece(piece.text, piece.start, piece.end), 1


def _letter_piece(letters: str, start: int, end: int) -> Piece:
    return Piece(letters.upper(), ((start, end),) * len(letters), "letters")
