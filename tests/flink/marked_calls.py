"""Calls whose every voice sounds of a mark of its own, and the bytes by which one is known again.

In each call, held in DE under the default policy: an agent, whose voice is withheld by the place; a
customer who withdraws in mid-call; one whose consent nobody recorded; and one whose voice may be
used throughout. One call travels as µ-law, the other as PCM.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.call_folder_builders import participant, utterance, write_call, write_sound
from udfs import audio_codec
from udfs.records import Encoding

SOUND_MS = 20_000
WITHDRAWN_MS = 10_000
"""The end of a window, so that what came before may lie in a checkpoint."""
RATES_HZ: dict[Encoding, int] = {"mulaw": 8_000, "pcm_s16le": 16_000}
MARK_BYTES = 16
_NO_MULAW = 0x7F
"""A second zero, which is coded as the first."""


@dataclass(frozen=True)
class Mark:
    """Sixteen bytes of sound that stand for a stretch of somebody's voice."""

    call_id: str
    encoding: Encoding
    participant_id: str
    is_withheld: bool

    @property
    def payload(self) -> bytes:
        name = f"{self.call_id}/{self.participant_id}/{self.is_withheld}"
        digest = hashlib.sha256(name.encode()).digest()
        return bytes(byte for byte in digest if byte != _NO_MULAW)[:MARK_BYTES]

    def forms(self) -> dict[str, bytes]:
        """What to look for: as it travels, in base64 wherever it begins there, decoded."""
        samples = audio_codec.decode(self.payload, self.encoding)
        twice = self.payload * 2
        return {
            "payload": self.payload,
            **{
                f"base64 at {begin}": base64.b64encode(twice[begin : begin + MARK_BYTES - 1])
                for begin in range(3)
            },
            "int16": audio_codec.to_int16(samples).tobytes(),
            "float32": samples.tobytes(),
        }

    def sound(self, duration_ms: int) -> bytes:
        """The mark again and again, as payload."""
        bytes_per_sample = audio_codec.BYTES_PER_SAMPLE[self.encoding]
        num_bytes = duration_ms * RATES_HZ[self.encoding] // 1000 * bytes_per_sample
        return self.payload * (num_bytes // MARK_BYTES)

    def damaged_records(self) -> Iterator[bytes]:
        """Audio records of this voice, each of which must become a reject."""
        fields = {
            "type": "audio",
            "call_id": self.call_id,
            "participant_id": self.participant_id,
            "sequence": 1_000_000,
            "offset_ms": 1_000,
            "encoding": self.encoding,
            "sample_rate_hz": RATES_HZ[self.encoding],
            "payload": base64.b64encode(self.sound(200)).decode(),
        }
        changes: list[dict[str, Any]] = [
            {"encoding": "opus"},
            {"sample_rate_hz": 1},
            {"sequence": -1},
            {"payload": f"*{fields['payload']}"},
            {"type": "audoi"},
            {"call_id": ""},
            {"participant_id": "stranger"},
        ]
        for change in changes:
            yield json.dumps({**fields, **change}).encode()
        whole = json.dumps(fields).encode()
        yield whole[:-1]
        yield b"\xff" + self.sound(200)


def write_marked_calls(folder: Path, end_ms: int) -> list[Mark]:
    """Both calls as call folders, and their marks.

    Args:
        folder: of call folders.
        end_ms: until then the calls stay open, and what was heard of them is kept in state.
    """
    marks: list[Mark] = []
    for encoding, rate_hz in RATES_HZ.items():
        call_id = f"marked-{encoding}"
        people = []
        for fields in _people():
            name = fields["participant_id"]
            sounds = list(_sounds(call_id, encoding, fields))
            marks += [mark for mark, _ in sounds]
            payload = b"".join(mark.sound(duration_ms) for mark, duration_ms in sounds)
            samples = audio_codec.to_int16(audio_codec.decode(payload, encoding))
            audio = write_sound(folder / call_id / f"{name}.wav", samples, rate_hz)
            people.append({**fields, "audio": audio})
        last_words = utterance("agent", 0, end_ms - 100, end_ms)
        write_call(folder / call_id, people, [last_words], jurisdiction="DE")
    return marks


def _people() -> list[dict[str, Any]]:
    withdrawal = {"at_ms": WITHDRAWN_MS, "consent": False}
    return [
        participant("agent"),
        participant("customer-withdraws", consent_changes=[withdrawal]),
        participant("customer-unasked", consent=None),
        participant("customer-agreed"),
    ]


def _sounds(call_id: str, encoding: Encoding, fields: dict[str, Any]) -> Iterator[tuple[Mark, int]]:
    name = fields["participant_id"]
    until_ms = {"customer-agreed": SOUND_MS, "customer-withdraws": WITHDRAWN_MS}.get(name, 0)
    if until_ms:
        yield Mark(call_id, encoding, name, is_withheld=False), until_ms
    if until_ms < SOUND_MS:
        yield Mark(call_id, encoding, name, is_withheld=True), SOUND_MS - until_ms
