"""No byte of what policy withholds is kept, scored or stored, whatever comes in whatever order.

Every window of every participant sounds of a mark of its own, which is looked for in all state, in
all that models are given and in all rejects, after every single record. What must not be there is
told by a second, plain reading of policy and consents.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyflink.common import Row

from flink_job import call_intake
from flink_job.open_records import OpenRecords
from flink_job.settings import TimeSettings
from tests.builders import (
    CALL,
    STARTED_AT_MS,
    call_ended,
    call_started,
    chunk,
    consent_changed,
    joined,
    participant,
    utterance,
)
from tests.captured_metrics import CapturedGroup
from tests.job_run import JobRun, rows_of
from tests.policies import policies
from udfs.envelope import Limits
from udfs.policy import Policy, Subject, consent_of
from udfs.record_json import CallRecord, record_json
from udfs.records import AudioChunk, ConsentChanged, Participant, Utterance
from udfs.rows import REJECTS

pytestmark = pytest.mark.slow


WHO = ("customer", "agent")
NUM_WINDOWS = 5
WINDOW_MS = 5_000


def mark(who: str, window: int) -> bytes:
    """Eight bytes, a millisecond of sound, that stand for one window."""
    return f"<{who[:4]}{window:02d}>".encode()


def sound(who: str, start_ms: int, end_ms: int) -> bytes:
    """The marks of its windows, one a millisecond."""
    return b"".join(
        mark(who, window)
        * (min(end_ms, (window + 1) * WINDOW_MS) - max(start_ms, window * WINDOW_MS))
        for window in range(start_ms // WINDOW_MS, -(-end_ms // WINDOW_MS))
    )


def said(who: str, window: int) -> str:
    return f"secret-of-{who}-{window}"


@dataclass(frozen=True)
class Call:
    policy: Policy
    people: dict[str, Participant]
    jurisdiction: str
    changes: tuple[ConsentChanged, ...]
    joins_late: bool

    def is_withheld(self, who: str, window: int, known: list[ConsentChanged]) -> bool:
        """By the plain reading: the voice, given the changes that have come."""
        return self._ruling("audio", who, window, known, "en-US").is_withheld

    def words_are_withheld(self, who: str, window: int, known: list[ConsentChanged]) -> bool:
        return self._ruling("text", who, window, known, "en-US").is_withheld

    def _ruling(self, modality: Any, who: str, window: int, known: list, language: str) -> Any:
        consent = self.people[who].consent
        for change in sorted(known, key=lambda change: change.at_ms):
            if change.participant_id == who and acts_on(change, window):
                consent = change.consent
        role = self.people[who].role
        whose = Subject(role, self.jurisdiction, consent_of(consent), language, "call")
        return self.policy.ruling(modality, whose)

    def records(self, dice: random.Random) -> list[bytes]:
        """In any order, some twice, some damaged, after the announcements."""
        first, later = (WHO[:1], WHO[1:]) if self.joins_late else (WHO, ())
        started = call_started(
            jurisdiction=self.jurisdiction, participants=tuple(self.people[who] for who in first)
        )
        rest: list[bytes] = [record_json(change) for change in self.changes]
        rest += [record_json(joined(who, **fields_of(self.people[who]))) for who in later]
        expected = {}
        for who in WHO:
            chunks = list(self._chunks(who, dice))
            expected[who] = len(chunks)
            rest += [record_json(one) for one in chunks]
            rest += [record_json(one) for one in dice.sample(chunks, 2)]
            rest += [damaged(one, dice) for one in dice.sample(chunks, 3)]
            words = [
                utterance(k, k * WINDOW_MS + 500, k * WINDOW_MS + 900, who, text=said(who, k))
                for k in range(NUM_WINDOWS)
            ]
            rest += [record_json(one) for one in words]
            rest += [damaged(one, dice) for one in dice.sample(words, 2)]
        ends = call_ended(
            NUM_WINDOWS * WINDOW_MS, chunks=expected, utterances=len(WHO) * NUM_WINDOWS
        )
        dice.shuffle(rest)
        begins_at = dice.choice([0, 0, 0, 5])
        ends_at = dice.randint(len(rest) // 2, len(rest))
        return [
            *rest[:begins_at],
            record_json(started),
            *rest[begins_at:ends_at],
            record_json(ends),
            *rest[ends_at:],
        ]

    @staticmethod
    def _chunks(who: str, dice: random.Random) -> Iterator[AudioChunk]:
        at_ms, sequence = 0, 0
        while at_ms < NUM_WINDOWS * WINDOW_MS:
            until_ms = min(NUM_WINDOWS * WINDOW_MS, at_ms + dice.choice([200, 1_000, 2_600, 7_000]))
            payload = sound(who, at_ms, until_ms)
            yield chunk(sequence, at_ms, until_ms - at_ms, who, payload=payload)
            at_ms, sequence = until_ms, sequence + 1


def acts_on(change: ConsentChanged, window: int) -> bool:
    if change.consent:
        return change.at_ms <= window * WINDOW_MS
    return change.retroactive or change.at_ms < (window + 1) * WINDOW_MS


def fields_of(person: Participant) -> dict[str, Any]:
    return {"role": person.role, "person_id": person.person_id, "consent": person.consent}


def damaged(record: CallRecord, dice: random.Random) -> bytes:
    """Another record in its place, or one that the door refuses."""
    fields = json.loads(record_json(record))
    if isinstance(record, Utterance):
        changes = [{"text": f"{record.text}!"}, {"confidence": 7}, {"start_ms": 99_999}]
    else:
        changes = [
            {"offset_ms": record.offset_ms + 1},
            {"encoding": "opus"},
            {"sample_rate_hz": 1},
            {"sequence": -1},
            {"participant_id": "stranger"},
            {"type": "audoi"},
            {"call_id": ""},
            {"type": "consent_changed", "consent": "?"},
        ]
    data = json.dumps({**fields, **dice.choice(changes)}).encode()
    return data[:-1] if dice.random() < 0.1 else data


@st.composite
def calls(draw) -> Call:
    consents = st.sampled_from([True, True, False, None])
    people = {who: participant(who, consent=draw(consents)) for who in WHO}
    changes = draw(
        st.lists(
            st.builds(
                consent_changed,
                st.integers(0, NUM_WINDOWS * WINDOW_MS),
                st.sampled_from(WHO),
                consent=st.booleans(),
                retroactive=st.booleans(),
            ),
            max_size=4,
            unique_by=lambda change: (change.participant_id, change.at_ms),
        )
    )
    place = draw(st.sampled_from(["DE", "US-CA", "US", "", "NO"]))
    return Call(draw(policies()), people, place, tuple(changes), draw(st.booleans()))


@dataclass
class Watched:
    """A job whose every output and all of whose state is looked at after each record."""

    call: Call
    known: list[ConsentChanged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.job = JobRun(policy=self.call.policy)
        self.doors = {}
        for stream in ("audio", "text"):
            self.doors[stream] = OpenRecords(stream, Limits(), TimeSettings())
            self.doors[stream].open(CapturedGroup())
        self.num_stored = 0

    @property
    def rejects(self) -> list[Row]:
        return self.job.intake.side_output.get("rejects", [])

    def send(self, number: int, data: bytes) -> None:
        stream = "text" if b'"utterance"' in data else "audio"
        models, before = len(self.job.to_models), len(self.rejects)
        row = Row(data, STARTED_AT_MS, str(number), "shard")
        door_rejects = []
        for out in self.doors[stream].process_element(row, None):
            if isinstance(out, tuple):
                door_rejects.append(out[1])
                continue
            call_id, _, _, opened = out
            self._note(data)
            self.job.intake.send(call_id, opened)
            self.job._hand_on()
        new_rejects = rows_of(REJECTS, [*door_rejects, *self.rejects[before:]])
        stored = [row["payload"] or b"" for row in new_rejects]
        self.num_stored += sum(map(bool, stored))
        self._look_for_withheld(self.job.to_models[models:], stored)

    def _note(self, data: bytes) -> None:
        """A change of consent counts as soon as it has come, for someone announced or not."""
        for change in self.call.changes:
            if data == record_json(change) and change not in self.known:
                self.known.append(change)

    def _look_for_withheld(self, to_models: list[bytes], stored: list[bytes]) -> None:
        held = [*bytes_in(self.job.held(CALL))]
        sounds = [*held, *to_models, *stored, *map(audio_in, stored)]
        for who in WHO:
            for window in range(NUM_WINDOWS):
                if self.call.is_withheld(who, window, self.known):
                    assert not any(mark(who, window) in each for each in sounds)
                if self.call.words_are_withheld(who, window, self.known):
                    words = said(who, window).encode()
                    assert not any(words in each for each in [*to_models, *stored])


def bytes_in(value: Any) -> Iterator[bytes]:
    """Every piece of bytes in nested state."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from bytes_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from bytes_in(each)


