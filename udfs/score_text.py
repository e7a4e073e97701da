"""Texts to sentiments, each by its own language's model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from udfs.models.contract import Triple
from udfs.models.scorer import MissingReason, Outcome, Text, TextScorer
from udfs.words import count_words

ANY_LANGUAGE = "*"


class TextScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one utterance says."""

    triple: Triple | None
    missing: MissingReason | None
    """Why not: ``no_words``, ``withheld``, ``unsupported_language``, ``no_model``, or how the
    model failed."""
    model_id: str | None
    embedding: bytes | None = None
    """The model's pooled embedding, float16; only where it is asked for."""


WITHHELD_TEXT = TextScore(None, "withheld", None)
"""Of an utterance whose words policy forbids to use."""


def primary_language(tag: str) -> str:
    """The primary subtag of a language tag (RFC 5646): ``en-US`` is ``en``."""
    return tag.replace("_", "-").partition("-")[0].lower()


def score_texts(texts: Iterable[Text], scorers: Mapping[str, TextScorer]) -> list[TextScore]:
    """Score each utterance by its own language's model, or by the one for any language.

    Args:
        texts: the utterances.
        scorers: by primary language subtag, or ``*``.
    """
    scores: list[TextScore | None] = []
    to_ask: dict[int, tuple[TextScorer, list[int], list[Text]]] = {}
    for place, one in enumerate(texts):
        scorer = scorers.get(primary_language(one.language)) or scorers.get(ANY_LANGUAGE)
        if not count_words(one.text):
            scores.append(TextScore(None, "no_words", None))
        elif scorer is None:
            scores.append(TextScore(None, "unsupported_language", None))
        else:
            scores.append(None)
            _, places, theirs = to_ask.setdefault(id(scorer), (scorer, [], []))
            places.append(place)
            theirs.append(one)
    for scorer, places, theirs in to_ask.values():
        for place, outcome in zip(places, scorer.score(theirs), strict=True):
            scores[place] = _score(outcome)
    return [score for score in scores if score is not None]


def score_text(text: str, language: str, scorers: Mapping[str, TextScorer]) -> TextScore:
    """Score one utterance alone."""
    return score_texts([Text(text, language)], scorers)[0]


def _score(outcome: Outcome) -> TextScore:
    return TextScore(outcome.triple, outcome.missing, outcome.model_id, outcome.embedding)
