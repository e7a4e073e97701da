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
from collections.abc import Sequence
from typing import Final, NamedTuple

from udfs.redaction.lexicon import Lexicon
from udfs.redaction.pieces import Span, Token
from udfs.redaction.spelled import with_spelled
from udfs.redaction.spoken_emails import WithEmails
from udfs.redaction.spoken_numbers import with_numbers

_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")


class Written(NamedTuple):
    """A text in another form."""

    text: str
    sources: Sequence[Span]
    """Of each character, what it stands for."""

    def source(self, start: int, end: int) -> Span:
        """The part of the original text that a part of this one stands for."""
        spans = self.sources[start:end]
        return min(span[0] for span in spans), max(span[1] for span in spans)


def as_written(text: str, lexicon: Lexicon) -> Written:
    """A text with digits, letters and signs for the words that name them."""
    tokens = [Token(m[0].lower().replace("’", "'"), m.span()) for m in _TOKEN.finditer(text)]
    pieces = WithEmails(list(with_spelled(with_numbers(tokens, lexicon), lexicon)), lexicon)
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
