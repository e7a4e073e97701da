"""The figures as a table: one column a size."""

from __future__ import annotations

from typing import Any

from rich.table import Table

ROWS: tuple[tuple[str, str, str], ...] = (
    ("job_windows_per_s", "job, windows/s", "{:.1f}"),
    ("loop_windows_per_s", "plain loop, windows/s", "{:.1f}"),
    ("job_over_model", "job_over_model", "{:.2f}"),
    ("job_cpu_ms_per_window", "job's CPU, ms a window", "{:.1f}"),
    ("null_cpu_ms_per_chunk", "null model, CPU ms a chunk", "{:.2f}"),
    ("identity_cpu_ms_per_chunk", "identity, CPU ms a chunk", "{:.2f}"),
    ("cpu_over_identity", "cpu_over_identity", "{:.2f}"),
    ("live_windows_per_s", "live, windows/s", "{:.1f}"),
    ("live_cores_used", "live, cores used", "{:.2f}"),
    ("p50_beyond_wait_s", "p50_beyond_wait_s", "{:.2f}"),
    ("p99_beyond_wait_s", "p99_beyond_wait_s", "{:.2f}"),
    ("worker_rss_mb", "worker_rss_mb", "{:.0f}"),
    ("worker_peak_rss_mb", "worker_peak_rss_mb, start included", "{:.0f}"),
    ("state_bytes_per_call", "state_bytes_per_call", "{:,.0f}"),
)


def table(result: dict[str, Any]) -> Table:
    columns = {f"{int(calls):,} calls": figures for calls, figures in result["sizes"].items()}
    if result["default_bundles"]:
        columns["default bundles"] = result["default_bundles"]
    drawn = Table(title=f"{result['machine']['cores']} cores, {result['machine']['cpu']}")
    drawn.add_column("")
    for name in columns:
        drawn.add_column(name, justify="right")
    for key, label, form in ROWS:
        cells = [
            form.format(figures[key]) if key in figures else "" for figures in columns.values()
        ]
        if any(cells):
            drawn.add_row(label, *cells)
    if result["loops"]:
        shares = result["loops"][0]["shares"]
        drawn.caption = "loop: " + ", ".join(f"{step} {part:.0%}" for step, part in shares.items())
    return drawn
