"""``reconcile``: is what is in S3 and in the warehouse what the ledgers say?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from flink_job.lake_commands import date_option
from flink_job.local_warehouse import EMBEDDED, local_warehouse
from flink_job.terminal import FAILED, console, explained
from flink_job.warehouse_commands import opened, spec_of
from udfs.reconcile import Difference, count_kinds

if TYPE_CHECKING:
    from flink_job.reconcile import Reconciliation

_LOOK_AGAIN_S = 5.0


def reconcile(
    output: Annotated[str, typer.Option(help="Output root: a folder or s3a://bucket/prefix.")],
    warehouse: Annotated[
        str | None,
        typer.Option(
            help="Hold the lake against this one: its url, no password; or embedded, which local "
            "leaves in OUTPUT/warehouse."
        ),
    ] = None,
    properties: Annotated[
        Path | None, typer.Option(help="Or against the warehouse of these settings.")
    ] = None,
    schema: Annotated[str | None, typer.Option(help="Schema of the warehouse's tables.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only calls that started on this date or later.", callback=date_option),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Output of `offline` for the same calls, to hold it against.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="Print so many differences at most.")] = 20,
    wait_s: Annotated[
        float, typer.Option(min=0, help="While there are differences, look again for so long.")
    ] = 0.0,
) -> None:
    """Compare ledgers, lake and warehouse: keys, revisions, values. Exit 1 if they differ.

    Calls that are still open are counted and not compared. With a job that runs, rows are on their
    way: --wait-s gives them time.
    """
    with explained(), ExitStack() as stack:
        from connectors.lake_files import Lake  # noqa: PLC0415 - loads pyarrow
        from flink_job.reconcile import reconcile as compare  # noqa: PLC0415 - likewise

        if warehouse == EMBEDDED:
            warehouse = stack.enter_context(local_warehouse(EMBEDDED, output))
        is_held = warehouse is not None or properties is not None
        session = opened(spec_of(properties, warehouse, schema)) if is_held else nullcontext()
        held_against = stack.enter_context(session)
        until_s = time.monotonic() + wait_s
        while True:
            found = compare(
                Lake(output),
                None if since is None else date.fromisoformat(since),
                held_against,
                None if reference is None else Lake(reference),
            )
            left_s = until_s - time.monotonic()
            if not found.differences or left_s <= 0:
                break
            time.sleep(min(_LOOK_AGAIN_S, left_s))
        _print_counts(found)
        _print_differences(found.differences, show)
        if found.differences:
            raise typer.Exit(FAILED)


def _print_counts(found: Reconciliation) -> None:
    table = Table(box=box.SIMPLE)
    for name in ("table", "files", "rows", "newest", "checksum", "warehouse", "checksum"):
        table.add_column(name, justify="left" if name in ("table", "checksum") else "right")
    for count in found.counts:
        loaded = count.warehouse
        table.add_row(
            count.table.folder,
            str(count.files),
            str(count.revisions),
            str(count.lake.rows),
            count.lake.checksum,
            str(loaded.rows) if loaded else "",
            loaded.checksum if loaded else "",
        )
    console.print(table)
    if found.open_calls:
        console.print(f"{len(found.open_calls)} calls still open, not compared")


def _print_differences(differences: Sequence[Difference], show: int) -> None:
    if not differences:
        console.print("no difference")
        return
    table = Table(box=box.SIMPLE)
    for name in ("held against", "table", "difference", "key", "columns"):
        table.add_column(name, overflow="fold")
    for each in differences[:show]:
        key = " ".join(map(_printable, each.key))
        cells = (each.side, each.table.folder, each.kind, key, ", ".join(each.columns))
        table.add_row(*map(Text, cells))
    if show:
        console.print(table)
    if len(differences) > show:
        console.print(f"… and {len(differences) - show} more")
    for (side, folder, kind), num in sorted(count_kinds(differences).items()):
        console.print(f"{num} × {kind}: {folder} against {side}", markup=False, highlight=False)


def _printable(part: object) -> str:
    """A part of a key; ids come from outside and may hold what a terminal obeys."""
    return ascii(part)[1:-1] if isinstance(part, str) else str(part)
