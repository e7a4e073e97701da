"""Measure the sinks: ``python -m tests.bench.sinks``.

``load_over_copy``   Rows a second that the warehouse's writer loads (the look for known keys, the
                     line in the ledger and all, a batch at a time) over those of a bare COPY of the
                     same rows into a table that is like the warehouse's, in PostgreSQL, in turns in
                     one run.
``state``            The job with models that cost nothing takes 10,000 chats through all its sinks,
                     lake and warehouse, at most 300 of them not yet closed. Tombstones and
                     waits are seconds long here, so that their end is seen: the state is to be flat
                     after the first hundred closed calls. Printed as they close: a checkpoint's
                     bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from connectors.kinesis_client import Put
from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.embedded import embedded_postgres
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.postgres_load import copy_rows
from flink_job.local import JobProcess, local_groups, write_properties
from tests.bench import runs
from tests.bench.workload import VOICES, call_id_of, send
from tests.row_builders import segment
from udfs.record_json import record_json
from udfs.records import CallEnded, CallStarted, StreamName, Utterance
from udfs.rows import SEGMENTS

BATCH_ROWS = 5_000
ROUNDS = 30
MAX_OPEN = 300
_POLL_S = 0.002
BARE = "bare"


def batches() -> Iterator[Batch]:
    """New keys in each, as a busy day brings them."""
    for number in range(ROUNDS):
        yield Batch(
            SEGMENTS,
            tuple(
                segment(window, call_id=f"load-{number}-{window % 100}")
                for window in range(BATCH_ROWS)
            ),
        )


def load_and_copy(url: str) -> dict[str, Any]:
    """Seconds of each batch, loaded and copied in turns."""
    spec = WarehouseSpec(url)
    session = open_session(spec)
    migrate(session, spec)
    session.close()
    warehouse = open_warehouse(spec)
    loads_s: list[float] = []
    copies_s: list[float] = []
    try:
        with psycopg.connect(url) as connection:
            connection.execute(f"CREATE TABLE {BARE} (LIKE call_segment INCLUDING ALL)".encode())
            connection.commit()
            for batch in batches():
                began_s = time.perf_counter()
                with connection.transaction():
                    copy_rows(connection, SEGMENTS, batch.rows, BARE)
                copies_s.append(time.perf_counter() - began_s)
                began_s = time.perf_counter()
                statement_id = warehouse.submit(batch, 0)
                while not warehouse.is_loaded(batch, statement_id):
                    time.sleep(_POLL_S)
                loads_s.append(time.perf_counter() - began_s)
    finally:
        warehouse.close()
    return {
        "copy_rows_per_s": BATCH_ROWS * ROUNDS / sum(copies_s),
        "load_rows_per_s": BATCH_ROWS * ROUNDS / sum(loads_s),
        "load_over_copy": sum(copies_s) / sum(loads_s),
    }


def chats(numbers: range) -> Iterator[tuple[StreamName, Put]]:
    """Each of two utterances, from its beginning to its end."""
    for number in numbers:
        call_id, now_ms = call_id_of(number), time.time_ns() // 1_000_000
        spread = str((number % 2) << 127)
        records = [
            CallStarted(call_id, now_ms, "en-US", "US-CA", VOICES),
            *(
                Utterance(call_id, voice.participant_id, f"u{place}", place * 3_000,
                          place * 3_000, "thank you", "en-US", None, False)
                for place, voice in enumerate(VOICES)
            ),
            CallEnded(call_id, now_ms + 6_000, (), 2),
        ]  # fmt: skip
        for record in records:
            yield "text", Put(call_id, record_json(record), spread)


SHORT_WAITS = {
    "calls": {
        "text.wait.ms": "0",
        "idle.wait.ms": "10000",
        "end.wait.ms": "10000",
        "announcement.wait.ms": "10000",
        "tombstone.ms": "10000",
    },
    "time": {"start.hold.ms": "1000"},
}


def state_over_calls(url: str, num_calls: int, tell: Any) -> list[dict[str, int]]:
    """Closed calls and bytes of state, checkpoint by checkpoint."""
    seen: list[dict[str, int]] = []
    with (
        tempfile.TemporaryDirectory(prefix="call-sentiment-bench-") as folder,
        runs.streams() as opened,
    ):
        work_dir = Path(folder)
        given = {
            **SHORT_WAITS,
            "flink": {"checkpoint.interval.ms": "5000"},
            "warehouse": {"url": url, "batch.wait.ms": "1000"},
        }
        groups = local_groups(given, opened.endpoint, (work_dir / "lake").as_uri())
        with JobProcess(write_properties(groups, work_dir), work_dir, runs.NULL_JOB) as process:
            closed = sent = 0
            while closed < num_calls:
                upto = min(num_calls, closed + MAX_OPEN)
                send(opened.kinesis, opened.names, chats(range(sent, upto)))
                sent = upto
                while not closed:
                    process.check()
                    time.sleep(1)
                    closed = _closed(url)
                state_bytes = runs.next_state_bytes(process)
                closed = _closed(url)
                seen.append({"closed_calls": closed, "state_bytes": state_bytes})
                tell(f"{closed:6,d} calls closed, {state_bytes:9,d} bytes of state")
            time.sleep(90)
            seen.append({"closed_calls": closed, "state_bytes": runs.next_state_bytes(process)})
            tell(f"{closed:6,d} calls closed, {seen[-1]['state_bytes']:9,d} bytes, all waits over")
            process.stop()
    return seen


def _closed(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT COUNT(*) FROM call_ledger WHERE participant_id = 'all'"
        ).fetchone()
    return int(found[0]) if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sinks", description="The sinks.")
    parser.add_argument("--output", type=Path, default=Path("build/bench_sinks.json"))
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="call-sentiment-pg-") as folder,
        embedded_postgres(Path(folder)) as url,
    ):
        figures = load_and_copy(url)
        figures["state"] = state_over_calls(
            url, options.calls, lambda line: console.print(line, highlight=False)
        )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    drawn = Table(title="the warehouse's writer against a bare COPY")
    for heading in ("copy_rows_per_s", "load_rows_per_s"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("load_over_copy", justify="right")
    drawn.add_row(
        f"{figures['copy_rows_per_s']:,.0f}",
        f"{figures['load_rows_per_s']:,.0f}",
        f"{figures['load_over_copy']:.2f}",
    )
    Console().print(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
