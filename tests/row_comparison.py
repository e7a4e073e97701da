"""Are two sets of rows the same, as the contract means it: keys equal, numbers within 1e-4."""

from __future__ import annotations

import dataclasses
from typing import Any

from connectors.lake_files import Root
from connectors.lake_reader import read_rows
from udfs.rows import CALLS, SEGMENTS, Table, newest

TOLERANCE = 1e-4
NOT_COMPARED = ("revision", "emitted_at")


def newest_rows(root: Root, table: Table) -> dict[tuple[Any, ...], Any]:
    """The newest row of each key."""
    rows = newest(read_rows(root, table), table)
    return {table.key_of(row): row for row in rows}


def assert_same_rows(output: Root, reference: Root) -> None:
    """Segments and summaries of two output folders agree."""
    for table in (SEGMENTS, CALLS):
        actual, expected = newest_rows(output, table), newest_rows(reference, table)
        assert actual.keys() == expected.keys(), table.folder
        for key, row in actual.items():
            assert not list(differences(row, expected[key])), (table.folder, key)


def differences(row: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """The columns in which two rows differ."""
    columns = [f.name for f in dataclasses.fields(row) if f.name not in NOT_COMPARED]
    pairs = [(name, getattr(row, name), getattr(other, name)) for name in columns]
    return [(name, a, b) for name, a, b in pairs if not _same(a, b)]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= TOLERANCE
    return bool(a == b)
