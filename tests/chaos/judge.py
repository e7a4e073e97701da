"""Is anything lost, doubled, stale or refused? By committed files, and by ``reconcile``."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from connectors.lake_reader import read_rows
from tests.chaos.calls import COMPARED, DRAWN_BY_THE_REPLAY, ROOT, Reference, RoundCalls
from tests.chaos.world import World
from tests.row_comparison import differences
from udfs.rows import REJECTS, Table, newest

_SHOWN = 3
_RECONCILE_WAIT_S = 120


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
        yield from row_problems(table, rows, reference.rows(table, calls))
    for reject in read_rows(world.lake, REJECTS, skip):
        yield f"reject {reject.reason} at {reject.stream} {reject.sequence_number}"
    yield from reconciled(world.lake, world.warehouse.judges_url)


def row_problems(table: Table, rows: list[Any], expected: list[Any]) -> Iterator[str]:
    """What is wrong with all committed rows of a table, against the newest that it must have."""
    yield from _wrong_rows(table, rows, expected)
    yield from _doubled_rows(table, rows)


def reconciled(lake: str, warehouse: str) -> Iterator[str]:
    """What ``reconcile`` has to say about all rows so far, given time for the last to be loaded.

    Args:
        lake: root of the rows.
        warehouse: its url.
    """
    done = subprocess.run(
        [
            sys.executable, "-m", "flink_job.cli", "reconcile", "--output", lake,
            "--warehouse", warehouse, "--wait-s", str(_RECONCILE_WAIT_S),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        yield f"reconcile: {' '.join((done.stdout + done.stderr).split())}"


def _wrong_rows(table: Table, rows: list[Any], expected: list[Any]) -> Iterator[str]:
    actual = {table.key_of(row): row for row in newest(rows, table)}
    wanted = {table.key_of(row): row for row in expected}
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
