"""One utterance's text to a sentiment."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from udfs.models.contract import TextModel, Triple, ask
from udfs.words import count_words

_LOG = logging.getLogger(__name__)

ANY_LANGUAGE = "*"


class TextScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one utterance says."""

    triple: Triple | None
    missing: str | None
    """Why not: ``no_words``, ``unsupported_language``, ``no_model`` or ``model_error``."""
    model_id: str | None
    embedding: bytes | None = None
    """The model's pooled embedding, float16; only where it is asked for."""


def primary_language(tag: str) -> str:
    """The primary subtag of a language tag (RFC 5646): ``en-US`` is ``en``."""
    return tag.replace("_", "-").partition("-")[0].lower()


def score_text(
    text: str, language: str, models: Mapping[str, TextModel], *, with_embedding: bool = False
) -> TextScore:
    """Score one utterance by its own language's model, or by the one for any language.

    Args:
        text: the utterance.
        language: its language tag.
        models: by primary language subtag, or ``*``; empty where no text model is set.
        with_embedding: keep the model's pooled embedding.
    """
    if not count_words(text):
        return TextScore(None, "no_words", None)
    if not models:
        return TextScore(None, "no_model", None)
    model = models.get(primary_language(language)) or models.get(ANY_LANGUAGE)
    if model is None:
        return TextScore(None, "unsupported_language", None)
    try:
        answer = ask(model, text, with_embedding=with_embedding)
    except Exception as error:  # a model is others' code: whatever it raises is a missing score
        # The type alone: a message may quote its input.
        _LOG.error("the text model failed on an utterance: %s", type(error).__name__)
        return TextScore(None, "model_error", None)
    return TextScore(answer.triple, None, model.model_id, answer.embedding)
