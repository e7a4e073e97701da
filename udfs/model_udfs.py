"""The models as vectorised UDFs: Arrow batches in, scores out.

The two skins of this folder that know PyFlink. A batch saves calls, not computation: each window
and each text is scored alone, so batching changes no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd
from pyflink.table import DataTypes, FunctionContext, ScalarFunction
from pyflink.table.udf import udf

from udfs.models.audio import load_audio_model
from udfs.models.contract import AudioModel, ModelSpec, TextModel
from udfs.models.text import load_text_model
from udfs.score_text import score_text
from udfs.score_window import score_window
from udfs.speech import SpeechDetector
from udfs.windows import WindowSignal

_encode = msgspec.msgpack.Encoder().encode
_decode_signal = msgspec.msgpack.Decoder(WindowSignal).decode


class ScoreAudio(ScalarFunction):
    """``signal BYTES`` to ``WindowScore`` as BYTES; NULL to NULL."""

    def __init__(self, spec: ModelSpec | None, *, with_embedding: bool) -> None:
        self._spec = spec
        self._with_embedding = with_embedding

    def open(self, function_context: FunctionContext) -> None:
        self._model: AudioModel | None = load_audio_model(self._spec) if self._spec else None
        self._detector = SpeechDetector()

    def eval(self, signals: pd.Series) -> pd.Series:
        return pd.Series([self._score(signal) for signal in signals], dtype=object)

    def _score(self, signal: bytes | None) -> bytes | None:
        if signal is None:
            return None
        score = score_window(
            _decode_signal(signal),
            self._detector,
            self._model,
            with_embedding=self._with_embedding,
        )
        return _encode(score)


class ScoreText(ScalarFunction):
    """``text STRING, language STRING`` to ``TextScore`` as BYTES; NULL to NULL."""

    def __init__(self, specs: Mapping[str, ModelSpec], *, with_embedding: bool) -> None:
        self._specs = dict(specs)
        self._with_embedding = with_embedding

    def open(self, function_context: FunctionContext) -> None:
        self._models: dict[str, TextModel] = load_text_models(self._specs)

    def eval(self, texts: pd.Series, languages: pd.Series) -> pd.Series:
        scores = [
            self._score(text, language) for text, language in zip(texts, languages, strict=True)
        ]
        return pd.Series(scores, dtype=object)

    def _score(self, text: str | None, language: str | None) -> bytes | None:
        if text is None:
            return None
        return _encode(
            score_text(text, language or "", self._models, with_embedding=self._with_embedding)
        )


def load_text_models(specs: Mapping[str, ModelSpec]) -> dict[str, TextModel]:
    """One model a language; one that serves several languages is loaded once."""
    loaded = {
        key: load_text_model(spec) for key, spec in {repr(s): s for s in specs.values()}.items()
    }
    return {language: loaded[repr(spec)] for language, spec in specs.items()}


def score_audio_udf(spec: ModelSpec | None, *, with_embedding: bool) -> Any:
    scorer = ScoreAudio(spec, with_embedding=with_embedding)
    return udf(scorer, result_type=DataTypes.BYTES(), func_type="pandas")


def score_text_udf(specs: Mapping[str, ModelSpec], *, with_embedding: bool) -> Any:
    scorer = ScoreText(specs, with_embedding=with_embedding)
    return udf(scorer, result_type=DataTypes.BYTES(), func_type="pandas")
