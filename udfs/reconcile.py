"""Do ledgers, lake and warehouse say the same? The comparison, of rows that others have read.

Within the lake each closed call's ledger is held against its segments and summaries; then the
lake's newest rows against another's, the warehouse's or a reference's. What differs is told by
key and column, never by value.

Of equal revisions the lake's last file is the newest, as in the warehouse the last load is. When a
row was emitted is no difference: after a restart the same row may have been emitted again.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final, Literal, TypeAlias

import msgspec

from udfs.rows import ALL_PARTICIPANTS, CALLS, LEDGER, SEGMENTS, Ledger, Segment, Summary, Table

Kind: TypeAlias = Literal[
    "committed twice",
    "segments differ from ledger",
    "no ledger of the segments",
    "no summary",
    "no ledger",
    "no ledger of all",
    "revision differs",
    "missing",
    "unknown to the lake",
    "older",
    "newer",
    "values differ",
]

Key: TypeAlias = tuple[Any, ...]

WAREHOUSE_IGNORES: Final = frozenset({"emitted_at"})
REFERENCE_IGNORES: Final = frozenset({"emitted_at", "revision"})
"""Without a stream nothing is counted twice, nor a window seen half."""
REFERENCE_TOLERANCE: Final = 1e-4

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    table: Table
    key: Key
    side: Literal["lake", "warehouse", "reference"]
    """What the lake is held against."""
    columns: tuple[str, ...] = ()


def committed_twice(table: Table, files: Iterable[Sequence[Any]]) -> Iterator[Difference]:
    """Rows that a checkpoint's exactly-once should have made impossible.

    A segment is told by when it was emitted, over all files. Other rows do not say, and the same
    calls replayed to a new job are written again: these are told within one file.

    Args:
        table: whose rows.
        files: the rows of each file as the job wrote it; of compacted files nothing can be told.
    """
    has_time = "emitted_at" in (column.name for column in table.columns)
    everywhere: Counter[Key] = Counter()
    for rows in files:
        seen = everywhere if has_time else Counter[Key]()
        for row in rows:
            told = (
                *table.key_of(row),
                getattr(row, "revision", None),
                getattr(row, "emitted_at", None),
            )
            seen[told] += 1
            if seen[told] > 1:
                yield Difference("committed twice", table, table.key_of(row), "lake")


def open_calls(segments: Iterable[Segment], ledgers: Iterable[Ledger]) -> set[str]:
    """Calls that have segments and no ledger at all: more of them is to come."""
    return {row.call_id for row in segments} - {row.call_id for row in ledgers}


def within_lake(
    segments: Sequence[Segment], summaries: Sequence[Summary], ledgers: Sequence[Ledger]
) -> Iterator[Difference]:
    """What the newest rows of closed calls contradict each other in."""
    revisions = {LEDGER.key_of(row): row.revision for row in ledgers}
    closed = {row.call_id for row in ledgers}
    windows: defaultdict[Key, list[Segment]] = defaultdict(list)
    for segment in segments:
        if segment.call_id in closed:
            windows[segment.call_id, segment.participant_id].append(segment)
            windows[segment.call_id, ALL_PARTICIPANTS].append(segment)
    for ledger in ledgers:
        columns = tuple(_columns_unlike(ledger, windows[LEDGER.key_of(ledger)]))
        if columns:
            key = LEDGER.key_of(ledger)
            yield Difference("segments differ from ledger", LEDGER, key, "lake", columns)
    for call_id in sorted(closed):
        if (call_id, ALL_PARTICIPANTS) not in revisions:
            yield Difference("no ledger of all", LEDGER, (call_id, ALL_PARTICIPANTS), "lake")
    for key in sorted(windows.keys() - revisions.keys()):
        if key[1] != ALL_PARTICIPANTS:
            yield Difference("no ledger of the segments", LEDGER, key, "lake")
    told = {CALLS.key_of(row): row.revision for row in summaries}
    for key in sorted(revisions.keys() - told.keys()):
        yield Difference("no summary", CALLS, key, "lake")
    for key in sorted(told.keys() - revisions.keys()):
        yield Difference("no ledger", LEDGER, key, "lake")
    for key in sorted(told.keys() & revisions.keys()):
        if told[key] != revisions[key]:
            yield Difference("revision differs", CALLS, key, "lake", ("revision",))


def _columns_unlike(ledger: Ledger, segments: Sequence[Segment]) -> Iterator[str]:
    """The columns of a ledger that its segments do not bear out."""
    if ledger.windows_scored != sum(row.fused_label is not None for row in segments):
        yield "windows_scored"
    missing = Counter(
        reason for row in segments for reason in row.missing.split(",") if row.missing
    )
    if ledger.windows_missing != ",".join(f"{why}={num}" for why, num in sorted(missing.items())):
        yield "windows_missing"
    if any(row.revision > ledger.revision for row in segments):
        yield "revision"


def against(
    side: Literal["warehouse", "reference"],
    table: Table,
    ours: Iterable[Any],
    theirs: Iterable[Any],
) -> Iterator[Difference]:
    """What the lake's newest rows and another's do not agree in.

    Args:
        side: who the other is: a warehouse has the very rows, a reference the same numbers.
        table: which rows.
        ours: the newest of the lake, one for each key.
        theirs: the other's; a key that stands twice counts as committed twice.
    """
    known = {table.key_of(row): row for row in ours}
    others: dict[Key, Any] = {}
    for row in theirs:
        key = table.key_of(row)
        if key in others:
            yield Difference("committed twice", table, key, side)
        others[key] = row
    for key in sorted(known.keys() - others.keys()):
        yield Difference("missing", table, key, side)
    for key in sorted(others.keys() - known.keys()):
        yield Difference("unknown to the lake", table, key, side)
    for key in sorted(known.keys() & others.keys()):
        mine, other = known[key], others[key]
        if side == "warehouse" and mine.revision != other.revision:
            kind: Kind = "older" if other.revision < mine.revision else "newer"
            yield Difference(kind, table, key, side, ("revision",))
        elif columns := tuple(_columns_that_differ(side, mine, other)):
            yield Difference("values differ", table, key, side, columns)


def _columns_that_differ(
    side: Literal["warehouse", "reference"], mine: Any, other: Any
) -> Iterator[str]:
    exact = side == "warehouse"
    ignored = WAREHOUSE_IGNORES if exact else REFERENCE_IGNORES
    tolerance = 0.0 if exact else REFERENCE_TOLERANCE
    for field in dataclasses.fields(mine):
        name = field.name
        if name not in ignored and not _same(getattr(mine, name), getattr(other, name), tolerance):
            yield name


def _same(mine: Any, other: Any, tolerance: float) -> bool:
    if isinstance(mine, float) and isinstance(other, float):
        return mine == other or abs(mine - other) <= tolerance or (isnan(mine) and isnan(other))
    return bool(mine == other)


def checksum(rows: Iterable[Any], ignored: Collection[str] = WAREHOUSE_IGNORES) -> str:
    """A fingerprint of rows in any order, of 12 hexadecimal digits."""
    encoded = sorted(
        _encode([getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in ignored])
        for row in rows
    )
    digest = hashlib.sha256()
    for row in encoded:
        digest.update(row)
    return digest.hexdigest()[:12]


def count_kinds(differences: Iterable[Difference]) -> Mapping[tuple[str, str, str], int]:
    """How many there are by side, table and kind."""
    return Counter((each.side, each.table.folder, each.kind) for each in differences)


REFERENCE_TABLES: Final = (SEGMENTS, CALLS)
