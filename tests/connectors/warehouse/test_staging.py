"""A batch as one object: the same bytes for the same rows, and what COPY needs of it."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from connectors.warehouse.contract import Batch
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
        StagingArea(root, "us-east-1").uri(BATCH)
        for root in ("s3://bucket/a/b", "s3a://bucket/a/b/", "s3://bucket//a/b")
    }

    assert uris == {f"s3://bucket/a/b/call_segment/{BATCH.batch_id}.parquet"}
