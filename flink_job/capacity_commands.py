"""``capacity``: how much of AWS a number of channels needs, what bends first, what it costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from flink_job.capacity.cost import Cost, monthly_cost, total
from flink_job.capacity.figures import Bench, Figures, FiguresError, known_figures, read_bench
from flink_job.capacity.limits import first_to_bend, limits_of
from flink_job.capacity.plan import Backend, Deployment, Plan, StreamMode, make_plan
from flink_job.capacity.prices import AS_OF, REGION, with_prices
from flink_job.capacity.traffic import Traffic
from flink_job.terminal import WRONG_USE, console, print_error
from udfs.records import Encoding


def capacity(
    channels: Annotated[int, typer.Option(min=1, help="Voices at the busiest moment.")],
    backend: Annotated[Backend, typer.Option(help="Who scores voices.")] = "local",
    bench: Annotated[
        Path | None,
        typer.Option(help="What make bench wrote; else the figures kept with the code."),
    ] = None,
    default_bundles: Annotated[
        bool, typer.Option("--default-bundles", help="Figures with PyFlink's own bundles.")
    ] = False,
    channels_per_call: Annotated[int, typer.Option(min=1, help="Voices of a call.")] = 2,
    chunk_ms: Annotated[int, typer.Option(min=1, help="Length of an audio chunk.")] = 200,
    encoding: Annotated[Encoding, typer.Option(help="Of the audio.")] = "mulaw",
    sample_rate_hz: Annotated[int, typer.Option(min=1, help="Of the audio.")] = 8_000,
    spoken_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of windows spoken; else as measured.")
    ] = None,
    call_min: Annotated[float, typer.Option(help="Length of a call, minutes.")] = 6.0,
    utterances_per_min: Annotated[float, typer.Option(help="Of a voice.")] = 7.0,
    busy_hours_a_month: Annotated[
        float, typer.Option(min=1, max=730, help="Hours at that traffic bring a month's data.")
    ] = 730.0,
    utilisation: Annotated[
        float, typer.Option(help="Share of KPUs and shards to use; the rest catches up.")
    ] = 0.7,
    core_ratio: Annotated[
        float, typer.Option(help="CPU of a vCPU of yours by a core of the figures.")
    ] = 1.0,
    parallelism_per_kpu: Annotated[int, typer.Option(min=1, max=8)] = 1,
    checkpoint_s: Annotated[float, typer.Option(help="Between two checkpoints.")] = 30.0,
    stream_mode: Annotated[StreamMode, typer.Option(help="How Kinesis is paid.")] = "on-demand",
    endpoint_windows_per_s: Annotated[
        float | None, typer.Option(help="sagemaker: of one instance, as you measured.")
    ] = None,
    warehouse: Annotated[bool, typer.Option(help="Redshift Serverless in the price.")] = True,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A price other than the list's; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Shards, KPUs, endpoint instances, lake and warehouse for so many channels, and the price.

    A channel is one voice; a two-party call has two. deploy/CAPACITY.md explains the arithmetic.
    """
    try:
        figures = _figures(known_figures() if bench is None else read_bench(bench), default_bundles)
        traffic = Traffic(
            channels=channels,
            channels_per_call=channels_per_call,
            chunk_ms=chunk_ms,
            encoding=encoding,
            sample_rate_hz=sample_rate_hz,
            utterances_per_min=utterances_per_min,
            call_min=call_min,
            busy_hours_a_month=busy_hours_a_month,
        )
        deployment = Deployment(
            backend=backend,
            stream_mode=stream_mode,
            utilisation=utilisation,
            parallelism_per_kpu=parallelism_per_kpu,
            core_ratio=core_ratio,
            spoken_share=spoken_share,
            checkpoint_s=checkpoint_s,
            endpoint_windows_per_s=endpoint_windows_per_s,
        )
        plan = make_plan(traffic, deployment, figures)
        costs = monthly_cost(plan, with_prices(price or ()), has_warehouse=warehouse)
    except ValueError as error:
        print_error(error)
        raise typer.Exit(WRONG_USE) from None
    if as_json:
        typer.echo(json.dumps(_as_json(plan, costs), indent=2))
        return
    _print_needs(plan)
    _print_limits(plan)
    _print_costs(costs)


