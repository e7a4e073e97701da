"""A batch as one object: the same bytes for the same rows, and what COPY needs of it."""

from __future__ import annotations

import io

import boto3
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.warehouse.contract import Batch, WarehouseError, WarehouseSpec
from connectors.warehouse.staging import StagingArea, parquet_bytes
from tests.row_builders import STARTED_AT, segment
from udfs.rows import SEGMENTS

ROWS = tuple(segment(window) for window in range(5))
BATCH = Batch(SEGMENTS, ROWS)


@given(st.permutations(ROWS))
def test_the_order_of_the_rows_changes_no_byte(rows) -> None:
    assert parquet_bytes(Batch(SEGMENTS, tuple(rows))) == parquet_bytes(BATCH)


def test_columns_are_in_the_order_of_the_table() -> None:
    stored = pq.ParquetFile(io.BytesIO(parquet_bytes(BATCH)))

    assert stored.schema.names == [column.name for column in SEGMENTS.columns]


def test_instants_are_int96_of_the_same_millisecond() -> None:
    stored = pq.ParquetFile(io.BytesIO(parquet_bytes(Batch(SEGMENTS, (segment(),)))))
    column = stored.schema.names.index("window_start_at")

    assert stored.schema.column(column).physical_type == "INT96"
    assert stored.read().column(column)[0].value // 1_000_000 == STARTED_AT


def test_both_schemes_of_s3_mean_one_place() -> None:
    uris = {
        StagingArea(WarehouseSpec("redshift://cluster/c/d", staging_root=root)).uri(BATCH)
        for root in ("s3://bucket/a/b", "s3a://bucket/a/b/", "s3://bucket//a/b")
    }

    assert uris == {f"s3://bucket/a/b/call_segment/{BATCH.batch_id}.parquet"}


@pytest.fixture
def bucket(aws_on_s3: str) -> str:
    name = "staging-under-a-key"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


def test_an_object_is_written_under_the_lakes_key(bucket) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    spec = WarehouseSpec(
        "redshift://cluster/c/d", staging_root=f"s3://{bucket}", staging_kms_key_arn=key
    )
    staging = StagingArea(spec)

    staging.check()
    staging.put(BATCH)

    s3 = boto3.client("s3")
    [stored] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    told = s3.head_object(Bucket=bucket, Key=stored["Key"])
    assert (told["ServerSideEncryption"], told["SSEKMSKeyId"]) == ("aws:kms", key)


def test_a_staging_area_that_is_not_there_is_said_so(aws_on_s3: str) -> None:
    spec = WarehouseSpec("redshift://cluster/c/d", staging_root="s3://nothing-here/rows")

    with pytest.raises(WarehouseError, match="staging root s3://nothing-here/rows: NoSuchBucket"):
        StagingArea(spec).check()
