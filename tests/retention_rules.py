"""A day, and how long each class of data may be kept: shared by all tests of retention."""

from __future__ import annotations

from datetime import date

from connectors.retention import RetentionRules

TODAY = date(2026, 11, 24)
RULES = RetentionRules(
    segments_days=10,
    summaries_days=30,
    ledgers_days=20,
    rejects_days=5,
    staged_days=3,
    logs_days=400,
    audio_stream_hours=24,
    text_stream_hours=48,
)
