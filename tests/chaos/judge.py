"""Is anything lost, doubled, stale or refused? By committed files, and by the warehouse."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

from connectors.lake_reader import newest, read_rows
from tests.chaos.calls import COMPARED, DRAWN_BY_THE_REPLAY, Reference, RoundCalls
from tests.chaos.world import World
from tests.row_comparison import differences
from udfs.rows import REJECTS, Table

_SHOWN = 3


def problems(
    world: World, calls: RoundCalls, reference: Reference, skip: frozenset[str]
) -> Iterator[str]:
    """What is wrong with the rows of a round, a line each; nothing when all is well.

    Args:
        world: where the rows are.
        calls: of the round.
        reference: what they must leave.
        skip: files of the lake from before the round.
    """
    for table in COMPARED:
        rows = [row for row in read_rows(world.lake, table, skip) if row.call_id in calls.call_ids]
        yield from _wrong_rows(table, rows, reference.rows(table, calls))
        yield from _doubled_rows(table, rows)
        if count := num_behind(world, calls, table, skip):
            yield f"the warehouse lacks {count} of the newest rows of {table.folder}, or has others"
    for reject in read_rows(world.lake, REJECTS, skip):
        yield f"reject {reject.reason} at {reject.stream} {reject.sequence_number}"


def num_behind(world: World, calls: RoundCalls, table: Table, skip: frozenset[str]) -> int:
    """In how many keys the warehouse is not what the lake's newest rows are, revisions included."""
    lake = newest(read_rows(world.lake, table, skip), table)
    wanted = {_key(row, table): row for row in lake if row.call_id in calls.call_ids}
    found = {
        _key(row, table): row
        for row in world.warehouse.rows(table)
        if row.call_id in calls.call_ids
    }
    differing = sum(found[key] != wanted[key] for key in wanted.keys() & found)
    return len(wanted.keys() ^ found) + differing


def _wrong_rows(table: Table, rows: list[Any], expected: list[Any]) -> Iterator[str]:
    actual = {_key(row, table): row for row in newest(rows, table)}
    wanted = {_key(row, table): row for row in expected}
    for word, keys in (("lacks", wanted.keys() - actual), ("has too much", actual.keys() - wanted)):
        if keys:
            yield f"{table.folder} {word} {len(keys)} keys, such as {sorted(keys)[:_SHOWN]}"
    for key in actual.keys() & wanted:
        columns = [
            name
            for name, _, _ in differences(actual[key], wanted[key])
            if name not in DRAWN_BY_THE_REPLAY
        ]
        if columns:
            yield f"{table.folder} {key} differs in {', '.join(columns)}"


def _doubled_rows(table: Table, rows: list[Any]) -> Iterator[str]:
    """A key and revision that was committed twice with the same content."""
    times = Counter(_content(row) for row in rows)
    doubled = sum(count > 1 for count in times.values())
    if doubled:
        yield f"{table.folder} has {doubled} rows twice"


def _content(row: Any) -> tuple[Any, ...]:
    names = [field.name for field in dataclasses.fields(row) if field.name != "emitted_at"]
    return tuple(getattr(row, name) for name in names)


def _key(row: Any, table: Table) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in table.key)
