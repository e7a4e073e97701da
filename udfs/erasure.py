"""What an erasure is about, and its receipt: pure, so that what is erased can be tested by itself.

The receipt names nobody. It holds the entries that the erasure put on the suppression list, by
which every id that is found later can be compared, and what was at each place before and after: how
many rows were erased and how many stayed, each with a digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from udfs.suppression import Entry, SuppressionList, persons_in

Scope: TypeAlias = Literal["call", "person", "voice"]
"""A voice is one participant's in one call: the words stay, and nothing is suppressed."""

RECEIPT_VERSION = 1


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an erasure's subject is at one place, and what else is there."""

    name: str
    """Such as ``lake/segments/dt=2026-11-23`` or ``warehouse/call_summary``."""
    rows: int
    """Of the subject; objects, where a place is told by objects."""
    digest: str | None = None
    """Of these rows, in whatever order."""
    kept_rows: int | None = None
    """Of others, each counted once; None where they are not looked at."""
    kept_digest: str | None = None


class Expiry(msgspec.Struct, frozen=True):
    """A store that is not ours to search: what is there goes only with time."""

    place: str
    until: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased: who asked, when, why, and what was there before and after."""

    version: int = RECEIPT_VERSION
    receipt_id: str
    """Random."""
    scope: Scope
    subject: Entry
    reason: str
    erased_by: str
    began_ms: int
    """Epoch milliseconds, as the next two."""
    suppressed_ms: int
    erased_ms: int
    suppressed: tuple[Entry, ...]
    """What stands on the suppression list for it."""
    before: tuple[Place, ...]
    after: tuple[Place, ...]
    work: dict[str, int]
    """Objects of the lake that were read, written and removed."""
    expires: tuple[Expiry, ...]


class Signature(msgspec.Struct, frozen=True):
    """Over the receipt's JSON with sorted keys."""

    algorithm: str
    key: str
    """ARN in KMS, or the fingerprint of a local key."""
    value: str
    """Base64."""


class SignedReceipt(msgspec.Struct, frozen=True):
    receipt: Receipt
    signature: Signature


class ReceiptError(ValueError):
    """A file is no receipt, or not as it was signed; the message says what to do."""


def signed_bytes(receipt: Receipt) -> bytes:
    """What is signed."""
    return msgspec.json.encode(receipt, order="sorted")


def receipt_file(signed: SignedReceipt) -> bytes:
    """The receipt as a file, for people too."""
    return msgspec.json.format(msgspec.json.encode(signed)) + b"\n"


def parsed_receipt(data: bytes) -> SignedReceipt:
    """A receipt from its file.

    Raises:
        ReceiptError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=SignedReceipt)
    except msgspec.DecodeError:
        msg = "is no receipt of an erasure; name the file that erase wrote"
        raise ReceiptError(msg) from None


class Target:
    """Which rows go."""

    def __init__(self, suppressed: SuppressionList) -> None:
        self._suppressed = suppressed

    @property
    def dates(self) -> frozenset[str] | None:
        """Where the calls' rows are; None: not known of all of them, so anywhere."""
        calls = [one for one in self._suppressed.entries if one.kind == "call"]
        return None if any(one.dt is None for one in calls) else self._suppressed.dates

    @property
    def has_persons(self) -> bool:
        return self._suppressed.has_persons

    def calls_among(self, call_ids: Iterable[str | None]) -> set[str]:
        """Those of the calls that go."""
        return {one for one in call_ids if one is not None and self._suppressed.has_call(one)}

    def is_reject(self, call_id: str | None, payload: bytes | None) -> bool:
        """Whether a reject goes: by its call, or by who or what call is named in its content."""
        if call_id is not None and self._suppressed.has_call(call_id):
            return True
        try:
            fields = json.loads(payload or b"null")
        except ValueError:
            return False
        named = fields.get("call_id") if isinstance(fields, dict) else None
        if isinstance(named, str) and self._suppressed.has_call(named):
            return True
        return any(
            self._suppressed.person_before_ms(*pair) is not None for pair in persons_in(fields)
        )


EXPIRES: tuple[Expiry, ...] = (
    Expiry("Kinesis streams", "their retention is over (24 hours, unless it was raised)"),
    Expiry(
        "checkpoints and snapshots of the job",
        "the service drops a checkpoint with the next; a snapshot stays until it is deleted. "
        "A job that is restored from one drops what is suppressed before it emits a row",
    ),
    Expiry(
        "unfinished files of a job that died",
        "in S3 the bucket aborts unfinished uploads after 14 days; in a folder they stay",
    ),
    Expiry(
        "Redshift: snapshots, query history",
        "the snapshots' retention; the history, which holds the ids in the DELETEs, 7 days",
    ),
    Expiry(
        "PostgreSQL: freed space, write-ahead log, backups",
        "VACUUM FULL, the log's recycling, the backups' retention",
    ),
)
"""What an erasure cannot reach."""
