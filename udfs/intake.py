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

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from udfs.call_ledger import close_ledger
from udfs.call_state import (
    CallStore,
    KeptChunk,
    OpenCall,
    Party,
    Run,
    Tombstone,
    Voice,
    Waiting,
)
from udfs.gate import (
    Gate,
    consent_at,
    is_withheld,
    may_keep,
    without_withheld,
)
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
    WindowCut,
    WindowLedger,
    Work,
)
from udfs.windows import (
    WINDOW_US,
    WindowSignal,
    arrange,
    chunk_end_us,
    is_chat,
    last_window_of,
    window_of,
    windows_touched,
)
from udfs.words import count_words

_MAX_CHUNK_LENGTHS = 8


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


class Refusal(msgspec.Struct, frozen=True):
    """A record that did not fit its call."""

    reason: RejectReason
    record: CallRecord | RejectNotice
    arrival: Arrival
    keeps_content: bool = False
    """Policy lets the record be stored with its reject."""


@dataclass(frozen=True, slots=True)
class ToDo:
    """Work for the steps behind intake, with the content that a model needs, if any."""

    work: Work
    signal: WindowSignal | None = None
    text: str | None = None
    may_send_raw: bool = False
    """Policy lets models of others have the text as it is."""


Decision: TypeAlias = ToDo | Refusal

_digest_encoder = msgspec.msgpack.Encoder()


def digest(record: CallRecord) -> int:
    """A number that is the same for the same record; 32 bits tell a duplicate from a conflict."""
    return zlib.crc32(_digest_encoder.encode(record))


