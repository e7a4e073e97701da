"""GoEmotions comments with one sentiment each, split by comment id.

The 27 emotions are grouped as the data set's authors do; comments of ambiguous emotions
(confusion, curiosity, realization, surprise) or of both signs are left out, and neutral beside a
sign gives the sign. ``md5(id) mod 10``: 0 is test, 1 is dev, the rest is training; a training
text that also occurs in test or dev is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from udfs.training.examples import plain

Split = Literal["train", "dev", "test"]

SENTIMENTS = ("negative", "neutral", "positive")
POSITIVE = frozenset(
    {"admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude"}
    | {"joy", "love", "optimism", "pride", "relief"}
)
NEGATIVE = frozenset(
    {"anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear"}
    | {"grief", "nervousness", "remorse", "sadness"}
)
AMBIGUOUS = frozenset({"confusion", "curiosity", "realization", "surprise"})


def rows(folder: Path) -> Iterator[dict[str, str]]:
    """One comment each: text, label, split."""
    names = (folder / "labels.txt").read_text(encoding="utf-8").split()
    comments: list[dict[str, str]] = []
    for file in ("train.tsv", "dev.tsv", "test.tsv"):
        for line in (folder / file).read_text(encoding="utf-8").rstrip("\n").split("\n"):
            text, labels, comment_id = line.split("\t")
            label = sentiment_of({names[int(number)] for number in labels.split(",")})
            if label is not None and text.strip():
                split = split_of(comment_id)
                comments.append({"text": text, "label": SENTIMENTS[label], "split": split})
    held_out = {plain(row["text"]) for row in comments if row["split"] != "train"}
    for row in comments:
        if row["split"] != "train" or plain(row["text"]) not in held_out:
            yield row


def sentiment_of(emotions: set[str]) -> int | None:
    """0, 1 or 2, or None where the comment has no one sentiment."""
    positive, negative = bool(emotions & POSITIVE), bool(emotions & NEGATIVE)
    if emotions & AMBIGUOUS or (positive and negative):
        return None
    return 0 if negative else 2 if positive else 1


def split_of(comment_id: str) -> Split:
    bucket = int(hashlib.md5(comment_id.encode(), usedforsecurity=False).hexdigest(), 16) % 10
    return "test" if bucket == 0 else "dev" if bucket == 1 else "train"
