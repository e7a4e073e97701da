"""Drive ``udfs.intake`` by hand: one call, its state written and read again at every step."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from tests.builders import STARTED_AT_MS, arrival
from udfs.call_state import KeptChunk, OpenCall, Tombstone, decode_state, encode_state
from udfs.decisions import Decision, Refusal, ToDo
from udfs.intake import Intake, IntakeRules
from udfs.policy import Policy, read_policy
from udfs.record_json import CallRecord
from udfs.records import (
    Announced,
    AudioChunk,
    CallClosed,
    RejectNotice,
    UtteranceAccepted,
    WindowCut,
)
from udfs.windows import WindowSignal

DEFAULT_POLICY = read_policy()


class MemoryStore:
    """A call's audio and digests as bytes in dictionaries."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, int], bytes] = {}
        self.digests_of: dict[tuple[str, int], dict[int, int]] = {}
        self.utterances: dict[str, int] = {}

    def put_chunk(self, participant_id: str, kept: KeptChunk) -> None:
        self.chunks[participant_id, kept.chunk.sequence] = msgspec.msgpack.encode(kept)

    def chunk(self, participant_id: str, sequence: int) -> KeptChunk | None:
        data = self.chunks.get((participant_id, sequence))
        return None if data is None else msgspec.msgpack.decode(data, type=KeptChunk)

    def drop_chunk(self, participant_id: str, sequence: int) -> None:
        del self.chunks[participant_id, sequence]

    def put_digests(self, participant_id: str, window: int, digests: dict[int, int]) -> None:
        self.digests_of[participant_id, window] = dict(digests)

    def digests(self, participant_id: str, window: int) -> dict[int, int]:
        return dict(self.digests_of.get((participant_id, window), {}))

    def put_utterance(self, utterance_id: str, digest: int) -> None:
        self.utterances[utterance_id] = digest

    def utterance(self, utterance_id: str) -> int | None:
        return self.utterances.get(utterance_id)

    def clear(self) -> None:
        self.chunks.clear()
        self.digests_of.clear()
        self.utterances.clear()

    @property
    def is_empty(self) -> bool:
        return not (self.chunks or self.digests_of or self.utterances)


@dataclass
class IntakeRun:
    """One call. A record arrives at ``arrival_ms``; stream time is what ``give_up`` is told."""

    rules: IntakeRules = field(default_factory=IntakeRules)
    policy: Policy = DEFAULT_POLICY
    arrival_ms: int = STARTED_AT_MS
    now_ms: int = 0
    decisions: list[Decision] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)
    state: bytes = field(default_factory=lambda: encode_state(OpenCall()))
    is_closed: bool = False

    def take(
        self, *records: CallRecord | RejectNotice, arrival_ms: int | None = None, now_ms: int = 0
    ) -> list[Decision]:
        """Hand in records; what was decided."""
        before = len(self.decisions)
        self.arrival_ms = self.arrival_ms if arrival_ms is None else arrival_ms
        self.now_ms = max(self.now_ms, now_ms)
        for record in records:
            if self.is_closed:
                break
            call = self.call
            intake = Intake(self.rules, self.policy)
            came = arrival(self.arrival_ms)
            self.decisions += intake.take(call, self.store, record, came, self.now_ms)
            self._settle(intake, call, 0)
        return self.decisions[before:]

    def advance_stream_to(self, stream_ms: int) -> list[Decision]:
        """Stream time has come so far; what was given up."""
        before = len(self.decisions)
        if not self.is_closed:
            self._settle(Intake(self.rules, self.policy), self.call, stream_ms)
        return self.decisions[before:]

    def advance_clock_to(self, now_ms: int) -> list[Decision]:
        before = len(self.decisions)
        self.now_ms = now_ms
        call, intake = self.call, Intake(self.rules, self.policy)
        self.decisions += intake.stop_waiting_for_gaps(call, self.store, now_ms)
        self._settle(intake, call, 0)
        return self.decisions[before:]

    def _settle(self, intake: Intake, call: OpenCall, stream_ms: int) -> None:
        self.decisions += intake.give_up(call, stream_ms)
        if intake.is_over(call, stream_ms):
            self.decisions += intake.close(call, self.store, self.now_ms)
            self.is_closed = True
        self.state = encode_state(call)

    @property
    def call(self) -> OpenCall:
        state = decode_state(self.state)
        assert not isinstance(state, Tombstone)
        return state

    # --- what came of it -----------------------------------------------------------------------

    @property
    def refusals(self) -> list[tuple[str, CallRecord]]:
        return [(d.reason, d.record) for d in self.decisions if isinstance(d, Refusal)]

    @property
    def reasons(self) -> list[str]:
        return [reason for reason, _ in self.refusals]

    @property
    def work(self) -> list[ToDo]:
        return [d for d in self.decisions if isinstance(d, ToDo)]

    @property
    def windows(self) -> dict[tuple[str, int], tuple[WindowCut, WindowSignal]]:
        """The newest cut of each window."""
        return {
            (todo.work.participant_id, todo.work.window): (todo.work, todo.signal)
            for todo in self.work
            if isinstance(todo.work, WindowCut) and todo.signal is not None
        }

    @property
    def cuts(self) -> list[tuple[str, int]]:
        """Every cut in order."""
        works = [todo.work for todo in self.work]
        return [(w.participant_id, w.window) for w in works if isinstance(w, WindowCut)]

    @property
    def utterances(self) -> dict[str, tuple[UtteranceAccepted, str | None]]:
        return {
            todo.work.utterance_id: (todo.work, todo.text)
            for todo in self.work
            if isinstance(todo.work, UtteranceAccepted)
        }

    @property
    def announced(self) -> list[str]:
        works = [todo.work for todo in self.work]
        return [
            who.participant_id for w in works if isinstance(w, Announced) for who in w.participants
        ]

    @property
    def closed(self) -> CallClosed:
        (closed,) = [todo.work for todo in self.work if isinstance(todo.work, CallClosed)]
        return closed


def audio_of(records: list[CallRecord]) -> list[AudioChunk]:
    return [record for record in records if isinstance(record, AudioChunk)]
