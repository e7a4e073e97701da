"""What intake remembers of a call between records: small, and apart from the audio.

The structs are mutable working copies of what is kept as MessagePack. A field with a default may
be added; any other change needs a new ``VERSION`` (and *Breaking* in the CHANGELOG).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from udfs.kept_state import KeptState
from udfs.policy import Ruling
from udfs.record_json import CallRecord
from udfs.records import Arrival, AudioChunk, CallEnded, CallStarted, Participant, Role

VERSION = 2


class Run(msgspec.Struct, array_like=True):
    """Consecutive sequences that came, and the call time they span."""

    first: int
    last: int
    start_us: int
    end_us: int


class ConsentStep(msgspec.Struct, frozen=True, array_like=True):
    """A consent as it was announced or changed, and what policy says of the voice under it."""

    at_ms: int
    """Call time of the change; -1: as announced."""
    from_window: int
    """The first window it acts on."""
    consent: bool | None
    retroactive: bool
    audio: Ruling


class Party(msgspec.Struct):
    """What policy looks at, and what it said, of one participant of a call."""

    role: Role
    jurisdiction: str
    language: str
    """The call's."""
    consents: list[ConsentStep]
    texts: list[tuple[str, bool]] = []
    """Each language of the utterances accepted, and whether they were written."""


class Voice(msgspec.Struct):
    """One participant's records so far."""

    participant: Participant
    party: Party = msgspec.field(default_factory=lambda: Party("customer", "", "", []))
    """Without a consent where the state was written before there was a policy."""
    runs: list[Run] = []
    """Ascending, never adjacent."""
    touching: dict[int, tuple[int, int]] = {}
    """By window whose audio is kept: the lowest and the highest sequence that touch it."""
    newest_ms: int = -1
    """Highest ``offset_ms`` accepted."""
    end_us: int = 0
    """Where the accepted audio ends."""
    decided: int = 0
    """Every window below this index has been cut, or holds no audio so far."""
    give_up_at_ms: dict[int, int] = {}
    """By window with later audio that is not whole: the clock time to stop waiting."""
    chunk_lengths_us: dict[int, int] = {}
    """How many chunks have which length."""
    chunks: int = 0
    duplicates: int = 0
    rejected: int = 0
    withheld: int = 0
    """How many of the chunks that came may not be used."""
    utterances: int = 0
    partial_only: int = 0

    @property
    def whole_until_us(self) -> int:
        """Call time up to which no sequence is missing."""
        return self.runs[0].end_us if self.runs and self.runs[0].first == 0 else 0

    def has(self, sequence: int) -> bool:
        return any(run.first <= sequence <= run.last for run in reversed(self.runs))


class Waiting(msgspec.Struct, frozen=True):
    """A record whose call or participant has not been announced yet."""

    record: CallRecord
    arrival: Arrival


class OpenCall(msgspec.Struct, tag="open"):
    version: int = VERSION
    started: CallStarted | None = None
    ended: CallEnded | None = None
    ended_arrival_ms: int = 0
    last_arrival_ms: int = 0
    voices: dict[str, Voice] = {}
    joined: int = 0
    """Participants announced after the start."""
    rejected: int = 0
    """Audio records refused that belong to no announced participant."""
    waiting: list[Waiting] = []

    @property
    def is_blank(self) -> bool:
        """Never announced, and nothing waits: nothing worth keeping."""
        return self.started is None and not self.waiting

    @property
    def distinct_records(self) -> int:
        """Records accepted, each counted once."""
        of_voices = sum(
            voice.chunks + voice.utterances + len(voice.party.consents) - 1
            for voice in self.voices.values()
        )
        return of_voices + self.joined + (self.started is not None) + (self.ended is not None)


class Tombstone(msgspec.Struct, frozen=True, tag="closed"):
    """What is left of a closed call for a day."""

    closed_at_ms: int
    """Stream time."""
    complete: bool
    """Everything came: what comes after can only be a duplicate."""
    announcements: tuple[int, ...] = ()
    """Digests of the call's start and end and of who joined."""
    chunks: dict[str, int] = {}
    """How many chunks came, by participant."""
    parties: dict[str, Party] = {}
    """What policy said, by participant."""
    policy_version: str = ""
    version: int = VERSION


CallState = OpenCall | Tombstone


class KeptChunk(msgspec.Struct, frozen=True, array_like=True):
    """A chunk whose audio may still be needed, with the digest that tells a duplicate."""

    chunk: AudioChunk
    digest: int


class CallStore(Protocol):
    """The parts of a call's state that are too large to be rewritten with each record."""

    def put_chunk(self, participant_id: str, kept: KeptChunk) -> None: ...

    def chunk(self, participant_id: str, sequence: int) -> KeptChunk | None: ...

    def drop_chunk(self, participant_id: str, sequence: int) -> None: ...

    def put_digests(self, participant_id: str, window: int, digests: dict[int, int]) -> None:
        """Remember the digests, by sequence, of chunks that begin in a window long past."""

    def digests(self, participant_id: str, window: int) -> dict[int, int]: ...

    def put_utterance(self, utterance_id: str, digest: int) -> None: ...

    def utterance(self, utterance_id: str) -> int | None: ...

    def clear(self) -> None: ...


_KEPT: KeptState[CallState] = KeptState(CallState, VERSION)
encode_state = _KEPT.encode
decode_state = _KEPT.decode
