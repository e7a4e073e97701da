"""What the steps count: each record, call and score once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import pytest
from pyflink.common import Row

from flink_job.open_records import OpenRecords
from flink_job.settings import TimeSettings
from tests.builders import STARTED_AT_MS, arrival, call_ended, call_started, chunk, utterance
from tests.captured_metrics import CapturedGroup
from tests.job_run import JobRun
from udfs.envelope import Limits
from udfs.metrics import (
    AUDIO_MS,
    CALLS_CLOSED,
    CALLS_INCOMPLETE,
    CALLS_OPEN,
    CALLS_OPENED,
    CHUNKS_MISSING,
    HEARTBEATS,
    MODELS,
    RECORDS,
    REJECTED,
    REJECTED_FOR,
    SEGMENTS_OUT,
    SHARDS_SILENT,
    STREAM_TIME_LAG_MS,
)
from udfs.model_udfs import ScoreText
from udfs.models.scorer import NoModel
from udfs.record_json import record_json
from udfs.records import Heartbeat

NOW_MS = STARTED_AT_MS


class Door:
    """The first step, at a clock that a test moves."""

    def __init__(self) -> None:
        self.group = CapturedGroup()
        self.now_ms = NOW_MS
        self._step = OpenRecords("audio", Limits(), TimeSettings())
        self._step.open(self.group)

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000

    monotonic_ns = time_ns

    def send(self, data: bytes, shard: str = "a", late_ms: int = 0) -> None:
        arrived = arrival(self.now_ms - late_ms)
        row = Row(data, arrived.arrival_ms, arrived.sequence_number, shard)
        list(self._step.process_element(row, None))
        self.group.end_bundle()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    found = Door()
    monkeypatch.setattr("flink_job.open_records.time", found)
    return found


def test_records_heartbeats_and_refused_ones_are_told_apart(door: Door) -> None:
    door.send(record_json(Heartbeat()))
    door.send(record_json(chunk(0)))
    door.send(b"\xff")

    count = door.group.count
    assert (count(HEARTBEATS), count(RECORDS)) == (1, 2)
    assert (count(REJECTED), count(REJECTED_FOR["not_utf8"])) == (1, 1)
    assert count(AUDIO_MS) == 1_000


def test_stream_time_lags_as_far_as_the_oldest_shard(door: Door) -> None:
    door.send(record_json(Heartbeat()), "a")
    assert door.group.gauge_of(STREAM_TIME_LAG_MS) == 0
    door.now_ms += 40_000

    door.send(record_json(Heartbeat()), "a")
    door.send(record_json(Heartbeat()), "b", late_ms=7_000)
    door.send(record_json(Heartbeat()), "b", late_ms=7_000)

    door.now_ms += 5_000
    door.group.end_bundle()
    assert door.group.gauge_of(STREAM_TIME_LAG_MS) == 5_000


def test_a_shard_that_falls_silent_is_told_until_it_is_taken_for_closed(door: Door) -> None:
    told = []
    door.send(record_json(Heartbeat()), "stuck")
    for _ in range(800):
        door.now_ms += 1_000
        door.send(record_json(Heartbeat()), "speaks")
        told.append(door.group.gauge_of(SHARDS_SILENT))

    assert told[:60] == [0] * 60
    assert told[60:660] == [1] * 600
    assert not any(told[660:])


def test_a_call_is_counted_from_its_start_to_its_end() -> None:
    run = JobRun()
    run.send(call_started())
    run.end_bundle()
    intake, assembly = run.intake.metrics, run.assembly.metrics
    assert (intake.count(CALLS_OPENED), intake.gauge_of(CALLS_OPEN)) == (1, 1)

    run.send(utterance("agent"), call_ended())
    run.advance_watermark_to(STARTED_AT_MS + 10_000_000)
    run.end_bundle()

    assert (intake.count(CALLS_CLOSED), intake.gauge_of(CALLS_OPEN)) == (1, 0)
    assert assembly.count(CALLS_INCOMPLETE) == 0
    assert assembly.count(MODELS["text"].scored) == 1
    assert assembly.count(SEGMENTS_OUT) >= 1


def test_a_call_that_lacks_audio_is_incomplete() -> None:
    run = JobRun()
    run.send(call_started(), chunk(0), chunk(2), call_ended())
    run.advance_watermark_to(STARTED_AT_MS + 10_000_000)
    run.end_bundle()

    assembly = run.assembly.metrics
    assert (assembly.count(CALLS_INCOMPLETE), assembly.count(CHUNKS_MISSING)) == (1, 1)


def test_a_record_that_does_not_fit_its_call_is_counted_by_its_reason() -> None:
    run = JobRun()
    run.send(chunk(0))
    run.end_bundle()

    assert run.intake.metrics.count(REJECTED_FOR["no_call_started"]) == 1


def test_a_models_batch_is_counted_with_its_time() -> None:
    group = CapturedGroup()
    udf = ScoreText(lambda metrics: {"*": Slow()})
    udf.open(group)

    may_send_raw = pd.Series([True, None, True], dtype=object)
    udf.eval(pd.Series(["one", None, "two"]), pd.Series(["en", None, "en"]), may_send_raw)
    udf.eval(pd.Series([None]), pd.Series([None]), pd.Series([None]))
    group.end_bundle()

    text = MODELS["text"]
    assert (group.count(text.batches), group.count(text.batch_inputs)) == (1, 2)
    assert group.count(text.batch_us) >= 2_000


class Slow(NoModel):
    def score(self, inputs):
        for outcome in super().score(inputs):
            time.sleep(0.001)
            yield outcome
