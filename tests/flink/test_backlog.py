"""A job that was away for an hour gives up on no call, however uneven its shards are."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import Put, connect
from connectors.lake_reader import read_rows
from connectors.replay import Heartbeats
from flink_job.local import SHARDS, STREAMS, JobProcess, local_groups, write_properties
from tests.flink.conftest import call_sentiment
from tests.row_comparison import assert_same_rows
from udfs.call_folder import read_call_folders
from udfs.records import StreamName
from udfs.replay_plan import PlannedRecord, plan_call
from udfs.rows import ALL_PARTICIPANTS, LEDGER, REJECTS

HOUR_MS = 3_600_000
STEP_MS = 5_000
BUSY_CALLS, QUIET_CALLS = 20, 1
LIMIT_S = 300


def in_upper_shard(call_id: str) -> bool:
    """Kinesis hashes a partition key by MD5; of two shards the upper has the upper half."""
    return hashlib.md5(call_id.encode(), usedforsecurity=False).digest()[0] >= 0x80


def uneven_calls(calls: Path, folder: Path) -> Path:
    """Copies of calls, twenty times as many for one shard as for the other."""
    names = (f"call-{number}" for number in itertools.count())
    by_shard: dict[bool, list[str]] = {True: [], False: []}
    while len(by_shard[True]) < BUSY_CALLS or len(by_shard[False]) < QUIET_CALLS:
        name = next(names)
        by_shard[in_upper_shard(name)].append(name)
    names_of_both = [*by_shard[True][:BUSY_CALLS], *by_shard[False][:QUIET_CALLS]]
    originals = sorted(meta.parent for meta in calls.glob("*/call.json"))
    for name, original in zip(names_of_both, itertools.cycle(originals), strict=False):
        shutil.copytree(original, folder / name)
        meta = folder / name / "call.json"
        meta.write_text(json.dumps({**json.loads(meta.read_text()), "call_id": name}))
    return folder


def schedule(calls: Path) -> Iterator[tuple[int, PlannedRecord]]:
    """When each record arrived, in ms from the hour's start; the last call ends in time."""
    folders = read_call_folders(calls)
    span_ms = HOUR_MS - 300_000
    for number, folder in enumerate(folders):
        starts_ms = number * span_ms // len(folders)
        for record in plan_call(folder, 200):
            yield starts_ms + record.at_ms, _without_expectation(record, number)


def _without_expectation(record: PlannedRecord, number: int) -> PlannedRecord:
    """Every other call does not say what to expect, so only stream time can close it."""
    if record.kind != "call_ended" or number % 2:
        return record
    fields = json.loads(record.data)
    del fields["expected"]
    return PlannedRecord(
        record.at_ms, record.stream, record.partition_key, json.dumps(fields).encode(), record.kind
    )


def test_an_hour_of_backlog_closes_no_call_early(tmp_path: Path, output: Path, calls: Path) -> None:
    calls = uneven_calls(calls, tmp_path / "calls")
    reference = tmp_path / "reference"
    assert call_sentiment("offline", "--calls", calls, "--output", reference).returncode == 0
    began_ms = time.time_ns() // 1_000_000 - HOUR_MS
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    with Kinesalite(clock_start_ms=began_ms) as kinesalite:
        kinesis = connect("us-east-1", kinesalite.endpoint)
        for stream, name in STREAMS.items():
            kinesis.create_stream(name, SHARDS[stream])
        due: dict[int, dict[StreamName, list[Put]]] = defaultdict(lambda: defaultdict(list))
        for at_ms, record in sorted(schedule(calls), key=lambda entry: entry[0]):
            step = due[-(-at_ms // STEP_MS)]
            step[record.stream].append(Put(record.partition_key, record.data))
        for step in range(HOUR_MS // STEP_MS - 1):
            # Kinesalite's clock has gone on since it began, so the first step is a step later.
            kinesalite.freeze_clock(began_ms + (step + 1) * STEP_MS)
            for stream, puts in due[step].items():
                kinesis.put_records(STREAMS[stream], puts)
            for name in STREAMS.values():
                kinesis.put_heartbeats(name)
        kinesalite.use_real_clock()

        groups = local_groups({}, kinesalite.endpoint, output.resolve().as_uri())
        properties = write_properties(groups, work_dir)
        with JobProcess(properties, work_dir) as job, Heartbeats(kinesis, list(STREAMS.values())):
            _wait_until_closed(job, output, BUSY_CALLS + QUIET_CALLS)
            assert job.stop() == 0

    assert_same_rows(output, reference)
    assert read_rows(output, REJECTS) == []
    closed = [row for row in read_rows(output, LEDGER) if row.participant_id == ALL_PARTICIPANTS]
    assert len(closed) == BUSY_CALLS + QUIET_CALLS
    assert all(row.complete for row in closed)


def _wait_until_closed(job: JobProcess, output: Path, count: int) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        rows = read_rows(output, LEDGER)
        if len({row.call_id for row in rows if row.participant_id == ALL_PARTICIPANTS}) >= count:
            return
        job.check()
        assert time.monotonic() < deadline_s, "calls stay open"
        time.sleep(0.5)
