"""Compaction: the small files of a partition become few, once no call of it is open.

    listed files ─► is a call open? are they among the job's last? ─► groups ─► new file ─► old go

A group is a stretch of files in their order, so the file that stands for them takes their place in
it: which of two equal revisions wins does not change. The new file is there, and read again, before
the first old one goes; until the last has gone, rows are there twice, which no reader minds that
takes the newest of a key. Broken off at any moment and run again, it comes to the same end. Only
files that were listed at the start are removed.

An erasure may be at work at the same time. The new file comes only while all files that it was read
from are there, and an erasure looks again after it has taken such files away: so either this gives
up, or the erasure sees the new file and what it has brought back.

Two things would be harmed by haste. A call without the ledger row of ``all`` is open: its rows are
still to come. And a restart of the job looks for the files of its last checkpoint and fails where
one is missing; those are among the newest of the lake, so these stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake_files import Lake, LakeError, LakeFile, compacted_name
from connectors.lake_reader import typed
from udfs.rows import ALL_PARTICIPANTS, LEDGER, REJECTS, SEGMENTS, TABLES, Table

LeftAlone: TypeAlias = Literal[
    "open calls", "among the job's last files", "changed by another meanwhile"
]

_NULL = -1
"""Stands for null among the numbers of a column's distinct values."""


@dataclass(frozen=True, slots=True)
class CompactionRules:
    """What may be merged, and to what size."""

    target_bytes: int = 128 * 1_048_576
    """A new file stands for files of no more than this together."""
    min_age_s: int = 900
    """Files that are not this much older than the lake's newest are left alone."""
    with_open_calls: bool = False
    """Merge partitions with open calls too: for calls that were lost and never close."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a table's partition."""

    table: Table
    dt: str
    files_before: int
    files_after: int
    rows_before: int = 0
    """In the files that were merged."""
    rows_after: int = 0
    left_alone: LeftAlone | None = None


def compact(
    lake: Lake, is_wanted: Callable[[str], bool], rules: CompactionRules
) -> Iterator[Compacted]:
    """Merge the partitions that are wanted; yields each as it is done.

    Args:
        lake: where.
        is_wanted: asked for each date.
        rules: what may be merged.

    Raises:
        LakeError: a file cannot be read or written, or was written by a newer version.
    """
    files = {table.folder: lake.files(table.folder) for table in TABLES}
    newest_ns = max((file.finished_ns for of_one in files.values() for file in of_one), default=0)
    settled_ns = newest_ns - rules.min_age_s * 1_000_000_000
    dates = {file.dt for of_one in files.values() for file in of_one}
    for dt in sorted(date for date in dates if date is not None and is_wanted(date)):
        of_date = {
            table.folder: [file for file in files[table.folder] if file.dt == dt]
            for table in TABLES
        }
        has_small_files = any(len(listed) > 1 for listed in of_date.values())
        is_open = (
            has_small_files
            and not rules.with_open_calls
            and bool(open_calls(lake, of_date[SEGMENTS.folder], of_date[LEDGER.folder]))
        )
        for table in TABLES:
            listed = of_date[table.folder]
            if not listed:
                continue
            reason: LeftAlone | None = None
            if any(file.finished_ns > settled_ns for file in listed):
                reason = "among the job's last files"
            elif is_open and table is not REJECTS:  # a reject is done with when it is written
                reason = "open calls"
            if reason:
                yield Compacted(table, dt, len(listed), len(listed), left_alone=reason)
            else:
                yield _compact_partition(lake, table, dt, listed, rules)


def groups_of(files: Sequence[LakeFile], target_bytes: int) -> Iterator[list[LakeFile]]:
    """Stretches of files in their order, each of no more than ``target_bytes``, or of one instant.

    Files of one instant stay together: a file that stands for some of them would change places
    with the others.
    """
    group: list[LakeFile] = []
    for _, of_instant in groupby(files, lambda file: file.finished_ns):
        together = list(of_instant)
        if group and _num_bytes([*group, *together]) > target_bytes:
            yield group
            group = []
        group.extend(together)
    if group:
        yield group


def _num_bytes(files: Iterable[LakeFile]) -> int:
    return sum(file.num_bytes for file in files)


def open_calls(lake: Lake, segments: list[LakeFile], ledgers: list[LakeFile]) -> set[str]:
    """Calls that have segments and no ledger row of ``all``.

    Raises:
        LakeError: a file cannot be read.
    """
    seen: set[str] = set()
    for file in segments:
        seen.update(lake.read(file.path, ["call_id"]).column("call_id").to_pylist())
    for file in ledgers:
        rows = lake.read(file.path, ["call_id", "participant_id"]).to_pylist()
        seen -= {row["call_id"] for row in rows if row["participant_id"] == ALL_PARTICIPANTS}
    return seen


def _compact_partition(
    lake: Lake, table: Table, dt: str, files: list[LakeFile], rules: CompactionRules
) -> Compacted:
    folder = f"{lake.base}/{table.folder}/dt={dt}"
    for draft in lake.drafts(f"{table.folder}/dt={dt}"):  # of one that died
        lake.remove(draft)
    files_after = rows_before = rows_after = 0
    left_alone: LeftAlone | None = None
    for group in groups_of(files, rules.target_bytes):
        files_after += 1
        if len(group) > 1:
            merged = _merge(lake, table, folder, group)
            if merged is None:
                left_alone = "changed by another meanwhile"
                files_after += len(group) - 1
                continue
            rows_before += merged[0]
            rows_after += merged[1]
    return Compacted(table, dt, len(files), files_after, rows_before, rows_after, left_alone)


def _merge(lake: Lake, table: Table, folder: str, group: list[LakeFile]) -> tuple[int, int] | None:
    """One file for a group's; how many rows they had and it has. None: another was at work."""
    stored = pa.concat_tables(stored_rows(lake, table, file.path) for file in group)
    rows = distinct(stored)
    digest = hashlib.sha256("\n".join(file.name for file in group).encode()).hexdigest()[:16]
    path = f"{folder}/{compacted_name(group[-1].finished_ns, digest)}"
    if not lake.replace([file.path for file in group], path, rows):
        return None
    for file in group:
        if file.path != path:
            lake.remove(file.path)
    return len(stored), len(rows)


def stored_rows(lake: Lake, table: Table, path: str) -> pa.Table:
    """A file's rows as they may be written again: with all that it holds.

    Raises:
        LakeError: it cannot be read, or a newer version wrote it.
    """
    stored = lake.read(path)
    known = {column.name for column in table.columns} | {"dt"}
    if unknown := set(stored.column_names) - known:
        msg = f"{path}: column {min(unknown)} is of a newer version; use that version"
        raise LakeError(msg)
    return typed(stored, table, path)


def distinct(rows: pa.Table) -> pa.Table:
    """Each row once, where it stood last; the order stays."""
    codes = {
        name: pc.fill_null(
            rows.column(name).combine_chunks().dictionary_encode().indices, _NULL
        ).to_numpy()
        for name in rows.column_names
    }
    return rows.filter(pa.array(~pd.DataFrame(codes).duplicated(keep="last")))
