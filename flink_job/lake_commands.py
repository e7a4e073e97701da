"""``lake``: merge its small files, and say how Athena finds its tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from flink_job.terminal import console, explained

lake_app = typer.Typer(help="Look after the Parquet under the output root.", no_args_is_help=True)

Root = Annotated[str, typer.Argument(metavar="ROOT", help="Folder or s3a://bucket/prefix.")]


def date_option(value: str | None) -> str | None:
    """A date of the command line; for typer.

    Raises:
        typer.BadParameter: it is none.
    """
    if value is not None:
        try:
            is_plain = date.fromisoformat(value).isoformat() == value
        except ValueError:
            is_plain = False
        if not is_plain:
            msg = f"{value}: write a date as 2026-11-23"
            raise typer.BadParameter(msg)
    return value


@lake_app.command("compact")
def compact_command(
    root: Root,
    dt: Annotated[
        str | None,
        typer.Option(help="Only the partition of this date.", callback=date_option),
    ] = None,
    older_than: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Only dates that long ago, or longer.")
    ] = None,
    target_mib: Annotated[
        int, typer.Option(min=1, help="Merge up to so much into one file.")
    ] = 128,
    min_age_s: Annotated[
        int,
        typer.Option(
            min=0,
            help="Leave alone what is not so much older than the newest file: the job's last "
            "checkpoint names it. 0 only once the job will never be restarted.",
        ),
    ] = 900,
    open_calls_too: Annotated[bool, typer.Option(help="Also where a call never closed.")] = False,
    kms_key_arn: Annotated[
        str | None, typer.Option(help="Encrypt the new objects with this KMS key.")
    ] = None,
) -> None:
    """Merge each partition's small files into one, once no call of it is open.

    Rows stay, every revision of them; a row that is there twice stays once. May be broken off at
    any moment and run again.
    """
    with explained():
        from connectors.lake_compact import CompactionRules, compact  # noqa: PLC0415 - as below
        from connectors.lake_files import Lake  # noqa: PLC0415 - loads pyarrow

        rules = CompactionRules(target_mib * 1_048_576, min_age_s, open_calls_too)
        newest = None if older_than is None else _days_ago(older_than)
        files_before = files_after = 0
        for done in compact(
            Lake(root, kms_key_arn),
            lambda each: (dt is None or each == dt) and (newest is None or each <= newest),
            rules,
        ):
            files_before += done.files_before
            files_after += done.files_after
            where = f"{done.table.folder}/dt={done.dt}"
            if done.left_alone and done.files_before > 1:
                _say(f"{where}: {done.files_before} files left alone: {done.left_alone}")
            elif done.files_after < done.files_before:
                _say(
                    f"{where}: {done.files_before} files -> {done.files_after}, "
                    f"{done.rows_before - done.rows_after} of {done.rows_before} rows stood twice"
                )
        _say(f"{files_before} files -> {files_after}")


@lake_app.command("ddl")
def ddl_command(
    root: Annotated[str, typer.Option(help="s3://bucket/prefix of the output.")],
    database: Annotated[str, typer.Option(help="Database of the Glue catalogue.")],
    first_date: Annotated[
        str, typer.Option(help="The first dt to look for.", callback=date_option)
    ] = "2020-01-01",
) -> None:
    """Print the DDL with which Athena reads the tables; no crawler is needed."""
    from connectors.lake_ddl import DdlError, athena_ddl  # noqa: PLC0415 - as compact

    try:
        statements = athena_ddl(root, database, first_date)
    except DdlError as error:
        raise typer.BadParameter(str(error)) from None
    for statement in statements:
        print(f"{statement};\n")


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
