"""Records that a broken or hostile producer might send, each of which must become a reject."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from udfs.records import StreamName


class HostileRecord(NamedTuple):
    stream: StreamName
    partition_key: str
    data: bytes
    reason: str
    """The reason that its reject must have."""

    def line(self) -> str:
        """As ``--inject`` takes it."""
        data = base64.b64encode(self.data).decode()
        fields = {"stream": self.stream, "partition_key": self.partition_key, "data": data}
        return json.dumps(fields)


def hostile_records(
    call_id: str, participant_id: str, started_at_ms: int, count: int, seed: int = 0
) -> Iterator[HostileRecord]:
    """``count`` records aimed at a real call, every kind of them in turn.

    Args:
        call_id: a call that is going on while they are sent.
        participant_id: one of its participants.
        started_at_ms: its start.
        count: how many.
        seed: makes the random bytes repeat.
    """
    dice = random.Random(seed)
    kinds = list(_kinds(call_id, participant_id, started_at_ms, dice))
    for number in range(count):
        stream, make, reason = kinds[number % len(kinds)]
        yield HostileRecord(stream, call_id, make(number), reason)


_Kind = tuple[StreamName, Callable[[int], bytes], str]


def _kinds(  # noqa: PLR0915 - a list, one line a kind
    call_id: str, participant_id: str, started_at_ms: int, dice: random.Random
) -> Iterator[_Kind]:
    def audio(number: int, **changes: Any) -> bytes:
        fields = {
            "type": "audio",
            "call_id": call_id,
            "participant_id": participant_id,
            "sequence": 1_000_000 + number,
            "offset_ms": 1_000,
            "encoding": "mulaw",
            "sample_rate_hz": 8_000,
            "payload": base64.b64encode(b"\x55" * 1_600).decode(),
        }
        return json.dumps({**fields, **changes}).encode()

    def utterance(number: int, **changes: Any) -> bytes:
        fields = {
            "type": "utterance",
            "call_id": call_id,
            "participant_id": participant_id,
            "utterance_id": f"hostile-{number}",
            "start_ms": 1_000,
            "end_ms": 2_000,
            "text": "this is terrible",
            "language": "en-US",
        }
        return json.dumps({**fields, **changes}).encode()

    def started(**changes: Any) -> bytes:
        fields = {
            "type": "call_started",
            "call_id": call_id,
            "started_at_ms": started_at_ms,
            "language": "en-US",
            "jurisdiction": "US-CA",
            "participants": [],
        }
        return json.dumps({**fields, **changes}).encode()

    def ended(number: int, **changes: Any) -> bytes:
        fields = {"type": "call_ended", "call_id": call_id, "ended_at_ms": started_at_ms + number}
        return json.dumps({**fields, **changes}).encode()

    yield "audio", lambda n: f"not JSON {n}".encode(), "not_json"
    yield "text", lambda n: b"[1, 2, %d]" % n, "not_json"
    yield "audio", lambda n: b'{"type": "audio", "call_id": NaN, "n": %d}' % n, "not_json"
    yield "text", lambda _: b"\xff\xfe" + dice.randbytes(40), "not_utf8"
    yield "audio", lambda _: b'{"call_id": "\xc3\x28"}', "not_utf8"
    yield "audio", lambda n: b"[" * 10_000 + str(n).encode() + b"]" * 10_000, "not_json"
    yield "text", lambda n: b'{"a":' * 10_000 + str(n).encode() + b"}" * 10_000, "not_json"
    yield "audio", lambda n: b'{"type": "video", "n": %d}' % n, "unknown_type"
    yield "text", lambda n: b'{"type": ["audio"], "n": %d}' % n, "unknown_type"
    yield "text", lambda n: b'{"n": %d}' % n, "unknown_type"
    yield "audio", lambda n: audio(n, sequence=str(n)), "invalid_field"
    yield "audio", lambda n: audio(n, sequence=-1), "invalid_field"
    yield "audio", lambda n: audio(n, sequence=1.5), "invalid_field"
    yield "audio", lambda n: audio(n, sequence=True), "invalid_field"
    yield "audio", lambda n: audio(n, payload=None), "invalid_field"
    yield "audio", lambda n: audio(n, participant_id={"a": 1}), "invalid_field"
    yield "audio", lambda n: audio(n, call_id=""), "invalid_field"
    yield "audio", lambda n: audio(n, offset_ms=-5_000), "offset_out_of_range"
    yield "audio", lambda n: audio(n, offset_ms=10**12), "offset_out_of_range"
    yield "audio", lambda n: audio(n, offset_ms=10**30), "invalid_field"
    yield "audio", lambda n: audio(n, sample_rate_hz=0), "bad_sample_rate"
    yield "audio", lambda n: audio(n, sample_rate_hz=10**9), "bad_sample_rate"
    yield "audio", lambda n: audio(n, encoding="opus"), "unknown_encoding"
    yield "audio", lambda n: audio(n, payload="*no base64*"), "bad_base64"
    yield "audio", lambda n: audio(n, payload=""), "empty_audio"
    yield "audio", lambda n: audio(n, encoding="pcm_s16le", payload="AAAA"), "bad_payload_length"
    yield "audio", lambda n: audio(n, payload="VVVV" * 200_000), "chunk_too_long"
    yield "audio", lambda n: audio(n, call_id="x" * 10_000), "id_too_long"
    yield "audio", lambda n: audio(n, participant_id="p" * 257), "id_too_long"
    yield "audio", lambda n: audio(n, call_id="never-started"), "no_call_started"
    yield "audio", lambda n: audio(n, participant_id="stranger"), "unknown_participant"
    yield "text", audio, "wrong_stream"
    yield "text", lambda n: utterance(n, text="a " * 450_000), "text_too_long"
    yield "text", lambda n: utterance(n, text=7), "invalid_field"
    yield "text", lambda n: utterance(n, start_ms=3_000, end_ms=2_000), "end_before_start"
    yield "text", lambda n: utterance(n, start_ms=-1), "offset_out_of_range"
    yield "text", lambda n: utterance(n, end_ms=10**11, start_ms=10**11), "offset_out_of_range"
    yield "text", lambda n: utterance(n, confidence=2), "invalid_field"
    yield "text", lambda n: utterance(n, text="U+0000", call_id="a\0b"), "invalid_field"
    yield "audio", lambda _: started(started_at_ms=0), "started_at_out_of_range"
    yield "audio", lambda _: started(started_at_ms=4_070_908_800_000), "started_at_out_of_range"
    yield "audio", lambda _: started(started_at_ms=float(10**300)), "invalid_field"
    yield "audio", lambda n: started(language=str(n)), "conflict"
    yield "audio", lambda n: started(participants=[{"participant_id": n}]), "invalid_field"
    yield "text", lambda n: ended(-n - 1), "ended_before_started"
    yield "text", lambda n: ended(n, call_id="never-started"), "no_call_started"
    yield "text", lambda n: ended(n, expected={"utterances": -1}), "invalid_field"
