"""Rows in the lake: found in the partitions they can be in, and written again without them.

    files of one instant ─► without the rows ─► new file, read again ─► old ones go, all versions

Files of one instant are written as one, as compaction does, so which of two equal revisions wins
does not change. The new file is named by its content, and the old ones that hold such rows go last:
broken off anywhere and run again, it comes to the same files. As with compaction, a partition with
an open call waits, and so do files among the job's last, which a restart of it would look for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import pyarrow as pa

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.parquet_rows import Goes, Mask, count_and_digest
from connectors.lake_compact import LeftAlone, distinct, open_calls, stored_rows
from connectors.lake_files import LakeFile, compacted_name
from connectors.lake_reader import arrow_schema
from connectors.object_versions import ObjectVersion
from udfs.erasure import Place, Target
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, TABLES, Table

IN_ORDER: tuple[Table, ...] = (REJECTS, SEGMENTS, LEDGER, CALLS)
"""Summaries last: by them a person's calls are found."""


@dataclass(frozen=True, slots=True)
class LakeRules:
    """What must wait."""

    min_age_s: int = 900
    """Files that are not this much older than the lake's newest."""
    with_open_calls: bool = False
    """Do not wait for open calls: for calls that were lost and never close."""


@dataclass(frozen=True, slots=True)
class Partition:
    """The finished files of one table and date."""

    table: Table
    dt: str | None
    files: tuple[LakeFile, ...]

    @property
    def folder(self) -> str:
        return self.table.folder if self.dt is None else f"{self.table.folder}/dt={self.dt}"

    @property
    def name(self) -> str:
        return f"lake/{self.folder}"


