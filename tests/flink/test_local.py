"""The main job as a user runs it: whatever the producer does, the rows are the reference's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from connectors.lake_reader import read_rows
from flink_job.local import METRICS_FILE
from flink_job.monitoring.alarms import ALARMS
from tests.flink.conftest import call_sentiment
from tests.flink.recorded import play
from tests.hostile import hostile_records
from tests.privacy import leaks, own_lines
from tests.row_comparison import assert_same_rows
from udfs.events import EVENTS
from udfs.rows import LEDGER, REJECTS, Ledger, newest

HOSTILE = 1_000
PGSERVER_LOCK = ".lockfile"
"""Empty, and never removed by the embedded PostgreSQL."""


def ledgers(output: Path) -> dict[tuple[str, str], Ledger]:
    rows = newest(read_rows(output, LEDGER), LEDGER)
    return {(row.call_id, row.participant_id): row for row in rows}


def sequences(ranges: str) -> list[int]:
    found: list[int] = []
    for part in ranges.split(",") if ranges else []:
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def test_disturbed_and_attacked_calls_give_the_reference_rows(
    tmp_path: Path, output: Path, calls: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    folders = sorted(calls.glob("*/call.json"))
    call = json.loads(folders[0].read_text())
    participant = call["participants"][0]["participant_id"]
    hostile = list(hostile_records(call["call_id"], participant, call["started_at_ms"], HOSTILE))
    inject = tmp_path / "hostile.jsonl"
    inject.write_text("".join(record.line() + "\n" for record in hostile))
    report = tmp_path / "report.json"

    done = call_sentiment(
        "local", "--calls", calls, "--output", output, "--speed", "max", "--report", report,
        "--inject", inject, "--shuffle-ms", "1500", "--duplicate", "0.05", "--chunk-ms", "130",
        "--keep", tmp_path / "kept",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(report.read_text())
    assert (told["calls"], told["complete"], told["restarts"]) == (len(folders), len(folders), 0)
    assert_same_rows(output, reference)
    rejects = read_rows(output, REJECTS)
    at_the_door = Counter(reject.reason for reject in rejects if reject.step == "open")
    assert at_the_door == Counter(
        record.reason for record in hostile if record.reason not in INTAKE_REASONS
    )
    refused = Counter(reject.reason for reject in rejects)
    assert refused["late"] + sum(refused[reason] for reason in INTAKE_REASONS) == sum(
        record.reason in INTAKE_REASONS for record in hostile
    )
    assert len(rejects) == HOSTILE
    assert duckdb_arrivals(output) == Counter(reject.arrival for reject in rejects)
    assert_logs_and_metrics_tell_what_they_should(tmp_path / "kept", calls)
    left = {path.name for path in temporary.iterdir()}
    assert left <= {PGSERVER_LOCK}, "a run leaves no temporary file"


def assert_logs_and_metrics_tell_what_they_should(kept: Path, calls: Path) -> None:
    logs = kept / "logs"
    assert leaks(logs, calls) == []
    assert leaks(kept / METRICS_FILE, calls) == []
    events = {
        json.loads(line)["event"]
        for path in logs.iterdir()
        for line in own_lines(path.read_text(errors="replace"))
    }
    assert "step_opened" in events
    assert events <= set(EVENTS)
    rang, watching = play(kept)
    assert rang == set(), "nothing rings in a sound run"
    told = {alarm.name for alarm in ALARMS if watching.has_samples(alarm.name)}
    of_others = {"audio-behind", "text-behind", "audio-refused", "text-refused", "heartbeat-fails"}
    of_others |= {"heartbeat-stopped", "memory-high", "cpu-high", "kpus-high"}
    assert told == {alarm.name for alarm in ALARMS} - of_others


def duckdb_arrivals(output: Path) -> Counter[int]:
    """The job's timestamps as a user far from UTC reads them."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'America/New_York'")
        found = database.execute(
            f"SELECT epoch_ms(arrival) FROM read_parquet('{output}/rejects/*/*part-*')"
        )
        return Counter(arrival for (arrival,) in found.fetchall())


INTAKE_REASONS = {"no_call_started", "unknown_participant", "conflict", "ended_before_started"}
