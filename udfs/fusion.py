"""Voice and words of one window to one sentiment.

Late fusion by a documented prior: a log-linear pool (Genest and Zidek 1986, Statistical Science
1(1), section 3: the only pool of probabilities that commutes with Bayes' rule),

    fused(c)  is proportional to  text(c) ^ w_text * audio(c) ^ w_audio,      w_text + w_audio = 1

The weights are a prior trust in each modality times how reliable it is in this very window.
``Fuser`` is the seam for other rules: ``udfs.fusion_late`` and ``udfs.fusion_early`` are trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from udfs.models.contract import Triple

LABELS = ("negative", "neutral", "positive")
_TINY = 1e-9

Embedding = NDArray[np.float32]
"""(embedding_size,): what a model's last layer was given."""


class AudioEvidence(NamedTuple):
    """What the voice says, and how well it could be heard."""

    triple: Triple
    speech_ratio: float
    snr_db: float | None
    embedding: Embedding | None = None


class TextEvidence(NamedTuple):
    """What the words say, and how well they are known."""

    triple: Triple
    word_count: float
    confidence: float | None
    embedding: Embedding | None = None


class Fused(NamedTuple):
    triple: Triple
    text_weight: float
    audio_weight: float
    """The two weights sum to 1."""
    fusion_model_id: str
    """The rule that fused them."""


class Fuser(Protocol):
    def fuse(self, text: TextEvidence | None, audio: AudioEvidence | None) -> Fused | None:
        """One triple from whatever is there; None from nothing, or from nothing of use."""
        ...


@dataclass(frozen=True, slots=True)
class PriorFusion:
    """The log-linear pool with weights from a prior and each modality's reliability."""

    text_trust: float = 0.6
    """Words carry more of a call's sentiment than the voice does in our models' own scores."""
    audio_trust: float = 0.4
    enough_words: float = 5.0
    """A window with fewer words trusts them in proportion."""
    enough_speech_ratio: float = 0.3
    """A window with less speech (1.5 s) trusts the voice in proportion."""
    clear_snr_db: float = 20.0
    """Below it the voice is trusted in proportion, down to a quarter at 0 dB."""
    unknown_confidence: float = 0.8
    """Stands in where a recogniser does not tell its confidence."""
    fusion_model_id: str = "prior-1"

    def fuse(self, text: TextEvidence | None, audio: AudioEvidence | None) -> Fused | None:
        if text is None and audio is None:
            return None
        if audio is None:
            assert text is not None  # noqa: S101 - for the type checker
            return Fused(text.triple, 1.0, 0.0, self.fusion_model_id)
        if text is None:
            return Fused(audio.triple, 0.0, 1.0, self.fusion_model_id)
        text_part = self.text_trust * self._text_reliability(text)
        audio_part = self.audio_trust * self._audio_reliability(audio)
        text_weight = text_part / (text_part + audio_part)
        pooled = log_linear_pool(text.triple, text_weight, audio.triple)
        return Fused(pooled, text_weight, 1.0 - text_weight, self.fusion_model_id)

    def _text_reliability(self, text: TextEvidence) -> float:
        confidence = self.unknown_confidence if text.confidence is None else text.confidence
        return max(_TINY, min(1.0, text.word_count / self.enough_words) * confidence)

    def _audio_reliability(self, audio: AudioEvidence) -> float:
        clarity = 1.0
        if audio.snr_db is not None:
            clarity = min(1.0, max(0.25, 0.25 + 0.75 * audio.snr_db / self.clear_snr_db))
        return max(_TINY, min(1.0, audio.speech_ratio / self.enough_speech_ratio) * clarity)


def log_linear_pool(text: Triple, text_weight: float, audio: Triple) -> Triple:
    """The weighted geometric mean of two triples, made to sum to 1."""
    pooled = [
        math.exp(
            text_weight * math.log(max(of_text, _TINY))
            + (1.0 - text_weight) * math.log(max(of_audio, _TINY))
        )
        for of_text, of_audio in zip(text, audio, strict=True)
    ]
    total = sum(pooled)
    return Triple(*(share / total for share in pooled))


def score_of(triple: Triple) -> float:
    """-5 (negative) to +5 (positive)."""
    return 5.0 * (triple.positive - triple.negative)


def label_of(triple: Triple) -> str:
    """The likeliest label; of equals the more neutral, then the more negative."""
    order = (1, 0, 2)
    return LABELS[max(order, key=lambda index: (triple[index], -order.index(index)))]


def disagreement(text: Triple, audio: Triple) -> float:
    """Jensen-Shannon distance, base 2, of two triples: 0 the same, 1 disjoint.

    The square root of the divergence (Endres and Schindelin 2003, IEEE Trans. Inf. Theory 49(7)).
    """
    divergence = 0.0
    for of_text, of_audio in zip(text, audio, strict=True):
        middle = (of_text + of_audio) / 2.0
        divergence += sum(
            share * math.log2(share / middle) / 2.0 for share in (of_text, of_audio) if share > 0.0
        )
    return math.sqrt(min(1.0, max(0.0, divergence)))
