"""The least a job between the same source and sinks can do: key by call, and count.

    python -m tests.bench.identity_job PROPERTIES WORK_DIR REST_PORT

For every 25 chunks of a call (one window's worth) it writes one row, as the job does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from pyflink.common import Configuration, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.table import StreamTableEnvironment

from connectors.kinesis_source import PAYLOAD, read_stream
from connectors.lake_tables import pin_sink_uids, row_type, to_flink_row, write_to_lake
from flink_job.arrows import calls_tag, ledger_tag, rejects_tag
from flink_job.local_job import start
from flink_job.main import Job, _consumer_properties
from flink_job.settings import Settings
from tests.bench.workload import CHUNKS_A_WINDOW
from tests.row_builders import segment
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, EpochMs, partition_date

_COLUMNS = tuple(column.name for column in SEGMENTS.columns)


class Address(msgspec.Struct):
    """All of a record that this job reads."""

    type: str
    call_id: str = ""


_decode = msgspec.json.Decoder(Address).decode


def address_of(row: Any) -> Address:
    return _decode(bytes(row[PAYLOAD]))


def call_of(row: Any) -> str:
    return address_of(row).call_id


class CountChunks(KeyedProcessFunction):
    def open(self, runtime_context: RuntimeContext) -> None:
        self._count = runtime_context.get_state(ValueStateDescriptor("count", Types.LONG()))

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        if address_of(value).type != "audio":
            return
        count = (self._count.value() or 0) + 1
        self._count.update(count)
        if count % CHUNKS_A_WINDOW == 0:
            now_ms = EpochMs(time.time_ns() // 1_000_000)
            row = segment(call_id=ctx.get_current_key(), window_start_ms=count, emitted_at=now_ms)
            yield to_flink_row(row, _COLUMNS, partition_date(now_ms))


def build_identity_job(settings: Settings, configuration: Configuration) -> Job:
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    tables = StreamTableEnvironment.create(env)
    properties = _consumer_properties(settings.streams)
    audio = read_stream(env, tables, settings.streams.audio_stream, properties, "audio-source")
    text = read_stream(env, tables, settings.streams.text_stream, properties, "text-source")
    counted = (
        audio.union(text)
        .key_by(call_of, key_type=Types.STRING())
        .process(CountChunks(), output_type=row_type(SEGMENTS))
    )
    sinks = (
        (SEGMENTS, counted),
        (CALLS, counted.get_side_output(calls_tag())),
        (LEDGER, counted.get_side_output(ledger_tag())),
        (REJECTS, counted.get_side_output(rejects_tag())),
    )
    write_to_lake(tables, sinks, settings.lake.root, auto_compaction=settings.lake.auto_compaction)
    pin_sink_uids(env, [table for table, _ in sinks])
    return Job(env, tables)


if __name__ == "__main__":
    # By its importable name, so that workers find the functions where the driver did.
    from tests.bench import identity_job

    start(identity_job.build_identity_job)
