"""What comes in: channels of calls as records and bytes a second.

A channel is one voice, silent or not; most calls have two. Sizes are those of the very JSON that
producers send, with ids of 36 characters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from udfs.record_json import record_json
from udfs.records import AudioChunk, Encoding, Utterance
from udfs.windows import WINDOW_MS

_ID: Final = "0" * 36
_BYTES_A_SAMPLE: Final[dict[Encoding, int]] = {"mulaw": 1, "alaw": 1, "pcm_s16le": 2}
_A_LATE_SEQUENCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls at the busiest moment."""

    channels: int
    channels_per_call: int = 2
    chunk_ms: int = 200
    encoding: Encoding = "mulaw"
    sample_rate_hz: int = 8_000
    utterances_per_min: float = 7.0
    """Of a channel; as in the sample calls."""
    utterance_characters: int = 60
    call_min: float = 6.0
    busy_hours_a_month: float = 730.0
    """So many hours at this traffic bring what comes in a month; 730 is all of them."""

    def __post_init__(self) -> None:
        """Raises ValueError: a number that no traffic can have."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and not value > 0:
                msg = f"{field.name} is {value}; use a number above 0"
                raise ValueError(msg)

    @property
    def calls(self) -> int:
        """Open at once."""
        return -(-self.channels // self.channels_per_call)

    @property
    def windows_per_s(self) -> float:
        """Silent ones too: each is cut and looked through for speech."""
        return self.channels * 1_000 / WINDOW_MS

    @property
    def calls_per_s(self) -> float:
        """Ending, or beginning."""
        return self.calls / (60 * self.call_min)

    @property
    def audio_bytes_a_channel_per_s(self) -> int:
        """Of sound, before base64 and JSON."""
        return self.sample_rate_hz * _BYTES_A_SAMPLE[self.encoding]

    def audio(self) -> StreamLoad:
        chunk = AudioChunk(
            call_id=_ID,
            participant_id=_ID,
            sequence=_A_LATE_SEQUENCE,
            offset_ms=_A_LATE_SEQUENCE * self.chunk_ms,
            encoding=self.encoding,
            sample_rate_hz=self.sample_rate_hz,
            payload=bytes(self.audio_bytes_a_channel_per_s * self.chunk_ms // 1_000),
        )
        return StreamLoad(
            records_per_s=self.channels * 1_000 / self.chunk_ms,
            record_bytes=len(record_json(chunk)) + len(_ID),
            calls=self.calls,
        )

    def text(self) -> StreamLoad:
        utterance = Utterance(
            call_id=_ID,
            participant_id=_ID,
            utterance_id=_ID,
            start_ms=1_000_000,
            end_ms=1_000_000,
            text="x" * self.utterance_characters,
            language="en-US",
            confidence=0.99,
            is_partial=False,
        )
        return StreamLoad(
            records_per_s=self.channels * self.utterances_per_min / 60,
            record_bytes=len(record_json(utterance)) + len(_ID),
            calls=self.calls,
        )


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """What goes into one stream at the busiest moment."""

    records_per_s: float
    record_bytes: int
    """With the partition key, as Kinesis counts."""
    calls: int
    """Each wholly in one shard: its id is the partition key."""

    @property
    def bytes_per_s(self) -> float:
        return self.records_per_s * self.record_bytes
