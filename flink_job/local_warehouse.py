"""The warehouse of a local run: embedded in the output folder, one that was named, or none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from connectors.lake_reader import read_rows
from connectors.object_store import is_object_store
from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.embedded import embedded_postgres
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session
from connectors.warehouse.reader import read_warehouse
from udfs.rows import WAREHOUSE_TABLES, Table, newest

EMBEDDED, NONE = "embedded", "none"
FOLDER = "warehouse"
"""Of the embedded one, beside the lake's tables."""
CATCH_UP_S = 120.0
_POLL_S = 0.5


@contextmanager
def local_warehouse(wanted: str, output: str) -> Iterator[str | None]:
    """The url of the warehouse, running; None for ``none``.

    Args:
        wanted: ``embedded``, ``none``, or a url.
        output: the run's output root.

    Raises:
        WarehouseError: the embedded one does not start.
    """
    if wanted == NONE:
        yield None
    elif wanted == EMBEDDED:
        with ExitStack() as stack:
            folder = Path(output) / FOLDER
            if is_object_store(output):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / FOLDER
            yield stack.enter_context(embedded_postgres(folder))
    else:
        yield wanted


class LocalWarehouse:
    """What a local run asks its warehouse."""

    def __init__(self, spec: WarehouseSpec) -> None:
        self._spec = spec
        self._session = open_session(spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def prepare(self) -> None:
        """Make or extend its tables, and look whether rows can be loaded.

        Raises:
            WarehouseError: it cannot be reached or used.
        """
        migrate(self._session, self._spec)
        check_warehouse(self._session, self._spec)

    def wait_for(self, root: str, earlier: frozenset[str], check_job: Callable[[], None]) -> int:
        """Wait until it has what the lake has; how many rows it still lacks after two minutes.

        Args:
            root: the lake.
            earlier: files of the lake from before this run.
            check_job: raises when the job has ended.

        Raises:
            WarehouseError: it cannot be asked.
        """
        deadline_s = time.monotonic() + CATCH_UP_S
        while (lacking := self._num_lacking(root, earlier)) and time.monotonic() < deadline_s:
            check_job()
            time.sleep(_POLL_S)
        return lacking

    def counts(self, call_ids: set[str]) -> Mapping[str, int]:
        """Rows of some calls by table."""
        return {
            str(table.warehouse_table): sum(row.call_id in call_ids for row in self._rows(table))
            for table in WAREHOUSE_TABLES
        }

    def _num_lacking(self, root: str, earlier: frozenset[str]) -> int:
        count = 0
        for table in WAREHOUSE_TABLES:
            loaded = {table.key_of(row): row.revision for row in self._rows(table)}
            for row in newest(read_rows(root, table, skip=earlier), table):
                count += loaded.get(table.key_of(row), -1) < row.revision
        return count

    def _rows(self, table: Table) -> list[Any]:
        return read_warehouse(self._session, self._spec, table, since=None)