class Intake:
    """The rules of acceptance, for one call at a time."""

    def __init__(self, rules: IntakeRules, policy: Policy) -> None:
        self._rules = rules
        self._gate = Gate(policy)

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
                yield from self._refuse_noticed(record, arrival, None)
            return
        call.last_arrival_ms = max(call.last_arrival_ms, arrival.arrival_ms)
        match record:
            case CallStarted():
                yield from self._start(call, store, record, arrival, now_ms)
            case RejectNotice():
                self._note_reject(call, record)
                voice = call.voices.get(record.participant_id or "")
                party = voice.party if voice else None
                yield from self._refuse_noticed(record, arrival, party)
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
        yield from self._stop_waiting_for_gaps(call, store, now_ms)

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

    def _refuse_noticed(
        self, notice: RejectNotice, arrival: Arrival, party: Party | None
    ) -> Iterator[Refusal]:
        """The reject of a record refused at the door, where it was left to policy."""
        if notice.reason is not None:
            keeps_content = self._gate.keeps_rejects(party, audio=notice.is_audio)
            yield Refusal(notice.reason, notice, arrival, keeps_content)

    # --- consent -------------------------------------------------------------------------------

    def _change_consent(
        self, call: OpenCall, store: CallStore, change: ConsentChanged, arrival: Arrival
    ) -> Iterator[Decision]:
        voice = call.voices.get(change.participant_id)
        if voice is None:
            call.waiting.append(Waiting(change, arrival))
            return
        party = voice.party
        known = _step_of(party, change)
        if known is not None:
            if not known:
                yield Refusal("conflict", change, arrival, keeps_content=True)
            return
        last_touched = _last_touched(voice)
        before = [is_withheld(party, window) for window in range(last_touched + 1)]
        party.consents.append(self._gate.change(party, change, last_touched))
        newly = [k for k, was in enumerate(before) if not was and is_withheld(party, k)]
        voice.withheld += _num_begun(voice, store, newly)
        self._forget_withheld(voice, store)
        yield ToDo(self._gate.ruled(change.participant_id, party, change))

    @staticmethod
    def _forget_withheld(voice: Voice, store: CallStore) -> None:
        """Put silence in place of kept sound that must not be used any more."""
        for window in voice.touching:
            if not is_withheld(voice.party, window):
                continue
            for kept in _kept_of(voice, store, window):
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
            if self._digest_of(voice, store, chunk) == chunk_digest:
                voice.duplicates += 1
            else:
                voice.rejected += 1
                yield Refusal("conflict", chunk, arrival, may_keep(voice.party, chunk))
            return
        if chunk.offset_ms < voice.newest_ms - self._rules.late_audio_ms:
            voice.rejected += 1
            yield Refusal("late_audio", chunk, arrival, may_keep(voice.party, chunk))
            return
        usable = without_withheld(voice.party, chunk)
        store.put_chunk(chunk.participant_id, KeptChunk(usable, chunk_digest))
        voice.withheld += is_withheld(voice.party, window_of(chunk.offset_ms))
        first, last = _note_chunk(voice, usable)
        yield from self._recut(voice, store, first, last, now_ms)
        yield from self._cut_whole(voice, store, now_ms)
        self._forget(voice, store)
        self._start_gap_waits(voice, now_ms)

    def _digest_of(self, voice: Voice, store: CallStore, chunk: AudioChunk) -> int | None:
        participant_id = chunk.participant_id
        kept = store.chunk(participant_id, chunk.sequence)
        if kept is not None:
            return kept.digest
        return store.digests(participant_id, window_of(chunk.offset_ms)).get(chunk.sequence)

    def _recut(
        self, voice: Voice, store: CallStore, first: int, last: int, now_ms: int
    ) -> Iterator[Decision]:
        """Cut again the windows that a late chunk changes."""
        for window in range(first, min(last + 1, voice.decided)):
            yield self._cut(voice, store, window, now_ms)

    def _cut_whole(self, voice: Voice, store: CallStore, now_ms: int) -> Iterator[Decision]:
        """Cut the windows up to which no sequence is missing, or that can get no more audio."""
        out_of_reach_ms = voice.newest_ms - self._rules.late_audio_ms
        upto = max(voice.whole_until_us // WINDOW_US, window_of(max(0, out_of_reach_ms)))
        yield from self._cut_below(voice, store, upto, now_ms)

    def _cut_below(
        self, voice: Voice, store: CallStore, upto: int, now_ms: int
    ) -> Iterator[Decision]:
        for window in sorted(voice.touching):
            if voice.decided <= window < upto:
                yield self._cut(voice, store, window, now_ms)
        voice.decided = max(voice.decided, upto)
        voice.give_up_at_ms = {k: at for k, at in voice.give_up_at_ms.items() if k >= upto}

    def _cut(self, voice: Voice, store: CallStore, window: int, now_ms: int) -> ToDo:
        chunks = _chunks_of(voice, store, window)
        begun = sum(window_of(chunk.offset_ms) == window for chunk in chunks)
        counts = WindowLedger(begun, len(chunks) - begun)
        participant_id = voice.participant.participant_id
        if is_withheld(voice.party, window):
            return ToDo(WindowCut(participant_id, window, counts, 0, now_ms, withheld=True))
        newest_window = max(window_of(voice.newest_ms), last_window_of(voice.end_us))
        signal = arrange(window, chunks, audio_follows=newest_window > window)
        work = WindowCut(participant_id, window, counts, signal.gap_ms, now_ms)
        return ToDo(work, signal=signal)

    def _forget(self, voice: Voice, store: CallStore) -> None:
        """Drop the audio that no acceptable chunk can change any more; keep its digests."""
        upto = window_of(max(0, voice.newest_ms - self._rules.late_audio_ms))
        participant_id = voice.participant.participant_id
        forgotten: dict[int, dict[int, int]] = {}
        for window in sorted(k for k in voice.touching if k < upto):
            for kept in _kept_of(voice, store, window):
                chunk = kept.chunk
                if last_window_of(chunk_end_us(chunk)) > window:
                    continue  # the next window needs it too
                begun_in = forgotten.setdefault(window_of(chunk.offset_ms), {})
                begun_in[chunk.sequence] = kept.digest
                store.drop_chunk(participant_id, chunk.sequence)
            del voice.touching[window]
        for begun_in_window, digests in forgotten.items():
            known = store.digests(participant_id, begun_in_window)
            store.put_digests(participant_id, begun_in_window, {**known, **digests})

    def _start_gap_waits(self, voice: Voice, now_ms: int) -> None:
        newest_window = window_of(voice.newest_ms)
        for window in range(voice.decided, newest_window):
            voice.give_up_at_ms.setdefault(window, now_ms + self._rules.gap_wait_ms)

    def _stop_waiting_for_gaps(
        self, call: OpenCall, store: CallStore, now_ms: int
    ) -> Iterator[Decision]:
        for voice in call.voices.values():
            due = [window for window, at in voice.give_up_at_ms.items() if at <= now_ms]
            if due:
                yield from self._cut_below(voice, store, max(due) + 1, now_ms)

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
        yield from self._stop_waiting_for_gaps(call, store, now_ms)

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

    def tombstone(self, call: OpenCall, closed_at_ms: int) -> Tombstone:
        """What is left of a call that closes now."""
        told = [call.started, call.ended]
        joined = [
            ParticipantJoined(call.started.call_id, voice.participant)
            for voice in call.voices.values()
            if call.started is not None
        ]
        return Tombstone(
            closed_at_ms=closed_at_ms,
            complete=all_expected_came(call),
            announcements=tuple(digest(record) for record in [*told, *joined] if record),
            chunks={participant_id: voice.chunks for participant_id, voice in call.voices.items()},
            parties={participant_id: voice.party for participant_id, voice in call.voices.items()},
            policy_version=self._gate.policy_version,
        )

    def take_late(
        self, tombstone: Tombstone, record: CallRecord | RejectNotice, arrival: Arrival
    ) -> Iterator[Refusal]:
        """A record of a closed call: a duplicate if everything had come and it may be one.

        What was accepted is forgotten, so a chunk is told by its sequence alone and an utterance
        by its participant.
        """
        party = tombstone.parties.get(getattr(record, "participant_id", None) or "")
        match record:
            case RejectNotice():
                yield from self._refuse_noticed(record, arrival, party)
                return
            case ConsentChanged():
                yield from self._change_consent_late(tombstone, record, arrival, party)
                return
            case AudioChunk() if record.participant_id not in tombstone.chunks:
                yield Refusal("unknown_participant", record, arrival)
                return
            case AudioChunk():
                known = record.sequence < tombstone.chunks.get(record.participant_id, 0)
            case Utterance():
                known = record.participant_id in tombstone.chunks
            case _:
                known = digest(record) in tombstone.announcements
        if not (tombstone.complete and known):
            yield Refusal("late", record, arrival, self._may_keep(party, record))

    def _may_keep(self, party: Party | None, record: CallRecord) -> bool:
        match record:
            case AudioChunk():
                return may_keep(party, record)
            case Utterance():
                return party is not None and self._gate.text(party, record).keeps_rejects
            case _:
                return True

    def _change_consent_late(
        self,
        tombstone: Tombstone,
        change: ConsentChanged,
        arrival: Arrival,
        party: Party | None,
    ) -> Iterator[Refusal]:
        """The rows have left: what a withdrawal takes back must be erased where they are."""
        if party is None:
            yield Refusal("unknown_participant", change, arrival, keeps_content=True)
            return
        if _step_of(party, change):
            if not tombstone.complete:
                yield Refusal("late", change, arrival, keeps_content=True)
            return
        step = self._gate.change(party, change, last_touched=-1)
        was_used = not consent_at(party, step.from_window).audio.is_withheld or any(
            other.from_window > step.from_window and not other.audio.is_withheld
            for other in party.consents
        )
        if not (step.audio.is_withheld and was_used):
            yield Refusal("late", change, arrival, keeps_content=True)
            return
        party.consents.append(step)
        yield Refusal("consent_withdrawn", change, arrival, keeps_content=True)

    def close(self, call: OpenCall, store: CallStore, now_ms: int) -> Iterator[Decision]:
        """Cut what is left, tell what was counted, forget the audio."""
        for entry in call.waiting:
            yield self._never_announced(call, entry)
        for voice in call.voices.values():
            yield from self._cut_below(voice, store, max(voice.touching, default=-1) + 1, now_ms)
        yield ToDo(close_ledger(call, all_expected_came=all_expected_came(call)))
        store.clear()


_PARTIAL = -1
"""Stands for the digest of an utterance whose final text has not come."""


def all_expected_came(call: OpenCall) -> bool:
    """Whether the call has ended and everything its end told us to expect is here."""
    ended = call.ended
    if ended is None or ended.expected_audio_chunks is None or ended.expected_utterances is None:
        return False
    utterances = sum(voice.utterances for voice in call.voices.values())
    if utterances < ended.expected_utterances:
        return False
    return not call.waiting and all(
        (voice := call.voices.get(participant_id)) is not None
        and bool(voice.runs)
        and voice.runs[0].first == 0
        and voice.runs[0].last >= num_chunks - 1
        for participant_id, num_chunks in ended.expected_audio_chunks
        if num_chunks
    )


def _rank_of_waiting(entry: Waiting) -> int:
    match entry.record:
        case ParticipantJoined():
            return 0
        case ConsentChanged():
            return 1
        case _:
            return 2


def _step_of(party: Party, change: ConsentChanged) -> bool | None:
    """Whether a change at this call time is known and the same; None: there is none."""
    for step in party.consents:
        if step.at_ms == change.at_ms:
            return (step.consent, step.retroactive) == (change.consent, change.retroactive)
    return None


def _last_touched(voice: Voice) -> int:
    return max(window_of(voice.newest_ms), last_window_of(voice.end_us)) if voice.chunks else -1


def _note_chunk(voice: Voice, chunk: AudioChunk) -> tuple[int, int]:
    """Write a new chunk into the voice's books; the first and last window it touches."""
    start_us, end_us = chunk.offset_ms * 1_000, chunk_end_us(chunk)
    touched = windows_touched(chunk)
    for window in touched:
        low, high = voice.touching.get(window, (chunk.sequence, chunk.sequence))
        voice.touching[window] = (min(low, chunk.sequence), max(high, chunk.sequence))
    voice.runs = insert_run(voice.runs, Run(chunk.sequence, chunk.sequence, start_us, end_us))
    voice.newest_ms = max(voice.newest_ms, chunk.offset_ms)
    voice.end_us = max(voice.end_us, end_us)
    voice.chunks += 1
    length_us = end_us - start_us
    if length_us in voice.chunk_lengths_us or len(voice.chunk_lengths_us) < _MAX_CHUNK_LENGTHS:
        voice.chunk_lengths_us[length_us] = voice.chunk_lengths_us.get(length_us, 0) + 1
    return touched[0], touched[-1]


def insert_run(runs: list[Run], new: Run) -> list[Run]:
    """Ascending runs with one more sequence, neighbours joined."""
    position = len(runs)
    while position and runs[position - 1].first > new.first:
        position -= 1
    before, after = runs[:position], runs[position:]
    if before and before[-1].last == new.first - 1:
        left = before.pop()
        new = Run(left.first, new.last, left.start_us, max(left.end_us, new.end_us))
    if after and after[0].first == new.last + 1:
        right = after.pop(0)
        new = Run(new.first, right.last, new.start_us, max(new.end_us, right.end_us))
    return [*before, new, *after]


def _kept_of(voice: Voice, store: CallStore, window: int) -> list[KeptChunk]:
    low, high = voice.touching[window]
    participant_id = voice.participant.participant_id
    kept = [
        store.chunk(participant_id, sequence)
        for run in voice.runs
        if run.first <= high and run.last >= low
        for sequence in range(max(run.first, low), min(run.last, high) + 1)
    ]
    return [entry for entry in kept if entry is not None and _touches(entry.chunk, window)]


def _num_begun(voice: Voice, store: CallStore, windows: list[int]) -> int:
    """How many of the chunks that came begin in one of these windows."""
    participant_id = voice.participant.participant_id
    kept = {
        one.chunk.sequence: window_of(one.chunk.offset_ms)
        for window in voice.touching
        for one in _kept_of(voice, store, window)
    }
    forgotten = sum(len(store.digests(participant_id, window)) for window in windows)
    return forgotten + sum(begun_in in windows for begun_in in kept.values())


def _chunks_of(voice: Voice, store: CallStore, window: int) -> list[AudioChunk]:
    return [kept.chunk for kept in _kept_of(voice, store, window)]


def _touches(chunk: AudioChunk, window: int) -> bool:
    return window in windows_touched(chunk)
