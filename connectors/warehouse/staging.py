"""Batches on their way into Redshift: each is one Parquet object in S3.

    <staging_root>/<table>/<batch_id>.parquet

The columns are those of the table, in its order, since COPY goes by position. Instants are INT96,
which is what Redshift's scan of Parquet has always read; the one TIMESTAMP type it knows has no
zone, and ours is UTC. The same batch gives the same bytes, so that to stage it again changes
nothing under a COPY that is reading it. Objects that nobody deletes (a job that died) are left to a
lifecycle rule of the bucket.
"""

from __future__ import annotations

import io
from typing import Any

import boto3
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connectors.lake_reader import arrow_table
from connectors.object_store import (
    ObjectStoreError,
    check_writable,
    encryption,
    is_object_store,
)
from connectors.warehouse.contract import Batch, LoadError, WarehouseError, WarehouseSpec
from connectors.warehouse.schema import warehouse_name
from udfs.events import STAGED_OBJECT_LEFT
from udfs.rows import WAREHOUSE_TABLES, Table

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, MAX_ATTEMPTS = 2.0, 5.0, 2


def staged_prefixes(root: str) -> tuple[str, list[str]]:
    """The bucket of a staging root, and what the keys of each table's objects begin with."""
    bucket, _, prefix = root.partition("://")[2].partition("/")
    return bucket, [_table_prefix(prefix.strip("/"), table) for table in WAREHOUSE_TABLES]


def _table_prefix(prefix: str, table: Table) -> str:
    return f"{prefix}/{warehouse_name(table)}/".lstrip("/")


class StagingArea:
    """Where staged objects lie."""

    def __init__(self, spec: WarehouseSpec) -> None:
        """Take the place that a warehouse names, in a bucket of its own region.

        Raises:
            WarehouseError: it is not in S3.
        """
        root = spec.staging_root
        if root is None or not is_object_store(root):
            msg = (
                f"Redshift loads from S3, and the staging root is {root!r}; use s3://bucket/prefix"
            )
            raise WarehouseError(msg)
        self._bucket, _, prefix = root.partition("://")[2].partition("/")
        self._prefix = prefix.strip("/")
        config = Config(
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        self._kms_key_arn = spec.staging_kms_key_arn
        self._s3: Any = boto3.client("s3", region_name=spec.region, config=config)

    def check(self) -> None:
        """Write and delete an empty object.

        Raises:
            WarehouseError: it could not be written.
        """
        try:
            check_writable(self._bucket, self._prefix, self._kms_key_arn)
        except ObjectStoreError as error:
            msg = f"the warehouse's staging root s3://{self._bucket}/{self._prefix}: {error}"
            raise WarehouseError(msg) from None

    def uri(self, batch: Batch) -> str:
        """``s3://bucket/key`` of a batch's object, which may not be there."""
        return f"s3://{self._bucket}/{self._key(batch)}"

    def put(self, batch: Batch) -> None:
        """Write a batch's object; one of the same batch is replaced by the same bytes.

        Raises:
            LoadError: it could not be written.
        """
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._key(batch),
                Body=parquet_bytes(batch),
                **encryption(self._kms_key_arn),
            )
        except (BotoCoreError, ClientError) as error:
            msg = f"the batch could not be staged in S3: {_code(error)}"
            raise LoadError(msg) from None

    def delete(self, batch: Batch) -> None:
        """Remove a batch's object; where that fails it is said in the log, and the object stays."""
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(batch))
        except (BotoCoreError, ClientError) as error:
            STAGED_OBJECT_LEFT.log(code=_code(error))

    def close(self) -> None:
        self._s3.close()

    def _key(self, batch: Batch) -> str:
        return f"{_table_prefix(self._prefix, batch.table)}{batch.batch_id}.parquet"


def parquet_bytes(batch: Batch) -> bytes:
    """A batch as one Parquet file: the same bytes for the same batch, whatever its order."""
    key = batch.table.key
    rows = sorted(batch.rows, key=lambda row: tuple(getattr(row, name) for name in key))
    buffer = io.BytesIO()
    pq.write_table(
        arrow_table(batch.table, rows),
        buffer,
        compression="snappy",
        use_deprecated_int96_timestamps=True,
        store_schema=False,
    )
    return buffer.getvalue()


def _code(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "refused"))
    return type(error).__name__
