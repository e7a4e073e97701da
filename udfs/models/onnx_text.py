"""The shipped text model and its kin by ONNX Runtime, one utterance at a time."""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer

from udfs.models.contract import Answer, ModelSpec, Prior, Triple
from udfs.models.onnx_session import Network, OnnxModel, load_onnx, read_json
from udfs.models.outputs import embedding_bytes
from udfs.models.source import Source
from udfs.models.utterances import longest_input, without_surrogates


class OnnxText:
    """A ``TextModel`` and ``EmbeddingModel``."""

    def __init__(self, model: OnnxModel, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    @property
    def model_id(self) -> str:
        return self._model.outputs.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._model.outputs.operating_prior

    @property
    def embedding_size(self) -> int:
        return self._model.graph.embedding_size

    def probabilities(self, text: str) -> Triple:
        return self._model.outputs.triple(self._network(text).logits)

    def answer(self, given: str) -> Answer:
        logits, embedding = self._network(given)
        return Answer(self._model.outputs.triple(logits), embedding_bytes(embedding))

    def _network(self, text: str) -> Network:
        tokens = self._tokenizer.encode(without_surrogates(text))
        return self._model.graph({"input_ids": np.array([tokens.ids], dtype=np.int64)})


def load_onnx_text(spec: ModelSpec, source: Source) -> OnnxText:
    """Read a text model's graph and its tokenizer.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    model = load_onnx(spec, source)
    try:
        tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    except Exception as error:  # what tokenizers raises has no narrower class
        raise source.unreadable(error) from error
    tokenizer_max = read_json(source, "tokenizer_config.json")["model_max_length"]
    max_tokens = longest_input(model.config.max_position_embeddings, tokenizer_max)
    return OnnxText(model, tokenizer, max_tokens)
