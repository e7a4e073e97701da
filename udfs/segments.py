"""What is known of one window, and the row that follows from it.

A ``Window`` gathers the score of its audio and of every utterance that overlaps it. ``segment`` is
a pure function of the window and the five before it, so a row depends on what was accepted and not
on the order in which it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from statistics import fmean

import msgspec
import numpy as np

from udfs.fusion import (
    AudioEvidence,
    Embedding,
    Fused,
    Fuser,
    TextEvidence,
    disagreement,
    label_of,
    score_of,
)
from udfs.models.contract import Triple
from udfs.records import ConsentRuled, Participant, UtteranceAccepted, WindowCut, Windows
from udfs.rows import EpochMs, Segment
from udfs.score_text import WITHHELD_TEXT, TextScore
from udfs.score_window import WITHHELD_AUDIO, WindowScore
from udfs.windows import WINDOW_MS, is_chat, window_of, windows_of

ROLLING_WINDOWS = 6
"""30 s: a window and the five before it."""


class ScoredAudio(msgspec.Struct, frozen=True):
    cut: WindowCut
    score: WindowScore


class ScoredText(msgspec.Struct, frozen=True):
    utterance: UtteranceAccepted
    score: TextScore


class Window(msgspec.Struct):
    """Everything known of one window of one participant."""

    audio: ScoredAudio | None = None
    texts: tuple[ScoredText, ...] = ()
    """Every utterance that overlaps the window, by id."""
    emitted: bool = False

    def with_text(self, text: ScoredText) -> None:
        others = [t for t in self.texts if t.utterance.utterance_id != text.utterance.utterance_id]
        self.texts = tuple(
            sorted([*others, text], key=lambda t: (t.utterance.start_ms, t.utterance.utterance_id))
        )

    @property
    def voice_is_withheld(self) -> bool:
        return self.audio is not None and self.audio.score.missing == "withheld"

    def withhold(self, index: int, ruled: ConsentRuled) -> None:
        """Forget what must not be used any more of window ``index``; what was withheld stays so."""
        if self.audio is not None and lies_within(index, ruled.audio):
            self.audio = ScoredAudio(self.audio.cut, WITHHELD_AUDIO)
        stretches = {(text.language, text.is_chat): text.windows for text in ruled.text}
        self.texts = tuple(_without_withheld(text, stretches) for text in self.texts)


def _without_withheld(
    text: ScoredText, stretches: Mapping[tuple[str, bool], tuple[Windows, ...]]
) -> ScoredText:
    utterance = text.utterance
    kind = (utterance.language, is_chat(utterance))
    if not any(lies_within(k, stretches.get(kind, ())) for k in windows_of(utterance)):
        return text
    return ScoredText(msgspec.structs.replace(utterance, num_words=0, withheld=True), WITHHELD_TEXT)


def lies_within(window: int, stretches: tuple[Windows, ...]) -> bool:
    return any(first <= window and (end is None or window < end) for first, end in stretches)


def words_within(utterance: UtteranceAccepted, window: int) -> float:
    """An utterance's share of words in a window: its overlap by its length, times its words."""
    length_ms = utterance.end_ms - utterance.start_ms
    if length_ms == 0:
        return float(utterance.num_words) if window == window_of(utterance.start_ms) else 0.0
    start_ms = window * WINDOW_MS
    overlap_ms = min(utterance.end_ms, start_ms + WINDOW_MS) - max(utterance.start_ms, start_ms)
    return max(0, overlap_ms) / length_ms * utterance.num_words


def fuse_window(window: Window, index: int, fuser: Fuser) -> Fused | None:
    return fuser.fuse(text_evidence(window, index), audio_evidence(window))


def both_triples(window: Window, index: int) -> tuple[Triple, Triple] | None:
    """What words and voice say, where both say something."""
    text, audio = text_evidence(window, index), audio_evidence(window)
    return (text.triple, audio.triple) if text and audio else None


def segment(
    call_id: str,
    participant: Participant,
    started_at_ms: int,
    index: int,
    windows: Mapping[int, Window],
    fuser: Fuser,
    emitted_at_ms: int,
    consent_changes: int = 0,
) -> Segment:
    """The row of window ``index``, from it and the five before (those that exist).

    Args:
        call_id: the call.
        participant: who spoke or wrote.
        started_at_ms: the call's start on the clock.
        index: the window.
        windows: it and those before, by index.
        fuser: makes one of voice and words.
        emitted_at_ms: clock time.
        consent_changes: how many changes of consent the row rests on.
    """
    window = windows[index]
    text, audio = text_evidence(window, index), audio_evidence(window)
    fused = fuser.fuse(text, audio)
    heard = window.audio.score if window.audio and not window.voice_is_withheld else None
    leading = leading_text(window, index)
    start_ms = index * WINDOW_MS
    return Segment(
        call_id=call_id,
        participant_id=participant.participant_id,
        window_start_ms=start_ms,
        role=participant.role,
        window_end_ms=start_ms + WINDOW_MS,
        window_start_at=EpochMs(started_at_ms + start_ms),
        revision=revision(index, windows) + consent_changes,
        text_negative=text.triple.negative if text else None,
        text_neutral=text.triple.neutral if text else None,
        text_positive=text.triple.positive if text else None,
        audio_negative=audio.triple.negative if audio else None,
        audio_neutral=audio.triple.neutral if audio else None,
        audio_positive=audio.triple.positive if audio else None,
        fused_negative=fused.triple.negative if fused else None,
        fused_neutral=fused.triple.neutral if fused else None,
        fused_positive=fused.triple.positive if fused else None,
        fused_label=label_of(fused.triple) if fused else None,
        score=score_of(fused.triple) if fused else None,
        rolling_30s_score=_rolling_score(index, windows, fuser),
        text_weight=fused.text_weight if fused else None,
        audio_weight=fused.audio_weight if fused else None,
        disagreement=disagreement(text.triple, audio.triple) if text and audio else None,
        missing=",".join(sorted(missing_reasons(window, index))),
        speech_ratio=heard.speech_ratio if heard else None,
        loudness_dbfs=heard.loudness_dbfs if heard else None,
        snr_db=heard.snr_db if heard else None,
        gap_ms=window.audio.cut.gap_ms if window.audio and heard else None,
        word_count=fsum(words_within(t.utterance, index) for t in window.texts),
        audio_model_id=heard.model_id if heard else None,
        text_model_id=leading.score.model_id if leading else None,
        fusion_model_id=fused.fusion_model_id if fused else None,
        language=leading.utterance.language if leading else None,
        emitted_at=EpochMs(emitted_at_ms),
    )


