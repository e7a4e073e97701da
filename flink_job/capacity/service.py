"""The services' limits that a plan is held against, as their documentation states them.

Kinesis: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
Managed Service for Apache Flink: https://docs.aws.amazon.com/managed-flink/latest/java/limits.html
and …/how-scaling.html. S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
"""

from __future__ import annotations

from typing import Final

SHARD_RECORDS_PER_S: Final = 1_000
SHARD_BYTES_PER_S: Final = 1_000_000
"""In; with the partition key. MB or MiB: the documentation has both, so the smaller."""
SHARD_BYTES_OUT_PER_S: Final = 2_000_000
SHARD_READS_PER_S: Final = 5
DEFAULT_SHARDS: Final = 200
"""Of an account, provisioned, in most regions; 500 in the three largest. Adjustable."""
ON_DEMAND_BYTES_PER_S: Final = 200_000_000
"""Of a stream on demand, in most regions. Adjustable."""
LIST_SHARDS_PER_S: Final = 1_000
"""Of a stream: the job's source and the heartbeat ask it; DescribeStream, 10 a second of an
account, nobody asks while the job runs."""

DEFAULT_KPUS: Final = 64
"""Of an application. Adjustable."""
MAX_PARALLELISM_PER_KPU: Final = 8
KPU_NATIVE_MB: Final = 1_024
"""Outside of the heap, where the Python workers live."""
KPU_DISK_BYTES: Final = 50_000_000_000
ORCHESTRATION_KPUS: Final = 1
"""Billed with every application."""

PREFIX_PUTS_PER_S: Final = 3_500
"""S3, of a prefix."""

RECORD_UNIT_BYTES: Final = 25_000
"""Provisioned: a record is billed in so many."""
ON_DEMAND_UNIT_BYTES: Final = 1_024
"""On demand: likewise."""
