"""``dead-letters``: what was refused, and how it goes back after a fix."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich import box
from rich.table import Table

from connectors.kinesis_client import connect
from flink_job.lake_commands import date_option
from flink_job.terminal import console, explained
from udfs.audit_chain import Replay
from udfs.dead_letters import (
    TO_SEND,
    Filter,
    Judge,
    Judged,
    Verdict,
    counted,
    in_order,
    readable,
)
from udfs.envelope import Door, Limits
from udfs.records import RejectReason
from udfs.rows import ALL_PARTICIPANTS, LEDGER, REJECTS, Reject, newest, partition_date

if TYPE_CHECKING:
    from connectors.lake_files import Lake
    from flink_job.dead_letters import Replayed

dead_letters_app = typer.Typer(
    help="What could not be used, and back to the streams with it.", no_args_is_help=True
)

_SAID: dict[Verdict, str] = {
    "sent before": "sent before",
    "perhaps sent before": "perhaps sent before: that replay broke off, so they stay",
    "late for its call": "can never succeed: late for their call",
    "order to erase": "no use to the job: consent withdrawn after the close, to be erased",
    "call is closed": "can never succeed: their call is closed",
    "same as another": "can never succeed: the same record as another",
    "refused still": "would be refused again: mend the settings (--properties) or the producer",
    "gone from the stream": "can never succeed: not stored, and gone from the stream",
}


def _known_reasons(reasons: list[str] | None) -> list[str]:
    for reason in reasons or ():
        if reason not in get_args(RejectReason):
            msg = f"{reason} is none; there are {', '.join(get_args(RejectReason))}"
            raise typer.BadParameter(msg)
    return reasons or []


Output = Annotated[str, typer.Argument(help="Output root: a folder or s3a://bucket/prefix.")]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only of this reason; may be repeated.", callback=_known_reasons),
]
Since = Annotated[
    str | None, typer.Option(help="Only what arrived on this date or later.", callback=date_option)
]
Call = Annotated[str | None, typer.Option("--call", help="Only of this call.")]


@dead_letters_app.command("list")
def list_command(output: Output, reason: Reasons = None, since: Since = None) -> None:
    """Count what was refused, by day, stream, step and reason."""
    with explained():
        rejects = _rejects(_lake(output), Filter(reason or (), since=since))
        table = Table(box=box.SIMPLE)
        for name in ("day", "stream", "step", "reason"):
            table.add_column(name)
        table.add_column("rejects", justify="right")
        for kind, num in counted(
            rejects,
            lambda row: (partition_date(row.arrival), row.stream, row.step, row.reason),
        ):
            table.add_row(*kind, str(num))
        console.print(table)
        _print(f"{len(rejects)} rejects")


@dead_letters_app.command("show")
def show_command(
    output: Output,
    reason: Reasons = None,
    call: Call = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 20,
    payload: Annotated[
        bool,
        typer.Option("--payload", help="Also what the records say: personal data. Sound is not."),
    ] = False,
) -> None:
    """Show single rejects: where they are in Kinesis, when they came, why they were refused."""
    with explained():
        rejects = in_order(_rejects(_lake(output), Filter(reason or (), call, since)))
        for reject in rejects[:limit]:
            size = "not stored" if reject.payload is None else f"{len(reject.payload)} bytes"
            _print(
                f"{partition_date(reject.arrival)} {reject.arrival} {reject.step} {reject.reason} "
                f"call {reject.call_id!a} {reject.stream} {reject.shard} "
                f"{reject.sequence_number} {size}"
            )
            if payload and reject.payload is not None:
                _print(f"    {readable(reject.payload)}")
        if len(rejects) > limit:
            _print(f"… and {len(rejects) - limit} more; raise --limit")


@dead_letters_app.command("replay")
def replay_command(
    output: Output,
    audio_stream: Annotated[str | None, typer.Option(help="Kinesis stream of the audio.")] = None,
    text_stream: Annotated[str | None, typer.Option(help="Kinesis stream of the text.")] = None,
    reason: Reasons = None,
    call: Call = None,
    since: Since = None,
    region: Annotated[str, typer.Option(help="AWS region.")] = "us-east-1",
    endpoint: Annotated[str | None, typer.Option(help="Of a local stand-in.")] = None,
    properties: Annotated[
        Path | None, typer.Option(help="The job's settings: their limits say what is refused.")
    ] = None,
    kms_key_arn: Annotated[
        str | None, typer.Option(help="Encrypt the replay ledger's objects with this KMS key.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; only say.")] = False,
) -> None:
    """Send rejects back to their stream, each at most once, and say which never can succeed.

    What was sent is noted under OUTPUT/replays. If the command is killed, the records that it was
    just sending count as perhaps sent, and are never sent again.
    """
    with explained():
        from connectors.audit_log import AuditLog  # noqa: PLC0415 - loads pyarrow
        from connectors.replay_ledger import ReplayLedger  # noqa: PLC0415 - likewise
        from flink_job.dead_letters import DeadLetterReplay, Replayed  # noqa: PLC0415

        lake = _lake(output, kms_key_arn)
        now_ms = time.time_ns() // 1_000_000
        ledger = ReplayLedger(lake, now_ms)
        door = Door(_limits(properties))
        judge = Judge(ledger.attempts(), _closed_calls(lake), door, now_ms)
        judged = judge.judge(_rejects(lake, Filter(reason or (), call, since)))
        _say_before(judged)
        if dry_run:
            return
        if audio_stream is None or text_stream is None:
            msg = "name --audio-stream and --text-stream, or give --dry-run"
            raise typer.BadParameter(msg)
        reader, sender = connect(region, endpoint), connect(region, endpoint, max_attempts=1)
        for name in (audio_stream, text_stream):
            reader.open_shards(name)  # a name that is wrong shows before anything is claimed
        replayed = Replayed()
        names = {"audio": audio_stream, "text": text_stream}
        try:
            DeadLetterReplay(ledger, judge, reader, sender, names).run(judged, replayed)
        finally:
            left = _say_after(judged, replayed)
            AuditLog(lake).append(
                Replay(rejects=len(judged), sent=replayed.sent, left=left),
                time.time_ns() // 1_000_000,
            )


def _lake(output: str, kms_key_arn: str | None = None) -> Lake:
    from connectors.lake_files import Lake  # noqa: PLC0415 - loads pyarrow

    return Lake(output, kms_key_arn)


def _rejects(lake: Lake, wanted: Filter) -> list[Reject]:
    from connectors.lake_reader import read_files  # noqa: PLC0415 - loads pyarrow

    def may_have(dt: str | None) -> bool:
        return wanted.since is None or dt is None or dt >= wanted.since

    files = read_files(lake, REJECTS, lambda file: may_have(file.dt))
    return newest((row for _, rows in files for row in rows if wanted.wants(row)), REJECTS)


def _closed_calls(lake: Lake) -> set[str]:
    from connectors.lake_reader import read_files  # noqa: PLC0415 - loads pyarrow

    return {
        row.call_id
        for _, rows in read_files(lake, LEDGER, lambda _: True)
        for row in rows
        if row.participant_id == ALL_PARTICIPANTS
    }


def _limits(properties: Path | None) -> Limits:
    if properties is None:
        return Limits()
    from flink_job.settings import parse_settings, read_properties  # noqa: PLC0415

    return parse_settings(read_properties(properties)).limits.limits()


def _say_before(judged: Sequence[Judged]) -> None:
    counts = Counter(each.verdict for each in judged)
    to_send = sum(counts[verdict] for verdict in TO_SEND)
    _print(f"before: {len(judged)} rejects, {to_send} to be sent")
    if counts["fetch"]:
        _print(f"  {counts['fetch']} of them not stored, to be fetched from their stream")
    _say_why_not(counts)


def _say_after(judged: Sequence[Judged], replayed: Replayed) -> int:
    """Say what became of them; how many were to be sent and were not."""
    to_send = sum(each.verdict in TO_SEND for each in judged)
    left = to_send - replayed.sent - replayed.not_sent.total() - replayed.taken_by_another
    _print(f"after: {replayed.sent} sent, {left} left")
    _say_why_not(replayed.not_sent)
    if replayed.taken_by_another:
        _print(f"  {replayed.taken_by_another} claimed by another replay at the same time")
    return left


def _say_why_not(counts: Counter[Verdict]) -> None:
    for verdict, said in _SAID.items():
        if counts[verdict]:
            _print(f"  {counts[verdict]} {said}")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
