"""The generated parts of ``deploy/CAPACITY.md``: figures, examples, limits and prices.

    python -m flink_job.capacity.document deploy/CAPACITY.md --bench build/bench.json

keeps the figures of a benchmark as the known ones, and rewrites what stands between the markers
``<!-- figures -->`` … ``<!-- /figures -->`` and so on; without ``--bench`` from those known.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from flink_job.capacity.cost import monthly_cost, total
from flink_job.capacity.figures import Bench, Figures, keep, known_figures, read_bench
from flink_job.capacity.limits import first_to_bend, limits_of
from flink_job.capacity.plan import Deployment, Plan, make_plan
from flink_job.capacity.prices import AS_OF, REGION, Prices
from flink_job.capacity.traffic import Traffic
from flink_job.marked_parts import with_part

EXAMPLE_CHANNELS: Final = 2_000
_SIZES: Final = (20, 200, 2_000, 20_000)
_NOT_MEASURED: Final = "not measured"


def rewritten(document: str, bench: Bench) -> str:
    """The document with its parts as figures and code have them.

    Raises:
        ValueError: a marker is missing.
    """
    parts = {
        "figures": figures_table(bench),
        "examples": examples_table(bench),
        "limits": limits_table(bench.ours),
        "cost": cost_table(bench.ours),
        "prices": prices_table(),
    }
    for name, lines in parts.items():
        document = with_part(document, name, lines)
    return document


def figures_table(bench: Bench) -> Iterator[str]:
    ours, other = bench.ours, bench.default_bundles
    yield "| | our bundles (200 records, 50 ms) | PyFlink's (1,000 records, 1 s) |"
    yield "|---|---:|---:|"
    rows: dict[str, tuple[str, str]] = {
        "job's CPU, ms a window": ("job_cpu_ms_per_window", "{:.1f}"),
        "of the windows spoken": ("spoken_share", "{:.2f}"),
        "of that CPU the voice model's, ms a spoken window": (
            "model_cpu_ms_per_spoken_window",
            "{:.1f}",
        ),
        "rows written a window": ("rows_per_window", "{:.2f}"),
        "a row's delay beyond the text wait, median, s": ("p50_beyond_wait_s", "{:.2f}"),
        "the same, 99 %, s": ("p99_beyond_wait_s", "{:.2f}"),
        "Python worker's memory, MB": ("worker_rss_mb", "{:.0f}"),
        "state, bytes an open call": ("state_bytes_per_call", "{:,.0f}"),
    }
    for what, (name, form) in rows.items():
        cells = [_cell(figures, name, form) for figures in (ours, other)]
        yield f"| {what} | {cells[0]} | {cells[1]} |"
    yield ""
    yield f"Measured on: {ours.where}."


def _cell(figures: Figures | None, name: str, form: str) -> str:
    value = None if figures is None else getattr(figures, name)
    return _NOT_MEASURED if value is None else form.format(value)


def examples_table(bench: Bench) -> Iterator[str]:
    yield (
        "| channels | voices scored | KPUs | audio shards | text shards | endpoint instances "
        "| state, GB | rows/s | dollars a month | bends first at |"
    )
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---|"
    for channels in _SIZES:
        yield _example(channels, "in the job", Deployment(), bench.ours)
        yield _example(channels, "by SageMaker", Deployment(backend="sagemaker"), bench.ours)
    if bench.default_bundles is not None:
        yield _example(
            EXAMPLE_CHANNELS, "in the job, PyFlink's bundles", Deployment(), bench.default_bundles
        )


def _example(channels: int, how: str, deployment: Deployment, figures: Figures) -> str:
    plan = make_plan(Traffic(channels), deployment, figures)
    dollars = total(monthly_cost(plan, Prices(), has_warehouse=True))
    bends = first_to_bend(plan)
    return (
        f"| {channels:,} | {how} | {plan.kpus} | {plan.audio.shards} | {plan.text.shards} "
        f"| {plan.endpoint_instances or ''} | {plan.state_bytes / 1e9:.2f} "
        f"| {plan.segment_rows_per_s:,.0f} | {dollars:,.0f} "
        f"| {bends.name}: {bends.channels_at_limit:,.0f} channels |"
    )


def limits_table(figures: Figures) -> Iterator[str]:
    plan = example_plan(figures)
    yield f"| limit | at {EXAMPLE_CHANNELS:,} channels | of | bends at, channels | then |"
    yield "|---|---:|---:|---:|---|"
    for limit in limits_of(plan):
        at = "" if limit.channels_at_limit is None else f"{limit.channels_at_limit:,.0f}"
        yield (
            f"| {limit.name} | {limit.used:,.2f} | {limit.limit:,.0f} {limit.unit} | {at} "
            f"| {limit.remedy} |"
        )


def cost_table(figures: Figures) -> Iterator[str]:
    costs = monthly_cost(example_plan(figures), Prices(), has_warehouse=True)
    yield "| what | formula | dollars a month |"
    yield "|---|---|---:|"
    for cost in costs:
        yield f"| {cost.what} | {cost.formula} | {cost.dollars:,.0f} |"
    yield f"| **all** | | **{total(costs):,.0f}** |"


def prices_table() -> Iterator[str]:
    yield f"| price | dollars, {REGION}, {AS_OF} |"
    yield "|---|---:|"
    for field in fields(Prices):
        yield f"| `{field.name}` | {getattr(Prices(), field.name)} |"


def example_plan(figures: Figures) -> Plan:
    return make_plan(Traffic(EXAMPLE_CHANNELS), Deployment(), figures)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flink_job.capacity.document", description="Rewrite CAPACITY.md's tables."
    )
    parser.add_argument("document", type=Path)
    parser.add_argument("--bench", type=Path, help="what make bench wrote; its figures are kept")
    options = parser.parse_args()
    if options.bench:
        keep(read_bench(options.bench))
    text = rewritten(options.document.read_text(encoding="utf-8"), known_figures())
    options.document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
