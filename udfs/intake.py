"""A call's records in any order become work in order: the rules of acceptance.

    record ─► known call? ─► known participant? ─► new, duplicate or conflict? ─► policy ─► accepted
                 │ no: text waits, audio is refused         │ a window is whole ─► WindowCut
                 ▼                                          ▼ all that is expected ─► CallClosed

What policy withholds goes no further: of audio only its place in the call is kept, with silence in
place of its sound; text is counted and dropped (``udfs.gate``).

Pure: state, clock and stream time are handed in. ``Intake`` decides for one call at a time;
``flink_job.call_intake`` keeps the state and the timers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from udfs.call_ledger import all_expected_came, close_ledger
from udfs.call_state import CallStore, KeptChunk, OpenCall, Voice, Waiting
from udfs.decisions import Decision, Refusal, ToDo, digest, refuse_noticed
from udfs.gate import Gate, is_withheld, known_step, may_keep, without_withheld
from udfs.policy import Policy
from udfs.record_json import CallRecord
from udfs.records import (
    Announced,
    Arrival,
    AudioChunk,
    CallEnded,
    CallStarted,
    ConsentChanged,
    Participant,
    ParticipantJoined,
    RejectNotice,
    RejectReason,
    Utterance,
    UtteranceAccepted,
)
from udfs.window_cutting import WindowCutter, digest_of, kept_of, last_touched, num_begun
from udfs.windows import is_chat, window_of
from udfs.words import count_words

_PARTIAL = -1
"""Stands for the digest of an utterance whose final text has not come."""


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """How long intake waits; all but the first in stream time or call time."""

    gap_wait_ms: int = 3_000
    """Clock time a window with a gap waits after later audio came."""
    late_audio_ms: int = 15_000
    """Call time that audio may lie behind the newest of its participant."""
    announcement_wait_ms: int = 120_000
    """Stream time that text waits for its call or participant."""
    end_wait_ms: int = 60_000
    """Stream time an ended call waits for what is still missing."""
    idle_wait_ms: int = 600_000
    """Stream time a call without a ``call_ended`` stays open after its last record."""


class Intake:
    """The rules of acceptance, for one call at a time."""

    def __init__(self, rules: IntakeRules, policy: Policy) -> None:
        self._rules = rules
        self._gate = Gate(policy)
        self._cutter = WindowCutter(rules.gap_wait_ms, rules.late_audio_ms)

    def admit_unruled(self, call: OpenCall, store: CallStore) -> None:
        """Let policy rule on the voices of a state that was written before there was one."""
        for voice in call.voices.values():
            if call.started is not None and not voice.party.consents:
                voice.party = self._gate.admit(call.started, voice.participant)
                self._forget_withheld(voice, store)

    def take(
        self,
        call: OpenCall,
        store: CallStore,
        record: CallRecord | RejectNotice,
        arrival: Arrival,
        now_ms: int,
    ) -> Iterator[Decision]:
        """Take one record of an open call (or of one not heard of), changing ``call``.

        Args:
            call: the working copy of the call's state.
            store: the call's audio and digests.
            record: one of the call's.
            arrival: where it came from.
            now_ms: clock time; only says how long a window with a gap has waited.
        """
        if call.started is None and isinstance(record, AudioChunk | RejectNotice):
            if isinstance(record, AudioChunk):
                yield Refusal("no_call_started", record, arrival)
            else:
                yield from refuse_noticed(self._gate, record, arrival, None)
            return
        call.last_arrival_ms = max(call.last_arrival_ms, arrival.arrival_ms)
        match record:
            case CallStarted():
                yield from self._start(call, store, record, arrival, now_ms)
            case RejectNotice():
                self._note_reject(call, record)
                voice = call.voices.get(record.participant_id or "")
                party = voice.party if voice else None
                yield from refuse_noticed(self._gate, record, arrival, party)
            case _ if call.started is None:
                call.waiting.append(Waiting(record, arrival))
            case ParticipantJoined():
                yield from self._join(call, store, record, arrival, now_ms)
            case AudioChunk():
                yield from self._audio(call, store, record, arrival, now_ms)
            case Utterance():
                yield from self._utterance(call, store, record, arrival, now_ms)
            case ConsentChanged():
                yield from self._change_consent(call, store, record, arrival)
            case CallEnded():
                yield from self._end(call, record, arrival)
        yield from self.stop_waiting_for_gaps(call, store, now_ms)

    # --- announcements -------------------------------------------------------------------------

    def _start(
        self, call: OpenCall, store: CallStore, record: CallStarted, arrival: Arrival, now_ms: int
    ) -> Iterator[Decision]:
        if call.started is not None:
            if record != call.started:
                yield Refusal("conflict", record, arrival, keeps_content=True)
            return
        call.started = record
        yield from self._announce(call, record.participants)
        yield from self._retry_waiting(call, store, now_ms)

    def _join(
        self,
        call: OpenCall,
        store: CallStore,
        record: ParticipantJoined,
        arrival: Arrival,
        now_ms: int,
    ) -> Iterator[Decision]:
        known = call.voices.get(record.participant.participant_id)
        if known is not None:
            if known.participant != record.participant:
                yield Refusal("conflict", record, arrival, keeps_content=True)
            return
        call.joined += 1
        yield from self._announce(call, (record.participant,))
        yield from self._retry_waiting(call, store, now_ms)

    def _announce(
        self, call: OpenCall, participants: tuple[Participant, ...]
    ) -> Iterator[Decision]:
        assert call.started is not None  # noqa: S101 - callers announce into a started call
        for participant in participants:
            party = self._gate.admit(call.started, participant)
            call.voices[participant.participant_id] = Voice(participant, party)
        yield ToDo(Announced(call.started.started_at_ms, participants))

    def _retry_waiting(self, call: OpenCall, store: CallStore, now_ms: int) -> Iterator[Decision]:
        waiting, call.waiting = call.waiting, []
        # A participant may wait in line behind its own utterance, or behind its consent.
        for entry in sorted(waiting, key=_rank_of_waiting):
            yield from self.take(call, store, entry.record, entry.arrival, now_ms)

    def _note_reject(self, call: OpenCall, notice: RejectNotice) -> None:
        if not notice.is_audio:
            return
        voice = call.voices.get(notice.participant_id or "")
        if voice is None:
            call.rejected += 1
        else:
            voice.rejected += 1

    # --- consent -------------------------------------------------------------------------------

    def _change_consent(
        self, call: OpenCall, store: CallStore, change: ConsentChanged, arrival: Arrival
    ) -> Iterator[Decision]:
        voice = call.voices.get(change.participant_id)
        if voice is None:
            call.waiting.append(Waiting(change, arrival))
            return
        party = voice.party
        known = known_step(party, change)
        if known is not None:
            if not known:
                yield Refusal("conflict", change, arrival, keeps_content=True)
            return
        touched = last_touched(voice)
        before = [is_withheld(party, window) for window in range(touched + 1)]
        party.consents.append(self._gate.change(party, change, touched))
        newly = [k for k, was in enumerate(before) if not was and is_withheld(party, k)]
        voice.withheld += num_begun(voice, store, newly)
        self._forget_withheld(voice, store)
        yield ToDo(self._gate.ruled(change.participant_id, party, change))

    @staticmethod
    def _forget_withheld(voice: Voice, store: CallStore) -> None:
        """Put silence in place of kept sound that must not be used any more."""
        for window in voice.touching:
            if not is_withheld(voice.party, window):
                continue
            for kept in kept_of(voice, store, window):
                silenced = without_withheld(voice.party, kept.chunk)
                store.put_chunk(voice.participant.participant_id, KeptChunk(silenced, kept.digest))

    # --- audio ---------------------------------------------------------------------------------

    def _audio(
        self, call: OpenCall, store: CallStore, chunk: AudioChunk, arrival: Arrival, now_ms: int
    ) -> Iterator[Decision]:
        voice = call.voices.get(chunk.participant_id)
        if voice is None:
            call.rejected += 1
            yield Refusal("unknown_participant", chunk, arrival)
            return
        chunk_digest = digest(chunk)
        if voice.has(chunk.sequence):
            if digest_of(store, chunk) == chunk_digest:
                voice.duplicates += 1
            else:
                voice.rejected += 1
                yield Refusal("conflict", chunk, arrival, may_keep(voice.party, chunk))
            return
        if self._cutter.comes_too_late(voice, chunk):
            voice.rejected += 1
            yield Refusal("late_audio", chunk, arrival, may_keep(voice.party, chunk))
            return
        usable = without_withheld(voice.party, chunk)
        store.put_chunk(chunk.participant_id, KeptChunk(usable, chunk_digest))
        voice.withheld += is_withheld(voice.party, window_of(chunk.offset_ms))
        yield from self._cutter.take(voice, store, usable, now_ms)

    # --- text ----------------------------------------------------------------------------------

    def _utterance(
        self, call: OpenCall, store: CallStore, record: Utterance, arrival: Arrival, now_ms: int
    ) -> Iterator[Decision]:
        voice = call.voices.get(record.participant_id)
        if voice is None:
            call.waiting.append(Waiting(record, arrival))
            return
        known = store.utterance(record.utterance_id)
        if record.is_partial:
            if known is None:
                store.put_utterance(record.utterance_id, _PARTIAL)
                voice.partial_only += 1
            return
        if known not in (None, _PARTIAL):
            if known != digest(record):
                keeps_content = self._gate.text(voice.party, record).keeps_rejects
                yield Refusal("conflict", record, arrival, keeps_content)
            return
        voice.partial_only -= known == _PARTIAL
        voice.utterances += 1
        store.put_utterance(record.utterance_id, digest(record))
        ruling = self._gate.text(voice.party, record)
        withheld = ruling.is_withheld
        kind = (record.language, is_chat(record))
        if kind not in voice.party.texts:
            voice.party.texts.append(kind)
        work = UtteranceAccepted(
            record.participant_id,
            record.utterance_id,
            record.start_ms,
            record.end_ms,
            0 if withheld else count_words(record.text),
            record.language,
            record.confidence,
            now_ms,
            audio_begun=voice.chunks > 0,
            withheld=withheld,
        )
        yield ToDo(work, None, None if withheld else record.text, ruling.may_send_raw)

    # --- the end -------------------------------------------------------------------------------

    def _end(self, call: OpenCall, record: CallEnded, arrival: Arrival) -> Iterator[Decision]:
        assert call.started is not None  # noqa: S101 - an unannounced call's end waits
        if call.ended is not None:
            if record != call.ended:
                yield Refusal("conflict", record, arrival, keeps_content=True)
        elif record.ended_at_ms < call.started.started_at_ms:
            yield Refusal("ended_before_started", record, arrival, keeps_content=True)
        else:
            call.ended = record
            call.ended_arrival_ms = arrival.arrival_ms

    def deadline_ms(self, call: OpenCall) -> int | None:
        """Stream time at which waiting for something of this call is over; None: nothing waits."""
        deadlines = [
            entry.arrival.arrival_ms + self._rules.announcement_wait_ms for entry in call.waiting
        ]
        if call.started is not None:
            deadlines.append(self._close_at_ms(call))
        return min(deadlines, default=None)

    def _close_at_ms(self, call: OpenCall) -> int:
        if call.ended is not None:
            return call.ended_arrival_ms + self._rules.end_wait_ms
        return call.last_arrival_ms + self._rules.idle_wait_ms

    def gap_deadline_ms(self, call: OpenCall) -> int | None:
        """Clock time at which the wait of the first window with a gap is over."""
        waits = [at for voice in call.voices.values() for at in voice.give_up_at_ms.values()]
        return min(waits, default=None)

    def stop_waiting_for_gaps(
        self, call: OpenCall, store: CallStore, now_ms: int
    ) -> Iterator[Decision]:
        """Cut the windows that have waited for a gap long enough."""
        for voice in call.voices.values():
            yield from self._cutter.cut_waiting(voice, store, now_ms)

    def give_up(self, call: OpenCall, stream_ms: int) -> Iterator[Decision]:
        """Refuse the records that have waited long enough for an announcement."""
        still_waiting: list[Waiting] = []
        for entry in call.waiting:
            if entry.arrival.arrival_ms + self._rules.announcement_wait_ms <= stream_ms:
                yield self._never_announced(call, entry)
            else:
                still_waiting.append(entry)
        call.waiting = still_waiting

    def _never_announced(self, call: OpenCall, entry: Waiting) -> Refusal:
        reason: RejectReason = "no_call_started" if call.started is None else "unknown_participant"
        # A change of consent holds nothing that was said, and may have to be carried out by hand.
        keeps_content = isinstance(entry.record, ConsentChanged)
        return Refusal(reason, entry.record, entry.arrival, keeps_content)

    def is_over(self, call: OpenCall, stream_ms: int) -> bool:
        """Whether the call closes now: all that is expected came, or it was waited for."""
        if call.started is None:
            return False
        return all_expected_came(call) or self._close_at_ms(call) <= stream_ms

    def close(self, call: OpenCall, store: CallStore, now_ms: int) -> Iterator[Decision]:
        """Cut what is left, tell what was counted, forget the audio."""
        for entry in call.waiting:
            yield self._never_announced(call, entry)
        for voice in call.voices.values():
            yield from self._cutter.cut_rest(voice, store, now_ms)
        yield ToDo(close_ledger(call))
        store.clear()


def _rank_of_waiting(entry: Waiting) -> int:
    match entry.record:
        case ParticipantJoined():
            return 0
        case ConsentChanged():
            return 1
        case _:
            return 2
