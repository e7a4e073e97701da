"""Loads into Redshift by boto3's own client, over HTTP, and everything that goes wrong there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import boto3
import pytest

from connectors.warehouse.contract import Batch, LoadError, WarehouseError
from connectors.warehouse.load_sql import redshift_load
from connectors.warehouse.migrations import migrate
from connectors.warehouse.reader import read_warehouse
from connectors.warehouse.redshift import RedshiftSession, RedshiftWarehouse
from connectors.warehouse.staging import parquet_bytes
from tests.aws_servers.fixtures import STAGING_BUCKET, RedshiftPlace
from tests.aws_servers.redshift_data import CONFLICT, Faults
from tests.connectors.warehouse.loads import load
from tests.row_builders import ledger, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, SEGMENTS, WAREHOUSE_TABLES

pytestmark = pytest.mark.slow


BATCH = Batch(CALLS, (summary(), summary(participant_id="a1", role="agent")))


@dataclass(frozen=True)
class Place(RedshiftPlace):
    """The schema has all migrations."""

    session: RedshiftSession


@pytest.fixture
def place(redshift: RedshiftPlace) -> Iterator[Place]:
    session = RedshiftSession(redshift.spec)
    migrate(session, redshift.spec)
    yield Place(**vars(redshift), session=session)
    session.close()


@pytest.fixture
def warehouse(place: Place) -> Iterator[RedshiftWarehouse]:
    warehouse = RedshiftWarehouse(place.spec)
    yield warehouse
    warehouse.close()


def rows_of(place: Place, table=CALLS) -> set:
    return set(read_warehouse(place.session, place.spec, table, None))


def num_loads(place: Place) -> int:
    [(count,)] = place.session.query(f'SELECT COUNT(*) FROM "{place.spec.schema}".load_ledger')
    return count


@pytest.mark.parametrize(
    "batch",
    [
        Batch(SEGMENTS, (segment(0), unheard(1), segment(2, missing="audio:no_audio"))),
        BATCH,
        Batch(LEDGER, (ledger(), ledger(participant_id="all", complete=False))),
    ],
    ids=[table.warehouse_table for table in WAREHOUSE_TABLES],
)
def test_what_was_loaded_reads_back_equal(place, warehouse, batch) -> None:
    load(warehouse, batch)

    assert rows_of(place, batch.table) == set(batch.rows)
    assert place.staged_keys() == []


def test_the_same_attempt_twice_loads_once(place, warehouse) -> None:
    first, second = warehouse.submit(BATCH, 0), warehouse.submit(BATCH, 0)
    load(warehouse, BATCH)

    assert first == second
    assert num_loads(place) == 1


def test_another_process_asks_about_a_statement(place, warehouse) -> None:
    statement_id = warehouse.submit(BATCH, 0)
    restarted = RedshiftWarehouse(place.spec)

    while not restarted.is_loaded(BATCH, statement_id):
        time.sleep(0.002)

    assert rows_of(place) == set(BATCH.rows)


def test_an_older_revision_lowers_nothing_and_an_equal_one_replaces(place, warehouse) -> None:
    load(warehouse, Batch(CALLS, (summary(revision=300, score=1.0),)))
    load(warehouse, Batch(CALLS, (summary(revision=299, score=2.0),)))
    assert rows_of(place) == {summary(revision=300, score=1.0)}

    load(warehouse, Batch(CALLS, (summary(revision=300, score=3.0),)))
    assert rows_of(place) == {summary(revision=300, score=3.0)}

    load(warehouse, Batch(CALLS, (summary(revision=301, score=None),)))
    assert rows_of(place) == {summary(revision=301, score=None)}


def test_a_workgroup_is_loaded_likewise(place) -> None:
    spec = replace(place.spec, url="redshift://workgroup/calls/calls")

    load(RedshiftWarehouse(spec), BATCH)

    assert rows_of(place) == set(BATCH.rows)


def submits(warehouse: RedshiftWarehouse) -> None:
    warehouse.submit(BATCH, 0)


def loads(warehouse: RedshiftWarehouse) -> None:
    load(warehouse, BATCH)


@pytest.mark.parametrize(
    ("faults", "step", "reason"),
    [
        ({"throttled_requests": 2}, submits, "throttled"),
        ({"expired_requests": 1}, submits, r"refused \(ExpiredTokenException\)"),
        ({"down": "unavailable"}, submits, "unavailable"),
        ({"down": "dropped"}, submits, "cannot be reached"),
        ({"paused": True}, submits, "or it is paused"),
        ({"failing_statements": [CONFLICT]}, loads, "1023, serializable isolation violation"),
        ({"dies_before_merge": "fails"}, loads, "failed"),
        ({"dies_before_merge": "forgets"}, loads, "not known"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_after_a_fault_the_next_attempt_loads(
    place, warehouse, faults: dict, step: Callable[[RedshiftWarehouse], None], reason: str
) -> None:
    place.server.faults = Faults(**faults)

    with pytest.raises(LoadError, match=reason):
        step(warehouse)
    assert num_loads_without(place, faults) == 0

    place.server.faults = Faults()
    load(warehouse, BATCH, attempt=1)
    assert rows_of(place) == set(BATCH.rows)
    assert num_loads(place) == 1


def num_loads_without(place: Place, faults: dict) -> int:
    """The loads so far, asked for with the fault out of the way for a moment."""
    place.server.faults = Faults()
    count = num_loads(place)
    place.server.faults = Faults(**faults)
    return count


def test_a_lost_answer_is_asked_for_again_and_loads_once(place, warehouse) -> None:
    place.server.faults.lost_answers = 1

    load(warehouse, BATCH)

    assert num_loads(place) == 1


def test_a_workgroup_that_resumes_keeps_nobody_waiting(place, warehouse) -> None:
    place.server.faults.resuming = True
    statement_id = warehouse.submit(BATCH, 0)
    assert not warehouse.is_loaded(BATCH, statement_id)

    place.server.faults.resuming = False
    while not warehouse.is_loaded(BATCH, statement_id):
        time.sleep(0.002)


@pytest.mark.parametrize("faults", [{"throttled_requests": 2}, {"down": "unavailable"}])
def test_a_state_that_cannot_be_asked_for_is_no_failure(place, warehouse, faults) -> None:
    statement_id = warehouse.submit(BATCH, 0)
    place.server.faults = Faults(**faults)
    assert not warehouse.is_loaded(BATCH, statement_id)

    place.server.faults = Faults()
    load(warehouse, BATCH)
    assert num_loads(place) == 1


def test_an_endpoint_that_refuses_connections_is_no_failure_of_a_load(place, warehouse) -> None:
    statement_id = warehouse.submit(BATCH, 0)
    nobody_listens = RedshiftWarehouse(replace(place.spec, endpoint="http://127.0.0.1:9"))

    assert not nobody_listens.is_loaded(BATCH, statement_id)
    with pytest.raises(LoadError, match="cannot be reached"):
        nobody_listens.submit(BATCH, 1)


def test_a_failure_names_no_value_of_a_row(place, warehouse) -> None:
    nobody_may_see = "Zaphod Beeblebrox"
    batch = Batch(CALLS, (summary(role=nobody_may_see * 3),))

    with pytest.raises(LoadError) as caught:
        load(warehouse, batch)

    assert str(caught.value) == (
        "the load failed: statement 3: the object's types do not fit the table"
    )


def test_a_staging_bucket_that_is_not_there_is_a_load_error(place) -> None:
    warehouse = RedshiftWarehouse(replace(place.spec, staging_root="s3://nowhere/at-all"))

    with pytest.raises(LoadError, match="could not be staged in S3: NoSuchBucket"):
        warehouse.submit(BATCH, 0)


def test_an_object_that_cannot_be_deleted_is_left_and_said(
    place, warehouse, caplog, monkeypatch
) -> None:
    statement_id = warehouse.submit(BATCH, 0)
    monkeypatch.setattr(warehouse._staging, "_bucket", "nowhere")

    while not warehouse.is_loaded(BATCH, statement_id):
        time.sleep(0.002)

    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in said] == [
        '{"event": "staged_object_left", "code": "NoSuchBucket"}'
    ]
    assert len(place.staged_keys()) == 1


def test_two_loads_at_once_insert_no_key_twice(place, warehouse) -> None:
    batches = [Batch(CALLS, (summary(revision=revision),)) for revision in range(1, 9)]
    waiting = [(batch, warehouse.submit(batch, 0)) for batch in batches]

    for batch, statement_id in waiting:
        while not warehouse.is_loaded(batch, statement_id):
            time.sleep(0.002)

    assert rows_of(place) == {summary(revision=8)}
    assert num_loads(place) == len(batches)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"staging_root": None}, "use s3://bucket/prefix"),
        ({"staging_root": "/tmp/staging"}, "use s3://bucket/prefix"),  # noqa: S108
        ({"url": "redshift://calls/calls"}, "use redshift://cluster/NAME/DATABASE"),
        ({"db_user": "job", "secret_arn": "arn:aws:x"}, "set one of them"),
        ({"url": "redshift://workgroup/calls/calls", "db_user": "job"}, "derives its database"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(redshift, changes, message) -> None:
    with pytest.raises(WarehouseError, match=message):
        RedshiftWarehouse(replace(redshift.spec, **changes))


def test_an_object_of_another_table_fails_the_load(place) -> None:
    key = f"{place.spec.schema}/other.parquet"
    body = parquet_bytes(Batch(LEDGER, (ledger(),)))
    boto3.client("s3").put_object(Bucket=STAGING_BUCKET, Key=key, Body=body)
    batch = Batch(CALLS, (summary(),))
    statements = redshift_load(
        batch, place.spec.schema, f"s3://{STAGING_BUCKET}/{key}", copy_role_arn="default"
    )

    with pytest.raises(WarehouseError, match="statement 3: the object's columns are not"):
        place.session.execute(statements)
    assert num_loads(place) == 0
