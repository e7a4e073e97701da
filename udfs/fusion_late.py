"""Late fusion, trained: a multinomial logistic regression over both sides' answers.

    logits = bias + T · text_features + A · audio_features,      fused = softmax(logits)

with three sets of weights: for windows that have both sides, and for words or voice alone. A side
that adds nothing is not used; see ``udfs.fusion_file``. The weights of a row are each side's share
of what moves the logits: ``T · text_features`` against ``A · audio_features``.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.fusion import AudioEvidence, Fused, TextEvidence
from udfs.fusion_features import AUDIO_FEATURES, TEXT_FEATURES, audio_features, text_features
from udfs.fusion_file import FusionFile, FusionFileError, file_id, shares_of, softmax, written

Matrix = NDArray[np.float64]


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One regression: three logits from the features of the sides that it knows."""

    bias: tuple[float, float, float]
    text: tuple[tuple[float, ...], ...] | None = None
    """(3, len(TEXT_FEATURES))"""
    audio: tuple[tuple[float, ...], ...] | None = None
    """(3, len(AUDIO_FEATURES))"""


class LateFile(FusionFile, frozen=True, kw_only=True, tag_field="kind", tag="late"):
    text_features: tuple[str, ...] = TEXT_FEATURES
    audio_features: tuple[str, ...] = AUDIO_FEATURES
    both: Weights | None = None
    text: Weights | None = None
    audio: Weights | None = None


class LateFusion:
    """A ``Fuser``.

    Raises:
        FusionFileError: the file's weights do not fit its features or what it keeps.
    """

    kind: Final = "late"

    def __init__(self, file: LateFile) -> None:
        _check(file)
        self.file = file
        self.fusion_model_id = file_id("late", written(file))
        self._both = _arrays(file.both)
        self._text = _arrays(file.text)
        self._audio = _arrays(file.audio)

    def fuse(self, text: TextEvidence | None, audio: AudioEvidence | None) -> Fused | None:
        text, audio = self.file.used(text, audio)
        if text is not None and audio is not None:
            bias, of_text, of_audio = self._both
            from_text = of_text @ text_features(text)
            from_audio = of_audio @ audio_features(audio)
            weights = shares_of(from_text, from_audio)
            return Fused(softmax(bias + from_text + from_audio), *weights, self.fusion_model_id)
        if text is not None:
            bias, of_text, _ = self._text
            triple = softmax(bias + of_text @ text_features(text))
            return Fused(triple, 1.0, 0.0, self.fusion_model_id)
        if audio is not None:
            bias, _, of_audio = self._audio
            triple = softmax(bias + of_audio @ audio_features(audio))
            return Fused(triple, 0.0, 1.0, self.fusion_model_id)
        return None


def _arrays(weights: Weights | None) -> tuple[Matrix, Matrix, Matrix]:
    if weights is None:
        return np.zeros(3), np.zeros((3, 0)), np.zeros((3, 0))
    text = np.array(weights.text or ((),) * 3, dtype=np.float64)
    audio = np.array(weights.audio or ((),) * 3, dtype=np.float64)
    return np.array(weights.bias), text, audio


def _check(file: LateFile) -> None:
    if (file.text_features, file.audio_features) != (TEXT_FEATURES, AUDIO_FEATURES):
        msg = "was trained on other features than this program computes: train it again"
        raise FusionFileError(msg)
    needed: dict[str, tuple[Weights | None, bool, bool]] = {}
    if file.keeps == "both":
        needed["both"] = (file.both, True, True)
    for side in ("text", "audio"):
        if side == file.keeps or side in file.alone:
            weights = file.text if side == "text" else file.audio
            needed[side] = (weights, side == "text", side == "audio")
    for name, (weights, has_text, has_audio) in needed.items():
        fits = (
            weights is not None
            and _fits(weights.text, len(TEXT_FEATURES) if has_text else None)
            and _fits(weights.audio, len(AUDIO_FEATURES) if has_audio else None)
        )
        if not fits:
            msg = f"its weights {name!r} are missing or of another shape: train it again"
            raise FusionFileError(msg)


def _fits(rows: tuple[tuple[float, ...], ...] | None, num_features: int | None) -> bool:
    if num_features is None or rows is None:
        return rows is None and num_features is None
    return [len(row) for row in rows] == [num_features] * 3
