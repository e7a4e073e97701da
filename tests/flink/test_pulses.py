"""Flink's window operator sends each call its pulses."""

from __future__ import annotations

import sys
from collections import Counter

from pyflink.common import Configuration, Row, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from flink_job.arrows import CALL_ID, OPENED, STREAM_MS, opened_type
from flink_job.pulses import EVERY_S, NO_RECORD, SLACK_S, add_pulses
from flink_job.stream_time import StreamTimeAssigner

WAIT_MS = 600_000
STARTED_MS = 1_800_000_000_000


def test_pulses_of_each_call_come_until_the_longest_wait_is_over() -> None:
    configuration = Configuration()
    configuration.set_string("python.executable", sys.executable)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(1)
    tables = StreamTableEnvironment.create(env)
    sent = [
        Row("a", STARTED_MS, b"1"),
        Row("b", STARTED_MS + 1, b"2"),
        Row("a", STARTED_MS + 2, b"3"),
    ]
    records = env.from_collection(sent, type_info=opened_type()).assign_timestamps_and_watermarks(
        WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(
            StreamTimeAssigner(STREAM_MS)
        )
    )

    with add_pulses(tables, records, WAIT_MS).execute_and_collect() as collected:
        rows = list(collected)

    pulses = Counter(row[CALL_ID] for row in rows if bytes(row[OPENED]) == NO_RECORD)
    expected = (WAIT_MS // 1_000 + SLACK_S) // EVERY_S
    assert pulses == {"a": expected, "b": expected}
    assert [bytes(row[OPENED]) for row in rows if row[OPENED]] == [b"1", b"2", b"3"]
