"""Trained fusions with random weights: what they say is noise, how they say it is real."""

from __future__ import annotations

import numpy as np

from udfs.fusion_early import Array, EarlyFile, SideWeights
from udfs.fusion_features import AUDIO_FEATURES, TEXT_FEATURES
from udfs.fusion_file import TrainedFor
from udfs.fusion_late import LateFile, Weights

NUM_HIDDEN = 4


def late_file(**fields) -> LateFile:
    random = np.random.default_rng(3)

    def matrix(num_features: int) -> tuple[tuple[float, ...], ...]:
        return tuple(map(tuple, random.normal(size=(3, num_features)).tolist()))

    text, audio = len(TEXT_FEATURES), len(AUDIO_FEATURES)
    defaults = {
        "trained_for": TrainedFor(),
        "keeps": "both",
        "alone": ("text", "audio"),
        "training": {},
        "both": Weights((0.1, -0.2, 0.3), matrix(text), matrix(audio)),
        "text": Weights((0.1, 0.2, -0.3), text=matrix(text)),
        "audio": Weights((-0.1, 0.2, 0.3), audio=matrix(audio)),
    }
    return LateFile(**{**defaults, **fields})


def early_file(text_size: int = 3, audio_size: int = 2, **fields) -> EarlyFile:
    random = np.random.default_rng(4)

    def array(*shape: int) -> Array:
        return Array.of(random.normal(size=shape))

    def side(size: int, num_features: int) -> SideWeights:
        return SideWeights(array(NUM_HIDDEN, size), array(NUM_HIDDEN), array(3, num_features))

    defaults = {
        "trained_for": TrainedFor(),
        "keeps": "both",
        "alone": ("text", "audio"),
        "training": {},
        "hidden_bias": array(NUM_HIDDEN),
        "output": array(3, NUM_HIDDEN),
        "output_bias": array(3),
        "embeddings_for": ("both", "text", "audio"),
        "text": side(text_size, len(TEXT_FEATURES)),
        "audio": side(audio_size, len(AUDIO_FEATURES)),
    }
    return EarlyFile(**{**defaults, **fields})
