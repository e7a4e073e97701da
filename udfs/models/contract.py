"""What a model is to the rest of the job: one window or one text in, three probabilities out.

Every window and every text is scored alone, in a fixed shape, so the same input gives the same
triple in any batch, any order and any process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 80_000
"""Samples of a 5-s window at ``SAMPLE_RATE_HZ``."""

SHIPPED = "shipped"
"""The word for the model that comes with the project, in place of a path."""

Precision = Literal["auto", "float32", "bfloat16"]
Runtime = Literal["auto", "torch", "onnx"]
Sentiment = Literal["negative", "neutral", "positive"]
Prior = tuple[float, float, float]
"""Shares of negative, neutral and positive; they sum to 1."""


class Triple(NamedTuple):
    """Probabilities of the three sentiments; they sum to 1."""

    negative: float
    neutral: float
    positive: float


class ModelError(ValueError):
    """A model that cannot be used: says which, why, and what to do."""


@dataclass(frozen=True)
class ModelSpec:
    """Which model, and how to read it."""

    path: str = SHIPPED
    """A local folder, the name of one in the job's zip, a hub id, or ``shipped``."""
    label_map: Mapping[str, str] | None = None
    """The model's label -> negative, neutral or positive; None: the label's own word."""
    training_prior: Prior | None = None
    """Shares the model was trained to expect; None: what its config says, else uniform."""
    operating_prior: Prior | None = None
    """Shares expected where it runs; None: what its config says, else no correction."""
    runtime: Runtime = "auto"
    """``auto``: ONNX Runtime where the folder has a graph for it and bfloat16 is not told."""
    precision: Precision = "auto"
    """``auto``: with torch, bfloat16 where the CPU computes in it; else float32."""
    num_threads: int = 1


def check_rate(path: str, sample_rate_hz: int) -> None:
    """Whether an audio model hears at the job's rate.

    Raises:
        ModelError: it does not.
    """
    if sample_rate_hz != SAMPLE_RATE_HZ:
        message = f"model {path} hears {sample_rate_hz} Hz: choose one for {SAMPLE_RATE_HZ} Hz"
        raise ModelError(message)


class AudioModel(Protocol):
    @property
    def model_id(self) -> str: ...

    def probabilities(self, waveform: NDArray[np.float32]) -> Triple:
        """Score one window.

        Args:
            waveform: (num_samples,) float32 in -1..1 at 16 kHz; a window has 80,000 samples.
        """


class TextModel(Protocol):
    @property
    def model_id(self) -> str: ...

    def probabilities(self, text: str) -> Triple:
        """Score one utterance; more than the model's longest input is cut off."""


class Answer(NamedTuple):
    """What a model says of one window or text."""

    triple: Triple
    embedding: bytes | None
    """What its last layer was given: float16, little-endian. None where it was not asked for."""


@runtime_checkable
class EmbeddingModel(Protocol):
    """A model that can also tell its pooled embedding."""

    @property
    def embedding_size(self) -> int | None:
        """Numbers of an embedding; None where this architecture has none to tell."""

    def answer(self, given: Any) -> Answer:
        """Score a window or an utterance and tell its embedding, in one pass."""


def ask(model: AudioModel | TextModel, given: Any, *, with_embedding: bool) -> Answer:
    """A model's answer; the embedding only where it is asked for and there is one."""
    if with_embedding and isinstance(model, EmbeddingModel):
        return model.answer(given)
    return Answer(model.probabilities(given), None)


def embedding_size_of(model: AudioModel | TextModel) -> int | None:
    """Numbers of a model's embedding; None where it tells none, such as a remote one."""
    return model.embedding_size if isinstance(model, EmbeddingModel) else None
