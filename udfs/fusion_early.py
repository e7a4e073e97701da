"""Early fusion, trained: one small head over both models' pooled embeddings.

    hidden = relu(b + W_text · e_text + W_audio · e_audio)
    logits = c + V · hidden + T · text_features + A · audio_features,    fused = softmax(logits)

A side that is missing adds nothing anywhere: training dropped each side in turn, so that is a
normal input. The features and their weights are those of late fusion: the embeddings add what the
probabilities lack. Where training found that they add nothing (beside both sides, or one alone),
``V · hidden`` is left out. The weights of a row are the sides' shares of the logits, each
side's contribution being its Shapley value: what it adds, averaged over coming first and coming
second (Shapley 1953); for a rule without a hidden layer that is its term of the sum.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.fusion import AudioEvidence, Embedding, Fused, Fuser, TextEvidence
from udfs.fusion_features import (
    AUDIO_FEATURES,
    TEXT_FEATURES,
    Features,
    audio_features,
    text_features,
)
from udfs.fusion_file import (
    FusionFile,
    FusionFileError,
    Logits,
    Side,
    Sides,
    file_id,
    shares_of,
    softmax,
    written,
)

Matrix = NDArray[np.float64]


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers as float32, little-endian, base64 in the JSON."""

    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Array:
        return cls(values.shape, values.astype("<f4").tobytes())

    def values(self) -> Matrix:
        """As float64.

        Raises:
            FusionFileError: there are more or fewer numbers than the shape says, or infinite ones.
        """
        flat = np.frombuffer(self.data[: len(self.data) // 4 * 4], dtype="<f4").astype(np.float64)
        if len(self.data) != 4 * int(np.prod(self.shape)) or not np.isfinite(flat).all():
            msg = "has weights that are cut off or not finite: train it again"
            raise FusionFileError(msg)
        return flat.reshape(self.shape)


class SideWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one side adds where it is there."""

    hidden: Array
    """(num_hidden, embedding_size)"""
    hidden_bias: Array
    """(num_hidden,)"""
    linear: Array
    """(3, number of the side's features)"""

    @property
    def embedding_size(self) -> int:
        return self.hidden.shape[-1]


class EarlyFile(FusionFile, frozen=True, kw_only=True, tag_field="kind", tag="early"):
    text_features: tuple[str, ...] = TEXT_FEATURES
    audio_features: tuple[str, ...] = AUDIO_FEATURES
    hidden_bias: Array
    output: Array
    """(3, num_hidden)"""
    output_bias: Array
    embeddings_for: tuple[Sides, ...]
    """Where the embeddings count: with both sides there, or one alone."""
    text: SideWeights | None = None
    audio: SideWeights | None = None


Adds = tuple[Matrix, Logits]
"""What a side adds to the hidden layer, and to the logits."""


class _Side:
    """One side's weights as arrays."""

    def __init__(self, weights: SideWeights) -> None:
        self.hidden = weights.hidden.values()
        self.hidden_bias = weights.hidden_bias.values()
        self.linear = weights.linear.values()

    def fits(self, num_hidden: int, num_features: int) -> bool:
        return (
            self.hidden.ndim == self.linear.ndim == 2  # noqa: PLR2004 - matrices
            and self.hidden.shape[0] == num_hidden
            and self.hidden_bias.shape == (num_hidden,)
            and self.linear.shape == (3, num_features)
        )

    def adds(self, embedding: Embedding, features: Features) -> Adds:
        return self.hidden_bias + self.hidden @ embedding, self.linear @ features


class EarlyFusion:
    """A ``Fuser``; windows scored before embeddings were kept are left to ``prior``.

    Raises:
        FusionFileError: the file's weights do not fit each other.
    """

    kind: Final = "early"

    def __init__(self, file: EarlyFile, prior: Fuser) -> None:
        self.file = file
        self.fusion_model_id = file_id("early", written(file))
        self._prior = prior
        self._hidden_bias = file.hidden_bias.values()
        self._output = file.output.values()
        self._output_bias = file.output_bias.values()
        self._text = _Side(file.text) if file.text else None
        self._audio = _Side(file.audio) if file.audio else None
        self._check()

    def _check(self) -> None:
        num_hidden = len(self._hidden_bias)
        sides = {"text": self._text, "audio": self._audio}
        needed = {*self.file.alone, *(sides if self.file.keeps == "both" else (self.file.keeps,))}
        fits = (
            self._output.shape == (3, num_hidden)
            and self._output_bias.shape == (3,)
            and (self._text is None or self._text.fits(num_hidden, len(TEXT_FEATURES)))
            and (self._audio is None or self._audio.fits(num_hidden, len(AUDIO_FEATURES)))
            and all(sides[name] is not None for name in needed)
            and self.file.text_features == TEXT_FEATURES
            and self.file.audio_features == AUDIO_FEATURES
        )
        if not fits:
            msg = "has weights or features that do not fit each other or this program: train again"
            raise FusionFileError(msg)

    def check_embedding(self, side: Side, model_id: str, size: int | None) -> None:
        """Whether a model gives the embeddings that this head was trained on.

        Args:
            side: of the model.
            model_id: for the message.
            size: numbers of its embedding; None where it gives none.

        Raises:
            FusionFileError: it gives none, or others.
        """
        weights = self._text if side == "text" else self._audio
        if weights is None:
            return
        if size is None:
            msg = (
                f"is an early fusion, which needs embeddings, and the {side} model {model_id} "
                "gives none: use a local model, or fusion.kind late"
            )
            raise FusionFileError(msg)
        if size != weights.hidden.shape[1]:
            msg = (
                f"knows {side} embeddings of {weights.hidden.shape[1]} numbers, {model_id} gives "
                f"{size}: train it on features of this model"
            )
            raise FusionFileError(msg)

    def fuse(self, text: TextEvidence | None, audio: AudioEvidence | None) -> Fused | None:
        used_text, used_audio = self.file.used(text, audio)
        if used_text is None and used_audio is None:
            return None
        of_text = of_audio = None
        if used_text is not None:
            of_text = _added(self._text, used_text.embedding, text_features(used_text))
        if used_audio is not None:
            of_audio = _added(self._audio, used_audio.embedding, audio_features(used_audio))
        if (used_text and not of_text) or (used_audio and not of_audio):
            return self._prior.fuse(text, audio)
        logits = self._logits(of_text, of_audio)
        if of_text is None or of_audio is None:
            weights = (1.0, 0.0) if of_text else (0.0, 1.0)
        else:
            weights = shares_of(*self._contributions(logits, of_text, of_audio))
        return Fused(softmax(logits), *weights, self.fusion_model_id)

    def _logits(self, text: Adds | None, audio: Adds | None) -> Logits:
        hidden, logits = self._hidden_bias, self._output_bias
        for one in (text, audio):
            if one is not None:
                hidden, logits = hidden + one[0], logits + one[1]
        sides: Sides = "both" if text and audio else "text" if text else "audio"
        if sides not in self.file.embeddings_for or not (text or audio):
            return logits
        return logits + self._output @ np.maximum(hidden, 0.0)

    def _contributions(self, whole: Logits, of_text: Adds, of_audio: Adds) -> tuple[Logits, Logits]:
        text_alone, audio_alone = self._logits(of_text, None), self._logits(None, of_audio)
        nothing = self._logits(None, None)
        text = (whole - audio_alone + text_alone - nothing) / 2.0
        audio = (whole - text_alone + audio_alone - nothing) / 2.0
        return text, audio


def _added(side: _Side | None, embedding: Embedding | None, features: Features) -> Adds | None:
    """None where there is no embedding of the size the head knows."""
    if side is None or embedding is None or len(embedding) != side.hidden.shape[1]:
        return None
    return side.adds(embedding.astype(np.float64), features)
