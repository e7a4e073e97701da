"""``retention report`` and ``retention apply``: what is kept longer than the settings allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from connectors.kinesis_client import connect
from connectors.lake_files import Lake
from connectors.retention import (
    Overdue,
    overdue_in_lake,
    overdue_in_log_group,
    overdue_in_stream,
    overdue_staged,
)
from connectors.warehouse.opening import open_session
from connectors.warehouse.retention import overdue_in_warehouse
from flink_job.settings import DEFAULT_PROPERTIES, Settings, parse_settings, read_properties
from flink_job.terminal import FAILED, console, explained

retention_app = typer.Typer(
    help="What is kept longer than the settings' group retention allows: find it, remove it.",
    no_args_is_help=True,
)


class Store(StrEnum):
    """What can be looked through alone."""

    LAKE = "lake"
    WAREHOUSE = "warehouse"
    STAGED = "staged"
    STREAMS = "streams"
    LOGS = "logs"


Properties = Annotated[
    Path, typer.Option(help="Settings in the service's format; their group retention counts.")
]
Only = Annotated[list[Store] | None, typer.Option(help="One store; may be repeated.")]
LogGroup = Annotated[
    str | None,
    typer.Option(help="CloudWatch log group of the job, /aws/kinesis-analytics/NAME; else none."),
]


@retention_app.command()
def report(
    properties: Properties = DEFAULT_PROPERTIES, only: Only = None, log_group: LogGroup = None
) -> None:
    """Show what is older than allowed, and change nothing; exit 1 if there is any."""
    with explained(), ExitStack() as sessions:
        overdue = list(_overdue(_settings(properties), only, log_group, sessions))
        if overdue:
            _print(overdue)
            raise typer.Exit(FAILED)
        _say("nothing is older than allowed")


@retention_app.command("apply")
def apply_command(
    properties: Properties = DEFAULT_PROPERTIES,
    only: Only = None,
    log_group: LogGroup = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what is older than allowed; may be broken off at any moment and run again.

    Exit 1 while something is left, such as files that a restart of the job may still look for.
    """
    with explained(), ExitStack() as sessions:
        overdue = list(_overdue(_settings(properties), only, log_group, sessions))
        if not overdue:
            _say("nothing is older than allowed")
            return
        _print(overdue)
        if not yes:
            typer.confirm("Remove all this for ever?", abort=True, err=True)
        for one in overdue:
            if one.left_alone:
                _say(f"{one.where} {one.what}: left alone, {one.left_alone}")
                continue
            one.remove()
            _say(f"{one.where} {one.what}: done, {one.amount} {one.unit}")
        if any(one.left_alone for one in overdue):
            raise typer.Exit(FAILED)


def _settings(properties: Path) -> Settings:
    return parse_settings(read_properties(properties))


def _overdue(
    settings: Settings, only: list[Store] | None, log_group: str | None, sessions: ExitStack
) -> Iterator[Overdue]:
    """From every store that is wanted and there is."""
    stores = only or list(Store)
    rules, now = settings.retention.rules(), datetime.now(UTC)
    region = settings.streams.region
    if Store.LAKE in stores:
        lake = Lake(settings.lake.root, settings.lake.kms_key_arn)
        yield from overdue_in_lake(lake, rules, now.date())
    spec = settings.warehouse_spec()
    if Store.WAREHOUSE in stores and spec is not None:
        session = sessions.enter_context(closing(open_session(spec)))
        yield from overdue_in_warehouse(session, spec, rules, now.date())
    if Store.STAGED in stores and settings.warehouse.staging_root:
        warehouse_region = settings.warehouse.region or region
        yield from overdue_staged(settings.warehouse.staging_root, warehouse_region, rules, now)
    if Store.STREAMS in stores:
        kinesis = connect(region, settings.streams.endpoint)
        streams = settings.streams
        yield from overdue_in_stream(kinesis, streams.audio_stream, rules.audio_stream_hours)
        yield from overdue_in_stream(kinesis, streams.text_stream, rules.text_stream_hours)
    if Store.LOGS in stores and log_group is not None:
        yield from overdue_in_log_group(log_group, region, rules)


def _print(overdue: list[Overdue]) -> None:
    """One line for each thing; the pieces of a table of the warehouse together."""
    table = Table(title="Kept longer than allowed", title_justify="left")
    for heading in ("store", "what", "how much", "oldest", ""):
        table.add_column(heading, overflow="fold")
    merged: dict[tuple[str, str], Overdue] = {}
    amounts: dict[tuple[str, str], int] = {}
    for one in overdue:
        merged.setdefault((one.where, one.what), one)
        amounts[one.where, one.what] = amounts.get((one.where, one.what), 0) + one.amount
    for key, one in merged.items():
        amount = f"{amounts[key]:,} {one.unit}"
        table.add_row(one.where, one.what, amount, one.oldest, one.left_alone)
    console.print(table)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
