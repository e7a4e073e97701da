"""A producer that waits while Kinesis is away, as producers do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import boto3
from botocore.config import Config

from connectors.kinesis_client import MAX_BATCH_RECORDS, KinesisClient, KinesisError, Put

_RETRY_S = 0.5


class PatientProducer(KinesisClient):
    """Puts until it is taken: what was put without an answer is put twice."""

    def __init__(self, endpoint: str) -> None:
        self.boto = boto3.client(
            "kinesis",
            region_name="us-east-1",
            endpoint_url=endpoint,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=4),
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - kinesalite checks none
        )
        super().__init__(self.boto, MAX_BATCH_RECORDS)

    def put_records(self, name: str, records: Iterable[Put]) -> None:
        """Put records, those of one key in their order, however long it takes."""
        waiting = list(records)
        _persist(lambda: super(PatientProducer, self).put_records(name, waiting))

    def put_heartbeats(self, name: str) -> None:
        """One heartbeat to each open shard, however long it takes."""
        _persist(lambda: super(PatientProducer, self).put_heartbeats(name))


def _persist(put: Callable[[], None]) -> None:
    while True:
        with suppress(KinesisError):
            return put()
        time.sleep(_RETRY_S)
