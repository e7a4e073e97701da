"""What comes after a call has closed: its tombstone tells a duplicate from what is too late."""

from __future__ import annotations

from collections.abc import Iterator

from udfs.call_ledger import all_expected_came
from udfs.call_state import OpenCall, Party, Tombstone
from udfs.decisions import Refusal, digest, refuse_noticed
from udfs.gate import Gate, consent_at, known_step, may_keep
from udfs.policy import Policy
from udfs.record_json import CallRecord
from udfs.records import (
    Arrival,
    AudioChunk,
    ConsentChanged,
    ParticipantJoined,
    RejectNotice,
    Utterance,
)


class LateRecords:
    """The rules for one closed call at a time."""

    def __init__(self, policy: Policy) -> None:
        self._gate = Gate(policy)

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

    def take(
        self, tombstone: Tombstone, record: CallRecord | RejectNotice, arrival: Arrival
    ) -> Iterator[Refusal]:
        """A record of a closed call: a duplicate if everything had come and it may be one.

        What was accepted is forgotten, so a chunk is told by its sequence alone and an utterance
        by its participant.
        """
        party = tombstone.parties.get(getattr(record, "participant_id", None) or "")
        match record:
            case RejectNotice():
                yield from refuse_noticed(self._gate, record, arrival, party)
                return
            case ConsentChanged():
                yield from self._change_consent(tombstone, record, arrival, party)
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

    def _change_consent(
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
        if known_step(party, change):
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
