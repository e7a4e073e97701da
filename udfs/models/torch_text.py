"""Any text classifier of the Auto classes by torch, one utterance at a time."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udfs.models.contract import Answer, ModelSpec, Prior, Triple
from udfs.models.embedding import EmbeddingTap, as_bytes
from udfs.models.source import Source
from udfs.models.torch_loading import Classifier, load_classifier, uses_bfloat16
from udfs.models.utterances import MAX_TOKENS, longest_input, without_surrogates


class TorchText:
    """A ``TextModel`` and ``EmbeddingModel``."""

    def __init__(self, classifier: Classifier, tokenizer: Any, max_tokens: int) -> None:
        self._classifier = classifier
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._tap = EmbeddingTap(classifier.model)

    @property
    def model_id(self) -> str:
        return self._classifier.outputs.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._classifier.outputs.operating_prior

    @property
    def embedding_size(self) -> int | None:
        return self._tap.size

    @torch.inference_mode()
    def probabilities(self, text: str) -> Triple:
        tokens = self._tokenizer(
            without_surrogates(text), truncation=True, max_length=self._max_tokens
        )
        logits = self._classifier.model(input_ids=torch.tensor([tokens["input_ids"]])).logits
        return self._classifier.outputs.triple(logits[0].double().numpy())

    def answer(self, given: str) -> Answer:
        return Answer(self.probabilities(given), as_bytes(self._tap.take()))


def load_torch_text(spec: ModelSpec, source: Source) -> TorchText:
    """Read a text model by ``AutoTokenizer`` and ``AutoModelForSequenceClassification``.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    classifier = load_classifier(spec, source, AutoModelForSequenceClassification)
    tokenizer = source.read(AutoTokenizer.from_pretrained)
    positions = getattr(classifier.model.config, "max_position_embeddings", MAX_TOKENS + 2)
    if uses_bfloat16(spec):
        # Weights, not autocast: casting them anew for every short text costs more than it gains.
        classifier.model.to(torch.bfloat16)
    return TorchText(classifier, tokenizer, longest_input(positions, tokenizer.model_max_length))
