"""Any text classifier of the Auto classes, one utterance at a time."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udfs.models.contract import Answer, ModelSpec, Prior, TextModel, Triple
from udfs.models.embedding import EmbeddingTap, as_bytes
from udfs.models.loading import Classifier, load_classifier, source_of, uses_bfloat16

SHIPPED_FOLDER = "call-sentiment-text"
MAX_TOKENS = 512


class UtteranceScorer:
    """A ``TextModel`` and ``EmbeddingModel``."""

    def __init__(self, classifier: Classifier, tokenizer: Any, max_tokens: int) -> None:
        self._classifier = classifier
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._tap = EmbeddingTap(classifier.model)

    @property
    def model_id(self) -> str:
        return self._classifier.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._classifier.operating_prior

    @property
    def embedding_size(self) -> int | None:
        return self._tap.size

    @torch.inference_mode()
    def probabilities(self, text: str) -> Triple:
        # A lone surrogate, which JSON can carry, is no text to a tokenizer.
        text = text.encode("utf-8", "replace").decode("utf-8")
        tokens = self._tokenizer(text, truncation=True, max_length=self._max_tokens)
        return self._classifier.triple(
            self._classifier.model(input_ids=torch.tensor([tokens["input_ids"]])).logits
        )

    def answer(self, given: str) -> Answer:
        return Answer(self.probabilities(given), as_bytes(self._tap.take()))


def load_text_model(spec: ModelSpec) -> TextModel:
    """Read a text model by ``AutoTokenizer`` and ``AutoModelForSequenceClassification``.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    source = source_of(spec, SHIPPED_FOLDER)
    classifier = load_classifier(spec, source, AutoModelForSequenceClassification)
    tokenizer = source.read(AutoTokenizer.from_pretrained)
    # RoBERTa numbers positions from 2 and so has two fewer than its config says.
    positions = getattr(classifier.model.config, "max_position_embeddings", MAX_TOKENS + 2) - 2
    if uses_bfloat16(spec):
        # Weights, not autocast: casting them anew for every short text costs more than it gains.
        classifier.model.to(torch.bfloat16)
    max_tokens = min(MAX_TOKENS, tokenizer.model_max_length, positions)
    return UtteranceScorer(classifier, tokenizer, max_tokens)
