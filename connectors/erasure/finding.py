"""Which calls an erasure is about: by the warehouse where there is one, else through the lake.

The warehouse answers whatever the size of the lake. Where it has nothing, or there is none, the
lake's summaries are read (and, for a call without one, its segments): two columns of each file.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.warehouse_store import WarehouseStore
from udfs.rows import CALLS, SEGMENTS


class Finder:
    """Looks for calls."""

    def __init__(
        self, lake: CountedLake, warehouse: WarehouseStore | None, *, whole_lake: bool = False
    ) -> None:
        """Look nowhere yet.

        Args:
            lake: where.
            warehouse: asked first, if there is one.
            whole_lake: read the lake in any case: for rows that the warehouse has lost or dropped.
        """
        self._lake = lake
        self._warehouse = warehouse
        self._whole_lake = whole_lake

    def calls_of(self, person_keys: Iterable[str]) -> dict[str, str | None]:
        """The calls of a person by any of these pseudonyms, each with its date.

        Raises:
            LakeError: a file cannot be read.
            WarehouseError: the warehouse cannot be asked.
        """
        wanted = list(person_keys)
        found: dict[str, str | None] = {}
        if self._warehouse is not None:
            found.update(self._warehouse.calls_of(wanted))
        if self._whole_lake or not found:
            found.update(self._in_lake(CALLS.folder, "person_key", wanted))
        return found

    def call(self, call_id: str) -> dict[str, str | None]:
        """The call with its date; without one where nobody knows of it.

        Raises:
            LakeError: a file cannot be read.
            WarehouseError: the warehouse cannot be asked.
        """
        known = None if self._warehouse is None else self._warehouse.date_of(call_id)
        if known is None or self._whole_lake:
            in_lake = self._in_lake(CALLS.folder, "call_id", [call_id]) or self._in_lake(
                SEGMENTS.folder, "call_id", [call_id]
            )
            known = in_lake.get(call_id, known)
        return {call_id: known}

    def _in_lake(self, folder: str, column: str, wanted: list[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for file in self._lake.files(folder):
            rows = self._lake.read(file.path, list({"call_id", column}))
            if column not in rows.column_names:
                continue  # a file from before the column was added
            hits = rows.filter(pc.is_in(rows[column], value_set=_strings(wanted)))
            found.update(dict.fromkeys(hits["call_id"].to_pylist(), file.dt))
        return found


def _strings(values: list[str]) -> pa.Array:
    return pa.array(values, pa.string())