class LakeStore:
    """The rows of one lake."""

    def __init__(self, lake: CountedLake, rules: LakeRules) -> None:
        self._lake = lake
        self._rules = rules

    def partitions(self, target: Target, *, everywhere: bool) -> Iterator[Partition]:
        """Where rows can be, in the order in which they are erased.

        Args:
            target: whose rows.
            everywhere: also where none should be.

        Raises:
            LakeError: the lake cannot be listed.
        """
        for table in IN_ORDER:
            by_date: defaultdict[str | None, list[LakeFile]] = defaultdict(list)
            for file in self._lake.files(table.folder):
                by_date[file.dt].append(file)
            # Where no file is left, hidden versions of some may be.
            hidden = self._lake.hidden_dates(table.folder)
            for dt in sorted({*by_date, *hidden}, key=lambda each: each or ""):
                if everywhere or _may_hold(table, dt, target):
                    yield Partition(table, dt, tuple(by_date[dt]))

    def search(self, partition: Partition, goes: Goes, *, with_kept: bool) -> list[Place]:
        """What of some rows is in a partition, hidden versions too; empty where nothing is.

        Args:
            partition: where.
            goes: which rows.
            with_kept: tell what stays as well, even where nothing goes.

        Raises:
            LakeError: a file cannot be read.
        """
        masks = {
            file.path: self._mask(partition.table, file.path, goes) for file in partition.files
        }
        places = []
        if with_kept or any(mask.any() for mask in masks.values()):
            places.append(self._place(partition, masks))
        hidden = sum(
            self._is_hidden_row(partition.table, one, goes) for one in self._hidden(partition)
        )
        if hidden:
            places.append(Place(f"{partition.name}, hidden versions", hidden))
        drafts = sum(
            bool(self._mask(partition.table, path, goes).any())
            for path in self._lake.drafts(partition.folder)
        )
        if drafts:
            places.append(Place(f"{partition.name}, drafts", drafts))
        return places

    def erase(self, partition: Partition, goes: Goes) -> LeftAlone | None:
        """Write a partition's files again without the rows; why it must wait, if it must.

        Hidden versions that hold such rows go at once: no reader and no restart asks for them.
        At the end the drafts of others go: these may have read the rows before.

        Raises:
            LakeError: a file cannot be read or written.
        """
        why = self._erase(partition, goes)
        for draft in self._lake.drafts(partition.folder):
            self._lake.remove_for_good(draft)
        return why

    def _erase(self, partition: Partition, goes: Goes) -> LeftAlone | None:
        for version in list(self._hidden(partition)):
            if self._is_hidden_row(partition.table, version, goes):
                self._lake.remove_version(version)
        groups = [list(each) for _, each in groupby(partition.files, lambda one: one.finished_ns)]
        touched = [
            [file for file in group if self._mask(partition.table, file.path, goes).any()]
            for group in groups
        ]
        if not any(touched):
            return None
        if self._has_open_calls(partition, goes):
            return "open calls"
        settled_ns = self._newest_ns() - self._rules.min_age_s * 1_000_000_000
        for group, with_rows in zip(groups, touched, strict=True):
            if with_rows and group[0].finished_ns > settled_ns:
                return "among the job's last files"  # as are all that come after
            if with_rows and not self._rewrite(partition, group, with_rows, goes):
                return "changed by another meanwhile"
        return None

    def _newest_ns(self) -> int:
        return max(
            (file.finished_ns for table in TABLES for file in self._lake.files(table.folder)),
            default=0,
        )

    def _has_open_calls(self, partition: Partition, goes: Goes) -> bool:
        """Of others, that is: what is erased gets no ledger any more."""
        if self._rules.with_open_calls or partition.table is REJECTS or partition.dt is None:
            return False  # a reject is done with when it is written
        segments, ledgers = (
            self._lake.files(Partition(table, partition.dt, ()).folder)
            for table in (SEGMENTS, LEDGER)
        )
        still_open = open_calls(self._lake, segments, ledgers)
        return bool(still_open - goes.calls_among(still_open))

    def _rewrite(
        self, partition: Partition, group: list[LakeFile], touched: list[LakeFile], goes: Goes
    ) -> bool:
        """Whether it could be done; where not, another has changed the files meanwhile."""
        table = partition.table
        stored = pa.concat_tables(stored_rows(self._lake, table, file.path) for file in group)
        kept = distinct(stored.filter(pa.array(~goes.mask(table, stored))))
        path = None
        if len(kept):
            _, digest = count_and_digest(kept)
            name = compacted_name(group[0].finished_ns, digest[:16])
            path = f"{self._lake.base}/{partition.folder}/{name}"
            if not self._lake.replace([file.path for file in group], path, kept):
                return False
        paths = [file.path for file in group if file not in touched]
        paths += [file.path for file in touched]
        for old in paths:
            if old != path:
                self._lake.remove_for_good(old)
        return True

    def _place(self, partition: Partition, masks: dict[str, Mask]) -> Place:
        gone, kept = [arrow_schema(partition.table).empty_table()], []
        kept.append(gone[0])
        for path, mask in masks.items():
            rows = stored_rows(self._lake, partition.table, path)
            gone.append(rows.filter(pa.array(mask)))
            kept.append(rows.filter(pa.array(~mask)))
        kept_rows, kept_digest = count_and_digest(pa.concat_tables(kept))
        rows_gone, digest = count_and_digest(pa.concat_tables(gone))
        return Place(partition.name, rows_gone, digest, kept_rows, kept_digest)

    def _mask(self, table: Table, path: str, goes: Goes) -> Mask:
        columns = self._lake.read(path, goes.columns(table))
        return goes.mask(table, columns)

    def _hidden(self, partition: Partition) -> Iterable[ObjectVersion]:
        return self._lake.hidden_versions(partition.folder)

    def _is_hidden_row(self, table: Table, version: ObjectVersion, goes: Goes) -> bool:
        columns = self._lake.read_version(version, goes.columns(table))
        return columns is not None and bool(goes.mask(table, columns).any())


def _may_hold(table: Table, dt: str | None, target: Target) -> bool:
    """Rows of a call are in the partition of its start; its rejects in that of their arrival.

    A record may arrive at any time after its call's start, and a start may be a day ahead.
    """
    dates = target.dates
    if dates is None or dt is None:
        return True
    if table is not REJECTS:
        return dt in dates
    if target.has_persons or not dates:
        return True
    return dt >= (date.fromisoformat(min(dates)) - timedelta(days=1)).isoformat()