def revision(index: int, windows: Mapping[int, Window]) -> int:
    """How many distinct records a row rests on: the call's start, chunks and utterances.

    The consent changes that it rests on come on top.

    A chunk that lies in two windows is counted where it begins, or as carried into the first whose
    audio is known.
    """
    known = {k: windows[k] for k in _rolling(index) if k in windows}
    cuts = {k: window.audio.cut.chunks for k, window in known.items() if window.audio}
    begun = sum(chunks.chunks_begun for chunks in cuts.values())
    carried = sum(chunks.chunks_carried for k, chunks in cuts.items() if k - 1 not in cuts)
    utterances = {t.utterance.utterance_id for window in known.values() for t in window.texts}
    return 1 + begun + carried + len(utterances)


def missing_reasons(window: Window, index: int) -> Iterator[str]:
    """Why a modality has no score in this window."""
    if window.audio is None:
        yield "audio:no_audio"
    elif window.audio.score.missing:
        yield f"audio:{window.audio.score.missing}"
    if not any(text.score.triple for text in window.texts):
        yield f"text:{_why_no_text(window, index)}"


def _why_no_text(window: Window, index: int) -> str | None:
    if any(text.utterance.withheld for text in window.texts):
        return "withheld"
    leading = _most_words(window.texts, index)
    return leading.score.missing if leading else "no_words"


def _rolling(index: int) -> range:
    return range(max(0, index - ROLLING_WINDOWS + 1), index + 1)


def _rolling_score(index: int, windows: Mapping[int, Window], fuser: Fuser) -> float | None:
    fused = [fuse_window(windows[k], k, fuser) for k in _rolling(index) if k in windows]
    scores = [score_of(one.triple) for one in fused if one]
    return fmean(scores) if scores else None


def audio_evidence(window: Window) -> AudioEvidence | None:
    """What the voice says in a window; None where it has no score."""
    if window.audio is None:
        return None
    score = window.audio.score
    if score.triple is None:
        return None
    return AudioEvidence(
        score.triple, score.speech_ratio, score.snr_db, _embedding_of(score.embedding)
    )


def text_evidence(window: Window, index: int) -> TextEvidence | None:
    """The utterances' mean, each by its words within the window."""
    parts = [
        (words_within(text.utterance, index), text.score.triple, text.utterance.confidence)
        for text in window.texts
        if text.score.triple
    ]
    words = fsum(weight for weight, _, _ in parts)
    if not words:
        return None
    triple = Triple(*(fsum(w * t[label] for w, t, _ in parts) / words for label in range(3)))
    known = [(weight, confidence) for weight, _, confidence in parts if confidence is not None]
    known_words = fsum(weight for weight, _ in known)
    confidence = fsum(w * c for w, c in known) / known_words if known_words else None
    return TextEvidence(triple, words, confidence, _pooled_embedding(window, index))


def _pooled_embedding(window: Window, index: int) -> Embedding | None:
    """The mean of the utterances' embeddings, each by its words, as their triples are pooled.

    Only where one model gave them all: those of two models lie in different spaces.
    """
    scored = [text for text in window.texts if text.score.triple]
    parts = [
        (words_within(text.utterance, index), _embedding_of(text.score.embedding))
        for text in scored
    ]
    known = [(words, embedding) for words, embedding in parts if embedding is not None]
    total = sum(words for words, _ in known)
    if len(known) < len(scored) or len({text.score.model_id for text in scored}) > 1 or not total:
        return None
    pooled = np.add.reduce([words / total * embedding for words, embedding in known])
    return pooled.astype(np.float32)


def _embedding_of(data: bytes | None) -> Embedding | None:
    return None if data is None else np.frombuffer(data, dtype="<f2").astype(np.float32)


def leading_text(window: Window, index: int) -> ScoredText | None:
    """The utterance whose language and model have most of the window's words."""
    return _most_words([text for text in window.texts if text.utterance.num_words], index)


def _most_words(texts: Sequence[ScoredText], index: int) -> ScoredText | None:
    words: dict[tuple[str, str], float] = {}
    for text in texts:
        kind = (text.utterance.language, text.score.model_id or "")
        words[kind] = words.get(kind, 0.0) + words_within(text.utterance, index)
    if not words:
        return None
    leading = max(sorted(words), key=lambda kind: words[kind])
    return next(t for t in texts if (t.utterance.language, t.score.model_id or "") == leading)
