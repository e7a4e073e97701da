"""The job's entry: settings, sources, topology, sinks, execute."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from connectors.kinesis_source import consumer_properties, read_stream
from connectors.lake_files import LakeError
from connectors.lake_tables import pin_sink_uids, write_to_lake
from flink_job.audit import record_policy
from flink_job.preflight import preflight
from flink_job.setting_types import SettingsError
from flink_job.settings import (
    DEFAULT_PROPERTIES,
    Settings,
    StreamSettings,
    parse_settings,
    read_properties,
)
from flink_job.topology import ModelUdfs, build_topology, model_udfs
from flink_job.warehouse_writer import write_to_warehouse
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS

JOB_NAME = "call-sentiment"


class Job(NamedTuple):
    env: StreamExecutionEnvironment
    tables: StreamTableEnvironment


def job_configuration(settings: Settings) -> Configuration:
    """What the job itself needs of Flink, on the service and on a laptop alike."""
    flink = settings.flink
    options = {
        "python.fn-execution.bundle.size": str(flink.bundle_size),
        "python.fn-execution.bundle.time": str(flink.bundle_time_ms),
        "python.fn-execution.arrow.batch.size": str(settings.arrow_batch_size),
        "python.state.cache-size": str(flink.state_cache_size),
        "pipeline.auto-watermark-interval": f"{flink.watermark_interval_ms} ms",
        "pipeline.max-parallelism": "128",
        # rows under way would come back with tickets of a process that is gone (udfs.begun_work)
        "execution.checkpointing.unaligned.enabled": "false",
        "table.local-time-zone": "UTC",
        "table.exec.source.idle-timeout": f"{settings.time.silent_shard_ms} ms",
    }
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    return configuration


def build_job(
    settings: Settings, configuration: Configuration, models: ModelUdfs | None = None
) -> Job:
    """The whole job, ready to execute.

    Args:
        settings: of the job.
        configuration: of Flink.
        models: other scorers than those of the settings.
    """
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    tables = StreamTableEnvironment.create(env)
    properties = _consumer_properties(settings.streams)
    audio = read_stream(env, tables, settings.streams.audio_stream, properties, "audio-source")
    text = read_stream(env, tables, settings.streams.text_stream, properties, "text-source")
    outputs = build_topology(tables, audio, text, settings, models or model_udfs(settings))
    sinks = (
        (SEGMENTS, outputs.segments),
        (CALLS, outputs.calls),
        (LEDGER, outputs.ledger),
        (REJECTS, outputs.rejects),
    )
    write_to_lake(tables, sinks, settings.lake.root, auto_compaction=settings.lake.auto_compaction)
    pin_sink_uids(env, [table for table, _ in sinks])
    if spec := settings.warehouse_spec():
        write_to_warehouse(
            tables, outputs.loads, spec, settings.warehouse.rules(), settings.suppression()
        )
    return Job(env, tables)


def _consumer_properties(streams: StreamSettings) -> dict[str, str]:
    return consumer_properties(
        region=streams.region,
        endpoint=streams.endpoint,
        initial_position=streams.initial_position,
        initial_timestamp=streams.initial_timestamp,
        fan_out_consumer=streams.fan_out_consumer,
        get_records_interval_ms=streams.get_records_interval_ms,
        get_records_max=streams.get_records_max,
        shard_discovery_interval_ms=streams.shard_discovery_interval_ms,
    )


def run(properties: Path) -> None:
    """Start the job as the service does.

    Raises:
        SettingsError: a setting cannot be used.
        LakeError: the audit log cannot be written.
    """
    settings = parse_settings(read_properties(properties))
    preflight(settings)
    record_policy(settings, time.time_ns() // 1_000_000)
    build_job(settings, job_configuration(settings)).env.execute(JOB_NAME)


def main() -> None:
    """Run with the service's settings, and end with one line where they cannot be used."""
    try:
        run(Path(os.environ.get("CALL_SENTIMENT_PROPERTIES", DEFAULT_PROPERTIES)))
    except (SettingsError, LakeError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