def _figures(bench: Bench, default_bundles: bool) -> Figures:
    if not default_bundles:
        return bench.ours
    if bench.default_bundles is None:
        msg = "no figures with PyFlink's bundles; run make bench and give --bench build/bench.json"
        raise FiguresError(msg)
    return bench.default_bundles


def _print_needs(plan: Plan) -> None:
    traffic = plan.traffic
    table = _table(f"{traffic.channels:,} channels, {traffic.calls:,} calls", "", "needed", "for")
    table.add_row(
        "KPUs",
        f"{plan.kpus}",
        f"{plan.cores:.1f} cores at {plan.cpu_ms_per_window:.0f} "
        f"ms a window; {plan.deployment.utilisation:.0%} used",
    )
    for name, stream in (("audio", plan.audio), ("text", plan.text)):
        load = stream.load
        table.add_row(
            f"{name} shards",
            f"{stream.shards}",
            f"{load.records_per_s:,.0f} records/s of {load.record_bytes:,} bytes: "
            f"{load.bytes_per_s / 1e6:.1f} MB/s; the fullest shard {stream.fill:.0%} full",
        )
    if plan.endpoint_instances:
        table.add_row(
            "endpoint instances",
            f"{plan.endpoint_instances}",
            f"{traffic.windows_per_s * plan.spoken_share:,.0f} windows/s, "
            f"{plan.endpoint_windows_per_s:,.0f}/s each",
        )
    table.add_row(
        "state",
        f"{plan.state_bytes / 1e6:,.0f} MB",
        f"a checkpoint writes {plan.checkpoint_bytes / 1e6:,.0f} MB",
    )
    table.add_row(
        "lake",
        f"{plan.lake_bytes_per_day / 1e9:.2f} GB a day",
        f"{plan.segment_rows_per_s:,.0f} segments/s, "
        f"{plan.lake_files_per_day:,.0f} files a day before compaction",
    )
    table.add_row(
        "warehouse",
        f"{60 * plan.loads_per_s:.0f} loads a minute",
        f"{plan.segment_rows_per_s:,.0f} segments/s",
    )
    console.print(table)
    console.print(f"figures: {plan.figures.where}", markup=False, soft_wrap=True)


def _print_limits(plan: Plan) -> None:
    table = _table("Limits", "", "used", "of", "bends at, channels")
    for limit in limits_of(plan):
        at = "" if limit.channels_at_limit is None else f"{limit.channels_at_limit:,.0f}"
        style = "red" if limit.share > 1 else None
        table.add_row(
            limit.name, f"{limit.used:,.2f}", f"{limit.limit:,.0f} {limit.unit}", at, style=style
        )
    console.print(table)
    bends = first_to_bend(plan)
    console.print(f"first to bend: {bends.name} ({bends.remedy})", markup=False, soft_wrap=True)
    for limit in limits_of(plan):
        if limit.share > 1:
            console.print(
                f"beyond its limit: {limit.name} ({limit.remedy})", style="red", soft_wrap=True
            )


def _print_costs(costs: list[Cost]) -> None:
    table = _table(
        f"A month, US dollars; list prices from memory ({REGION}, {AS_OF}), yours by --price",
        "",
        "formula",
        "dollars",
    )
    for cost in costs:
        table.add_row(cost.what, cost.formula, f"{cost.dollars:,.0f}")
    table.add_row("all", "", f"{total(costs):,.0f}", style="bold")
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_number = column in ("needed", "used", "dollars", "bends at, channels")
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    return table


def _as_json(plan: Plan, costs: list[Cost]) -> dict[str, Any]:
    return {
        **asdict(plan),
        "kpus": plan.kpus,
        "limits": [{**asdict(limit), "share": limit.share} for limit in limits_of(plan)],
        "first_to_bend": first_to_bend(plan).name,
        "monthly_dollars": [cost._asdict() for cost in costs],
        "monthly_dollars_all": total(costs),
    }
