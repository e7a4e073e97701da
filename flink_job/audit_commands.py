"""``audit list`` and ``audit verify``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flink_job.terminal import FAILED, console, explained
from udfs.audit_chain import AuditEntry, Erasure, Head, PolicyInForce, Replay, encode

if TYPE_CHECKING:
    from connectors.audit_log import AuditLog

audit_app = typer.Typer(
    help="What was done to the data: policies in force, erasures, replays.", no_args_is_help=True
)

Output = Annotated[str, typer.Argument(help="Output root: a folder or s3a://bucket/prefix.")]


@audit_app.command("list")
def list_command(
    output: Output,
    as_json: Annotated[
        bool, typer.Option("--json", help="The lines as they are stored, one JSON object a line.")
    ] = False,
) -> None:
    """Print the log, oldest line first."""
    with explained():
        lines = _log(output).lines()
        for line in lines:
            if as_json:
                typer.echo(encode(line), nl=False)
            else:
                at = datetime.fromtimestamp(line.at_ms / 1000, UTC).isoformat(timespec="seconds")
                _print(f"{line.number} {at} {_said(line.entry)}")
        if not as_json:
            _print(f"{len(lines)} lines")


@audit_app.command("verify")
def verify_command(
    output: Output,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:SHA256",
            help="A head that you kept elsewhere, as this command or a receipt tells it: without "
            "one, a log whose end was cut off or written anew, head and all, looks whole.",
        ),
    ] = None,
) -> None:
    """Find lines that were changed, removed or put in. Exit 1 if there are any."""
    with explained():
        verified = _log(output).verify(_head(expect))
        for flaw in verified.flaws:
            _print(flaw)
        if verified.flaws:
            raise typer.Exit(FAILED)
        if verified.head is None:
            _print("the log is empty")
        else:
            _print(f"{verified.head.number} lines, each follows from the one before")
            _print(f"head {verified.head}")


def _head(expect: str | None) -> Head | None:
    try:
        return None if expect is None else Head.parse(expect)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _said(entry: AuditEntry) -> str:
    match entry:
        case PolicyInForce():
            # From a file, so it may hold what a terminal obeys.
            return f"policy {ascii(entry.version)[1:-1]} in force, SHA-256 {entry.sha256}"
        case Erasure():
            places = msgspec.json.encode(entry.erased).decode()
            return f"{entry.scope} erased, receipt {ascii(entry.receipt_id)[1:-1]}: {places}"
        case Replay():
            return (
                f"dead letters replayed: {entry.rejects} seen, {entry.sent} sent, {entry.left} left"
            )


def _log(output: str) -> AuditLog:
    from connectors.audit_log import AuditLog  # noqa: PLC0415 - loads pyarrow
    from connectors.lake_files import Lake  # noqa: PLC0415 - likewise

    return AuditLog(Lake(output))


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
