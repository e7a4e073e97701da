"""The Kinesis source: records as bytes, with shard, sequence number and arrival time.

The official connector's consumer (flink-connector-kinesis 4.3, DataStream), built through the
gateway because PyFlink's wrapper cannot add where a record came from: its table layer's
deserialiser does. One code path for AWS and for kinesalite. Everything that depends on the
connector's generation (4.x; 5.x and 6.x differ) is in this file. Exactly-once: shard positions are
part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, Schema, StreamTableEnvironment
from pyflink.table.types import _to_java_data_type

PAYLOAD, ARRIVAL_MS, SEQUENCE_NUMBER, SHARD = range(4)
"""Positions in the rows of ``read_stream``."""


def consumer_properties(
    *,
    region: str,
    endpoint: str | None,
    initial_position: str,
    initial_timestamp: str | None,
    fan_out_consumer: str | None,
    get_records_interval_ms: int,
    get_records_max: int,
    shard_discovery_interval_ms: int,
) -> dict[str, str]:
    """Settings in the connector's words.

    With an endpoint of a local stand-in, credentials are dummies: kinesalite checks none.
    """
    properties = {
        "aws.region": region,
        "flink.stream.initpos": initial_position,
        "flink.shard.getrecords.intervalmillis": str(get_records_interval_ms),
        "flink.shard.getrecords.maxrecordcount": str(get_records_max),
        "flink.shard.discovery.intervalmillis": str(shard_discovery_interval_ms),
        # Our own stream time decides what is idle.
        "flink.shard.idle.interval": "86400000",
    }
    if initial_timestamp:
        properties["flink.stream.initpos.timestamp"] = initial_timestamp
    if fan_out_consumer:
        properties["flink.stream.recordpublisher"] = "EFO"
        properties["flink.stream.efo.consumername"] = fan_out_consumer
    if endpoint:
        properties["aws.endpoint"] = endpoint
        properties["aws.credentials.provider"] = "BASIC"
        properties["aws.credentials.provider.basic.accesskeyid"] = "local"
        properties["aws.credentials.provider.basic.secretkey"] = "local"
    return properties


def read_stream(
    env: StreamExecutionEnvironment,
    tables: StreamTableEnvironment,
    stream: str,
    properties: Mapping[str, str],
    uid: str,
) -> DataStream:
    """Rows of payload BYTES, arrival_ms BIGINT, sequence_number STRING, shard STRING, rowtime.

    Shards are spread evenly over the subtasks. The rows carry no watermark worth having.
    """
    jvm = get_gateway().jvm
    flink = jvm.org.apache.flink
    kinesis = flink.streaming.connectors.kinesis
    row_type = _logical_type(
        ("payload", DataTypes.BYTES()),
        ("arrival", DataTypes.TIMESTAMP_LTZ(3)),
        ("sequence_number", DataTypes.STRING()),
        ("shard", DataTypes.STRING()),
    )
    consumer = kinesis.FlinkKinesisConsumer(
        jvm.java.util.Collections.singletonList(stream),
        _deserializer(jvm, row_type),
        _java_properties(jvm, properties),
    )
    consumer.setShardAssigner(kinesis.util.UniformShardAssigner())
    row_info = flink.table.runtime.typeutils.InternalTypeInfo.of(row_type)
    source = env._j_stream_execution_environment.addSource(  # noqa: SLF001 - no public way
        consumer, uid, row_info
    ).uid(uid)
    table = tables.from_data_stream(
        DataStream(source),
        Schema.new_builder()
        .column("payload", "BYTES")
        .column("arrival", "TIMESTAMP_LTZ(3)")
        .column("sequence_number", "STRING")
        .column("shard", "STRING")
        # The planner keeps a stream's timestamps only where a rowtime passes through.
        .column_by_metadata("rowtime", "TIMESTAMP_LTZ(3)")
        .watermark("rowtime", "SOURCE_WATERMARK()")
        .build(),
    )
    view = uid.replace("-", "_")
    tables.create_temporary_view(view, table)
    return tables.to_data_stream(
        tables.sql_query(
            "SELECT payload, "  # noqa: S608 - the view's name is ours
            "CAST(EXTRACT(EPOCH FROM arrival) AS BIGINT) * 1000 "
            "+ EXTRACT(MILLISECOND FROM arrival) AS arrival_ms, "
            f"sequence_number, shard, rowtime FROM {view}"
        )
    )


def _logical_type(*fields: tuple[str, Any]) -> Any:
    row = DataTypes.ROW([DataTypes.FIELD(name, data_type) for name, data_type in fields])
    return _to_java_data_type(row).getLogicalType()


def _deserializer(jvm: Any, row_type: Any) -> Any:
    """The raw bytes as a row's first column, the record's origin as the others."""
    flink = jvm.org.apache.flink
    type_info = flink.table.runtime.typeutils.InternalTypeInfo
    table = flink.streaming.connectors.kinesis.table
    bytes_row = _logical_type(("payload", DataTypes.BYTES()))
    raw = flink.formats.raw.RawFormatDeserializationSchema(
        bytes_row.getTypeAt(0), type_info.of(bytes_row), "UTF-8", True
    )
    metadata = jvm.java.util.ArrayList()
    # Timestamp, SequenceNumber, ShardId, in this order.
    for column in getattr(table, "RowDataKinesisDeserializationSchema$Metadata").values():
        metadata.add(column)
    return table.RowDataKinesisDeserializationSchema(raw, type_info.of(row_type), metadata)


def _java_properties(jvm: Any, properties: Mapping[str, str]) -> Any:
    java = jvm.java.util.Properties()
    for key, value in properties.items():
        java.setProperty(key, value)
    return java
