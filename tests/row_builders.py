"""Rows with a default for everything: a test names only the fields it is about."""

from __future__ import annotations

from typing import Any

from udfs.rows import EpochMs, Ledger, Reject, Segment, Summary

STARTED_AT = EpochMs(1_795_440_600_000)  # 2026-11-23 13:30 UTC
WINDOW_MS = 5_000


def segment(window: int = 0, **fields: Any) -> Segment:
    """Window number ``window`` of the customer of ``call-1``, scored by both models."""
    start_ms = window * WINDOW_MS
    return Segment(
        **{
            "call_id": "call-1",
            "participant_id": "c1",
            "window_start_ms": start_ms,
            "role": "customer",
            "window_end_ms": start_ms + WINDOW_MS,
            "window_start_at": EpochMs(STARTED_AT + start_ms),
            "revision": 25,
            "text_negative": 0.2,
            "text_neutral": 0.5,
            "text_positive": 0.3,
            "audio_negative": 0.3,
            "audio_neutral": 0.6,
            "audio_positive": 0.1,
            "fused_negative": 0.2,
            "fused_neutral": 0.6,
            "fused_positive": 0.2,
            "fused_label": "neutral",
            "score": 0.0,
            "rolling_30s_score": 0.0,
            "text_weight": 0.6,
            "audio_weight": 0.4,
            "disagreement": 0.15,
            "missing": "",
            "speech_ratio": 0.8,
            "loudness_dbfs": -22.0,
            "snr_db": 21.0,
            "gap_ms": 0,
            "word_count": 9.0,
            "audio_model_id": "audio-1",
            "text_model_id": "text-1",
            "fusion_model_id": "prior-1",
            "language": "en-US",
            "emitted_at": EpochMs(STARTED_AT + start_ms + 8_200),
            **fields,
        }
    )


def unheard(window: int = 0, **fields: Any) -> Segment:
    """A window in which the participant says nothing: no triple, no score, both reasons."""
    triples = {
        f"{modality}_{label}": None
        for modality in ("text", "audio", "fused")
        for label in ("negative", "neutral", "positive")
    }
    return segment(
        window,
        **{
            **triples,
            "fused_label": None,
            "score": None,
            "rolling_30s_score": None,
            "text_weight": None,
            "audio_weight": None,
            "disagreement": None,
            "missing": "audio:no_speech,text:no_words",
            "speech_ratio": 0.0,
            "loudness_dbfs": None,
            "snr_db": None,
            "word_count": 0.0,
            **fields,
        },
    )


def summary(**fields: Any) -> Summary:
    """The customer of ``call-1``, a call of a minute."""
    return Summary(
        **{
            "call_id": "call-1",
            "participant_id": "c1",
            "role": "customer",
            "started_at": STARTED_AT,
            "ended_at": EpochMs(STARTED_AT + 60_000),
            "revision": 300,
            "person_key": None,
            "score": 0.5,
            "score_q1": 0.2,
            "score_q2": 0.4,
            "score_q3": 0.6,
            "score_q4": 0.8,
            "score_change": 0.6,
            "windows_negative": 1,
            "windows_neutral": 8,
            "windows_positive": 3,
            "talk_ms": 24_000,
            "non_talk_ms": None,
            "interruptions": 1,
            "talk_speed_wpm": 148.0,
            "loudness_dbfs": -21.5,
            "disagreement": 0.18,
            **fields,
        }
    )


def ledger(**fields: Any) -> Ledger:
    """The customer of ``call-1``, of whom everything came."""
    return Ledger(
        **{
            "call_id": "call-1",
            "participant_id": "c1",
            "revision": 300,
            "chunks_expected": 300,
            "chunks_seen": 300,
            "chunks_duplicate": 0,
            "chunks_missing": 0,
            "chunks_rejected": 0,
            "chunks_withheld": 0,
            "missing_sequences": "",
            "utterances_expected": None,
            "utterances_seen": 7,
            "utterances_partial_only": 0,
            "windows_scored": 12,
            "windows_missing": "",
            "windows_lost": 0,
            "complete": True,
            "closed_by": "call_ended",
            **fields,
        }
    )


def reject(**fields: Any) -> Reject:
    """A record of the audio stream that is not JSON."""
    return Reject(
        **{
            "step": "open",
            "reason": "not_json",
            "call_id": None,
            "stream": "audio",
            "shard": "shardId-000000000000",
            "sequence_number": "49590338271490256608559692538361571095921575989136588898",
            "arrival": EpochMs(STARTED_AT + 1_000),
            "payload": b"{",
            **fields,
        }
    )
