"""What was read out, as it would be written, with the way back to the words.

    "it's oh seven double four"             ─►  "it's 0744"
    "g b two nine n w b k"                  ─►  "GB29NWBK"
    "john dot smith at example dot com"     ─►  "john.smith@example.com"

So the recognisers of what is written find what was spoken. Each character knows the part of the
text that it stands for. The result is for looking only: a word that is taken for a digit does no
harm there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from udfs.redaction.lexicon import Lexicon

Span: TypeAlias = tuple[int, int]
"""From and to, in characters."""

_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")
_FEW_SIGNS: Final = frozenset(",-.–/")
_MAX_LABEL_WORDS: Final = 3
_MAX_LOCAL_WORDS: Final = 3
_MAX_SCALED_DIGITS: Final = 3


class Written(NamedTuple):
    """A text in another form."""

    text: str
    sources: Sequence[Span]
    """Of each character, what it stands for."""

    def source(self, start: int, end: int) -> Span:
        """The part of the original text that a part of this one stands for."""
        spans = self.sources[start:end]
        return min(span[0] for span in spans), max(span[1] for span in spans)


class _Token(NamedTuple):
    text: str
    """In lower case."""
    span: Span


class _Piece(NamedTuple):
    text: str
    sources: tuple[Span, ...]
    kind: Literal["word", "digits", "letters", "sign"]

    @property
    def start(self) -> int:
        return self.sources[0][0]

    @property
    def end(self) -> int:
        return max(span[1] for span in self.sources)


def as_written(text: str, lexicon: Lexicon) -> Written:
    """A text with digits, letters and signs for the words that name them."""
    tokens = [_Token(m[0].lower().replace("’", "'"), m.span()) for m in _TOKEN.finditer(text)]
    pieces = list(_Addresses(list(_spelled(_numbers(tokens, lexicon), lexicon)), lexicon))
    characters: list[str] = []
    sources: list[Span] = []
    at = 0
    for piece in pieces:
        if piece.start > at and at:
            characters.append(" ")
            sources.append((at, piece.start))
        characters.extend(piece.text)
        sources.extend(piece.sources)
        at = piece.end
    return Written("".join(characters), sources)


# --- numbers -------------------------------------------------------------------------------------


def _numbers(tokens: Sequence[_Token], lexicon: Lexicon) -> list[_Piece]:
    """Runs of digits that are named in words joined to one; all else as it is."""
    pieces: list[_Piece] = []
    at = 0
    while at < len(tokens):
        number = _Number(tokens, at, lexicon)
        if number.is_spoken:
            piece = number.piece()
            if pieces and lexicon.signs.get(pieces[-1].text) == "+":  # plus four four
                plus = pieces.pop()
                span = (plus.start, plus.end)
                piece = _Piece(f"+{piece.text}", (span, *piece.sources), "digits")
            pieces.append(piece)
            at = number.end
        else:  # nor is a later part of it spoken
            end = max(number.end, at + 1)
            pieces += map(_plain, tokens[at:end])
            at = end
    return pieces


def _plain(token: _Token) -> _Piece:
    kind: Literal["word", "digits", "sign"] = (
        "digits" if token.text.isdigit() else "word" if token.text[0].isalpha() else "sign"
    )
    first = token.span[0]
    sources = tuple((first + k, first + k + 1) for k in range(token.span[1] - first))
    # Lower case may be longer than what it stands for (İ).
    text = token.text if len(token.text) == len(sources) else "?" * len(sources)
    return _Piece(text, sources, kind)


class _Number:
    """The longest run of digits that begins at a token."""

    def __init__(self, tokens: Sequence[_Token], begin: int, lexicon: Lexicon) -> None:
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

    def piece(self) -> _Piece:
        text = "".join(digits for digits, _ in self._groups)
        sources = tuple(span for digits, span in self._groups for _ in digits)
        return _Piece(text, sources, "digits")

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

    def _take_scale(self, token: _Token, scale: int) -> int:
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
            if not (joins or word in lexicon.fillers or word in _FEW_SIGNS):
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


# --- letters -------------------------------------------------------------------------------------


def _spelled(pieces: Sequence[_Piece], lexicon: Lexicon) -> Iterator[_Piece]:
    """Runs of single letters, with the digits among them, joined to one."""
    at = 0
    while at < len(pieces):
        run, end = _spelled_run(pieces, at, lexicon)
        if sum(piece.kind == "letters" for piece in run) > 1:
            text = "".join(piece.text for piece in run)
            yield _Piece(text, tuple(span for one in run for span in one.sources), "letters")
            at = end
        else:  # nor has a later part of it more letters
            end = max(end, at + 1)
            yield from pieces[at:end]
            at = end


def _spelled_run(
    pieces: Sequence[_Piece], begin: int, lexicon: Lexicon
) -> tuple[list[_Piece], int]:
    run: list[_Piece] = []
    at = end = begin
    while at < len(pieces):
        piece = pieces[at]
        letter, taken = _letter(pieces, at, lexicon)
        if letter is not None:
            run.append(letter)
        elif piece.kind == "digits" and (run or begin == at):
            run.append(piece)
            taken = 1
        elif run and (piece.text in lexicon.fillers or piece.text in _FEW_SIGNS):
            at += 1
            continue
        else:
            break
        at += taken
        end = at
    return run, end


def _letter(pieces: Sequence[_Piece], at: int, lexicon: Lexicon) -> tuple[_Piece | None, int]:
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


def _letter_piece(letters: str, start: int, end: int) -> _Piece:
    return _Piece(letters.upper(), ((start, end),) * len(letters), "letters")


# --- e-mail addresses ----------------------------------------------------------------------------


class _Addresses:
    """Pieces, those of an e-mail address that is read out joined to one."""

    def __init__(self, pieces: list[_Piece], lexicon: Lexicon) -> None:
        self._pieces, self._lexicon = pieces, lexicon

    def __iter__(self) -> Iterator[_Piece]:
        done: list[_Piece] = []
        at = 0
        while at < len(self._pieces):
            piece = self._pieces[at]
            if piece.text in self._lexicon.at or piece.text == "@":
                domain, end = self._domain(at + 1)
                local = self._local(done) if domain else []
                if local:
                    del done[-len(local) :]
                    sign = _Piece("@", ((piece.start, piece.end),), "sign")
                    done.append(_joined([*map(self._as_sign, local), sign, *domain]))
                    at = end
                    continue
            done.append(piece)
            at += 1
        return iter(done)

    def _domain(self, begin: int) -> tuple[list[_Piece], int]:
        """Words with points between; the first label may be of several words."""
        pieces = self._pieces
        domain: list[_Piece] = []
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

    def _local(self, before: Sequence[_Piece]) -> list[_Piece]:
        """What stands before the at, back to where it may begin."""
        local: list[_Piece] = []
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

    def _is_sign(self, piece: _Piece) -> bool:
        return piece.kind == "sign" or piece.text in self._lexicon.signs

    def _as_sign(self, piece: _Piece) -> _Piece:
        sign = self._lexicon.signs.get(piece.text)
        return piece if sign is None else _Piece(sign, ((piece.start, piece.end),), "sign")


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    return _Piece(
        "".join(piece.text for piece in pieces),
        tuple(span for piece in pieces for span in piece.sources),
        "word",
    )
