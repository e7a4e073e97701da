"""What fusion sees of each window of a scored call, as rows of the table that fusion is trained on.

See ``udfs.training.fusion_table`` for the table. A window without a score on either side has no
row. ``group`` is the call: its windows are never split between training and judging.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from udfs.fusion import Embedding
from udfs.models.contract import Triple
from udfs.offline import ScoredCall
from udfs.segments import audio_evidence, leading_text, text_evidence
from udfs.windows import WINDOW_MS


@dataclass(frozen=True, slots=True)
class FeatureRow:
    call_id: str
    participant_id: str
    window_start_ms: int
    group: str
    label: str
    """Empty where nobody labelled the window."""
    text_probabilities: Triple | None
    audio_probabilities: Triple | None
    text_embedding: Embedding | None
    audio_embedding: Embedding | None
    word_count: float | None
    confidence: float | None
    speech_ratio: float | None
    snr_db: float | None
    text_model_id: str | None
    audio_model_id: str | None


def feature_rows(scored: ScoredCall) -> Iterator[FeatureRow]:
    """A row for each window with a score, by participant and time, not labelled."""
    call_id = scored.folder.call_id
    for participant_id in sorted(scored.windows):
        for index, window in sorted(scored.windows[participant_id].items()):
            text, audio = text_evidence(window, index), audio_evidence(window)
            if text is None and audio is None:
                continue
            leading = leading_text(window, index) if text else None
            yield FeatureRow(
                call_id=call_id,
                participant_id=participant_id,
                window_start_ms=index * WINDOW_MS,
                group=call_id,
                label="",
                text_probabilities=text.triple if text else None,
                audio_probabilities=audio.triple if audio else None,
                text_embedding=text.embedding if text else None,
                audio_embedding=audio.embedding if audio else None,
                word_count=text.word_count if text else None,
                confidence=text.confidence if text else None,
                speech_ratio=audio.speech_ratio if audio else None,
                snr_db=audio.snr_db if audio else None,
                text_model_id=leading.score.model_id if leading else None,
                audio_model_id=window.audio.score.model_id if audio and window.audio else None,
            )
