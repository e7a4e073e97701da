"""The views for daily use."""

from __future__ import annotations

from connectors.warehouse.contract import Batch
from tests.connectors.warehouse.loads import load
from tests.row_builders import segment, summary, unheard
from udfs.rows import CALLS, SEGMENTS, EpochMs

HOUR_MS = 3_600_000


def test_windows_by_agent_hour_and_label(session, spec, warehouse) -> None:
    agent = {"participant_id": "a1", "role": "agent"}
    other_agent = {"participant_id": "a2", "role": "agent"}
    at_half_past = segment().window_start_at
    load(
        warehouse,
        Batch(CALLS, (summary(), summary(**agent, person_key="p-7"), summary(**other_agent))),
    )
    load(
        warehouse,
        Batch(
            SEGMENTS,
            (
                segment(0, score=1.0, fused_label="positive"),
                segment(1, score=2.0, fused_label="positive"),
                segment(2, score=-2.0, fused_label="negative"),
                segment(3, score=3.0, window_start_at=EpochMs(at_half_past + HOUR_MS)),
                segment(0, **agent, score=0.5),
                unheard(4),
            ),
        ),
    )

    found = session.query(
        "SELECT EXTRACT(EPOCH FROM hour_start - MIN(hour_start) OVER ()) / 3600, "
        "role, label, num_windows, mean_score "
        f"FROM {spec.schema}.sentiment_by_agent_hour WHERE agent_id = 'p-7'"
    )
    # the pseudonym, where there is one; the other agent did not speak
    by_other = session.query(
        f"SELECT DISTINCT role FROM {spec.schema}.sentiment_by_agent_hour WHERE agent_id = 'a2'"
    )

    assert sorted(found) == [
        (0, "agent", "neutral", 1, 0.5),
        (0, "customer", "negative", 1, -2.0),
        (0, "customer", "positive", 2, 1.5),
        (1, "customer", "neutral", 1, 3.0),
    ]
    assert by_other == [("customer",)]


def test_falling_calls_are_those_of_customers_who_end_lower(session, spec, warehouse) -> None:
    load(
        warehouse,
        Batch(
            CALLS,
            (
                summary(call_id="falls", score_change=-1.5),
                summary(call_id="rises", score_change=1.5),
                summary(call_id="unknown", score_change=None),
                summary(call_id="agent", role="agent", score_change=-1.5),
            ),
        ),
    )

    assert session.query(f"SELECT call_id, score_change FROM {spec.schema}.falling_call") == [
        ("falls", -1.5)
    ]


def test_voice_against_words_says_what_each_says(session, spec, warehouse) -> None:
    smile = {"text_negative": 0.1, "text_neutral": 0.2, "text_positive": 0.7}
    anger = {"audio_negative": 0.6, "audio_neutral": 0.3, "audio_positive": 0.1}
    load(
        warehouse,
        Batch(
            SEGMENTS,
            (
                segment(0),  # both neutral
                segment(1, **smile, **anger, disagreement=0.6),
                unheard(2),
            ),
        ),
    )

    assert session.query(
        "SELECT window_start_ms, voice_label, words_label, disagreement "
        f"FROM {spec.schema}.voice_against_words"
    ) == [(5_000, "negative", "positive", 0.6)]