def audio_in(reject: bytes) -> bytes:
    fields = json.loads(reject) if reject else {}
    return base64.b64decode(fields.get("payload", ""))


@pytest.fixture(autouse=True)
def trusted_stream_time(monkeypatch):
    monkeypatch.setattr(call_intake, "_monotonic_ms", lambda: 0)


@given(calls(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_no_byte_of_what_is_withheld_is_kept_scored_or_stored(call, dice):
    watched = Watched(call)

    for number, data in enumerate(call.records(dice)):
        watched.send(number, data)
        if number % 7 == 0:
            watched.job.advance_clock(1_500)
            watched._look_for_withheld([], [])
    watched.job.advance_watermark_to(STARTED_AT_MS + 700_000)
    watched._look_for_withheld([], [])


@given(calls(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_what_may_be_used_reaches_the_models(call, dice):
    """Where all changes come first, everything not withheld is scored and the rest named."""
    watched = Watched(call)
    people = tuple(call.people.values())
    chunks = {who: list(call._chunks(who, dice)) for who in WHO}
    watched.job.send(
        call_started(jurisdiction=call.jurisdiction, participants=people), *call.changes
    )
    watched.job.send(*(one for theirs in chunks.values() for one in theirs))
    expected = {who: len(theirs) for who, theirs in chunks.items()}
    watched.job.send(call_ended(NUM_WINDOWS * WINDOW_MS, chunks=expected, utterances=0))

    heard = b"".join(watched.job.to_models)
    missing = {
        (row["participant_id"], row["window_start_ms"] // WINDOW_MS): row["missing"]
        for row in watched.job.segments
    }
    for who in WHO:
        for window in range(NUM_WINDOWS):
            withheld = call.is_withheld(who, window, list(call.changes))
            assert (mark(who, window) in heard) == (not withheld)
            assert ("audio:withheld" in missing[who, window]) == withheld
    assert all(row["complete"] for row in watched.job.ledgers)
    for row in watched.job.ledgers:
        theirs = [
            one for who, each in chunks.items() for one in each if who == row["participant_id"]
        ]
        if row["participant_id"] != "all":
            assert row["chunks_withheld"] == sum(
                call.is_withheld(one.participant_id, one.offset_ms // WINDOW_MS, list(call.changes))
                for one in theirs
            )
