"""What intake makes of a record: work for the steps behind it, or a refusal."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from udfs.call_state import Party
from udfs.gate import Gate
from udfs.record_json import CallRecord
from udfs.records import Arrival, RejectNotice, RejectReason, Work
from udfs.windows import WindowSignal


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


def refuse_noticed(
    gate: Gate, notice: RejectNotice, arrival: Arrival, party: Party | None
) -> Iterator[Refusal]:
    """The reject of a record refused at the door, where it was left to policy."""
    if notice.reason is not None:
        keeps_content = gate.keeps_rejects(party, audio=notice.is_audio)
        yield Refusal(notice.reason, notice, arrival, keeps_content)
