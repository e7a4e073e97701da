"""Flink's window operator sends each call its pulses."""

from __future__ import annotations

import sys
from collections import Counter

from pyflink.common import Configuration, Row
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from pyflink.table.expressions import col

from flink_job.arrows import opened_type
from flink_job.pulses import EVERY_S, SLACK_S, with_pulses
from flink_job.stream_time import NO_CALL, with_stream_time

WAIT_MS = 600_000
STARTED_MS = 1_800_000_000_000
STARTED = "2027-01-15 08:00:00"


def test_pulses_of_each_call_come_until_the_longest_wait_is_over() -> None:
    configuration = Configuration()
    configuration.set_string("python.executable", sys.executable)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(1)
    tables = StreamTableEnvironment.create(env)
    tables.get_config().set_local_timezone("UTC")
    sent = [
        Row("a", 0, STARTED_MS, b"1"),  # stream time stands still after a start
        Row("b", STARTED_MS + 1, STARTED_MS + 1, b"2"),
        Row(NO_CALL, STARTED_MS + 1, STARTED_MS + 1, b""),
        Row("a", STARTED_MS + 2, STARTED_MS - 3_000, b"3"),  # of a shard that lags
    ]
    opened = env.from_collection(sent, type_info=opened_type())
    records = with_stream_time(tables, opened, "opened")

    among_pulses = tables.from_data_stream(with_pulses(tables, records, WAIT_MS))
    columns = (col("call_id"), col("opened"), col("rowtime").cast(DataTypes.STRING()))
    with among_pulses.select(*columns).execute().collect() as collected:
        rows = list(collected)

    pulses = [(call_id, rowtime) for call_id, data, rowtime in rows if data is None]
    expected = (WAIT_MS // 1_000 + SLACK_S) // EVERY_S
    assert Counter(call_id for call_id, _ in pulses) == {"a": expected, "b": expected}
    assert min(rowtime for _, rowtime in pulses) >= STARTED
    assert [bytes(data) for _, data, _ in rows if data is not None] == [b"1", b"2", b"3"]
