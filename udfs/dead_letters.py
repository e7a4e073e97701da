"""Which rejects are worth sending again, and what is said of the rest.

    reject ─► sent before? ─► late, or its call closed? ─► the same as another? ─► refused still?
                                                              ─► send, or first fetch its content

Pure: what was sent before, which calls are closed and the rules of the door are handed in.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from udfs.envelope import Door, Refused
from udfs.records import Arrival, StreamName
from udfs.rows import Reject, partition_date

RejectKey: TypeAlias = tuple[str, str, str]
"""Stream, shard and sequence number: one record of Kinesis."""

Verdict: TypeAlias = Literal[
    "send",
    "fetch",
    "sent before",
    "perhaps sent before",
    "late for its call",
    "call is closed",
    "same as another",
    "refused still",
    "gone from the stream",
]
"""``send`` and ``fetch`` are to be sent, ``fetch`` once its content was got from the stream. The
rest are not: of ``perhaps sent before`` nobody knows; the others can never succeed."""

TO_SEND: Final[frozenset[Verdict]] = frozenset({"send", "fetch"})

_MAX_SHOWN_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """That a reject was to be sent again."""

    is_sent: bool
    """False when the attempt broke off and nobody knows."""
    at_ms: int


@dataclass(frozen=True, slots=True)
class Judged:
    reject: Reject
    verdict: Verdict


def key_of(reject: Reject) -> RejectKey:
    """The record of Kinesis that was refused."""
    return reject.stream, reject.shard, reject.sequence_number


def in_order(rejects: Iterable[Reject]) -> list[Reject]:
    """As they arrived: an announcement comes before what needs it."""
    return sorted(
        rejects, key=lambda row: (row.arrival, row.stream, row.shard, _number(row.sequence_number))
    )


class Judge:
    """Says of one reject after the other whether it is sent; remembers what it has let through."""

    def __init__(
        self,
        attempts: Mapping[RejectKey, Attempt],
        closed_calls: Collection[str],
        door: Door,
        now_ms: int,
    ) -> None:
        """Judge by what is known now.

        Args:
            attempts: what was to be sent before.
            closed_calls: calls that take nothing more.
            door: as the job has it now.
            now_ms: epoch milliseconds, at which a record sent now would arrive.
        """
        self._attempts = attempts
        self._closed_calls = closed_calls
        self._door = door
        self._now_ms = now_ms
        self._sent_at_ms: dict[tuple[str, bytes], int] = {}

    def judge(self, rejects: Iterable[Reject]) -> list[Judged]:
        """A verdict on each, in the order in which they are to be sent."""
        ordered = in_order(rejects)
        for reject in ordered:
            attempt = self._attempts.get(key_of(reject))
            if attempt and reject.payload is not None:
                content = (reject.stream, reject.payload)
                self._sent_at_ms[content] = max(self._sent_at_ms.get(content, 0), attempt.at_ms)
        return [Judged(reject, self._verdict(reject)) for reject in ordered]

    def _verdict(self, reject: Reject) -> Verdict:
        attempt = self._attempts.get(key_of(reject))
        if attempt is not None:
            return "sent before" if attempt.is_sent else "perhaps sent before"
        if reject.reason == "late":
            return "late for its call"
        if reject.call_id in self._closed_calls:
            return "call is closed"
        return "fetch" if reject.payload is None else self.judge_content(reject, reject.payload)

    def judge_content(self, reject: Reject, data: bytes) -> Verdict:
        """Whether a record's content would be of use, once it is there."""
        content = (reject.stream, data)
        # What came after it was sent was refused once more, and is no duplicate.
        if reject.arrival <= self._sent_at_ms.get(content, -1):
            return "same as another"
        stream: StreamName = "audio" if reject.stream == "audio" else "text"
        arrival = Arrival(stream, reject.shard, reject.sequence_number, self._now_ms)
        try:
            self._door.open(data, arrival)
        except Refused:
            return "refused still"
        self._sent_at_ms[content] = self._now_ms
        return "send"


def partition_key(reject: Reject) -> str:
    """The call's id, that its records meet; where it is not known any key does."""
    return reject.call_id or reject.sequence_number


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rejects are meant; nothing given means all."""

    reasons: Collection[str] = ()
    call_id: str | None = None
    since: str | None = None
    """UTC date of arrival, ``2026-11-23``, or later."""

    def wants(self, reject: Reject) -> bool:
        return (
            (not self.reasons or reject.reason in self.reasons)
            and (self.call_id is None or reject.call_id == self.call_id)
            and (self.since is None or partition_date(reject.arrival) >= self.since)
        )


def counted(
    rejects: Iterable[Reject], by: Callable[[Reject], tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], int]]:
    """How many rejects there are of each kind, kinds in order."""
    return iter(sorted(Counter(map(by, rejects)).items()))


def readable(payload: bytes) -> str:
    """A record's content for a person: sound left out, nothing in it that a terminal obeys."""
    try:
        fields: Any = json.loads(payload)
    except (ValueError, RecursionError):
        text = payload.decode("ascii", errors="backslashreplace")
        text = ascii(text)[1:-1]
    else:
        if isinstance(fields, dict) and isinstance(fields.get("payload"), str):
            fields["payload"] = f"<{_num_bytes(fields['payload'])} bytes of sound>"
        text = json.dumps(fields)  # escapes whatever is not printable ASCII
    if len(text) > _MAX_SHOWN_CHARACTERS:
        return f"{text[:_MAX_SHOWN_CHARACTERS]}… ({len(text)} characters)"
    return text


def _num_bytes(encoded: str) -> int:
    try:
        return len(base64.b64decode(encoded, validate=True))
    except ValueError:
        return len(encoded)


def _number(sequence_number: str) -> int:
    return int(sequence_number) if sequence_number.isdecimal() else 0
