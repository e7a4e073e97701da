"""What texts are to any text model: how long, and of which characters."""

from __future__ import annotations

MAX_TOKENS = 512


def longest_input(positions: int, tokenizer_max: int) -> int:
    """Tokens that a model takes; what follows is cut off.

    Args:
        positions: position embeddings of the model. RoBERTa numbers them from 2 and so has two
            fewer than its config says.
        tokenizer_max: what its tokenizer says.
    """
    return min(MAX_TOKENS, tokenizer_max, positions - 2)


def without_surrogates(text: str) -> str:
    """The text with ``?`` for each lone surrogate, which JSON can carry and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
