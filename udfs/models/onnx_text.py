"""The shipped text model and its kin by ONNX Runtime, one utterance at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from udfs.models.contract import ModelSpec
from udfs.models.onnx_session import OnnxClassifier, OnnxModel, load_onnx, read_json
from udfs.models.source import Source
from udfs.models.utterances import longest_input, without_surrogates


class OnnxText(OnnxClassifier[str]):
    """A ``TextModel``."""

    def __init__(self, model: OnnxModel, tokenizer: Tokenizer, max_tokens: int) -> None:
        super().__init__(model)
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def inputs(self, given: str) -> dict[str, NDArray[np.generic]]:
        tokens = self._tokenizer.encode(without_surrogates(given))
        return {"input_ids": np.array([tokens.ids], dtype=np.int64)}


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
