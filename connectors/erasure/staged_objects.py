"""Objects on their way into Redshift: those that hold a row that goes, every version of them.

A load that reads one just now fails and is tried again, by then without these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from connectors.erasure.counted_lake import parquet_columns
from connectors.erasure.parquet_rows import Goes
from connectors.object_store import is_object_store
from connectors.object_versions import ObjectVersion, ObjectVersions
from connectors.warehouse.staging import staged_prefixes
from udfs.erasure import Place
from udfs.rows import WAREHOUSE_TABLES, Table

PLACE = "staging"
_THREADS = 16
"""Loaded batches stay for a day as hidden versions, so there may be some thousand."""


class StagedObjects:
    """What lies in a staging area; nothing where there is none."""

    def __init__(self, root: str | None) -> None:
        self._prefixes: list[str] = []
        self._versions: ObjectVersions | None = None
        if root is not None and is_object_store(root):
            bucket, self._prefixes = staged_prefixes(root)
            self._versions = ObjectVersions(bucket)

    def search(self, goes: Goes) -> list[Place]:
        """How many versions of objects hold a row that goes.

        Raises:
            LakeError: they cannot be listed or read.
        """
        num = len(list(self._holding(goes)))
        return [Place(PLACE, num)] if num else []

    def erase(self, goes: Goes) -> None:
        """Remove them.

        Raises:
            LakeError: one could not be removed.
        """
        if self._versions is None:
            return
        for version in list(self._holding(goes)):
            self._versions.delete(version)

    def _holding(self, goes: Goes) -> Iterator[ObjectVersion]:
        objects = list(self._objects())
        with ThreadPoolExecutor(_THREADS) as threads:
            held = threads.map(lambda one: self._holds(one[0], one[1], goes), objects)
            yield from (version for (_, version), holds in zip(objects, held, strict=True) if holds)

    def _objects(self) -> Iterator[tuple[Table, ObjectVersion]]:
        if self._versions is None:
            return
        for table, prefix in zip(WAREHOUSE_TABLES, self._prefixes, strict=True):
            for version in self._versions.under(prefix):
                if not version.is_delete_marker:
                    yield table, version

    def _holds(self, table: Table, version: ObjectVersion, goes: Goes) -> bool:
        assert self._versions is not None  # noqa: S101 - there are versions
        columns = parquet_columns(self._versions.read(version), goes.columns(table))
        return columns is not None and bool(goes.mask(table, columns).any())
