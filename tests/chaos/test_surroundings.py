"""What the rounds let fail does fail, and comes back with what it had."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from connectors.object_store import ENDPOINT_VARIABLE
from tests.chaos.calls import copy_calls, recordings
from tests.chaos.object_store import ObjectStore, environment_of
from tests.chaos.producer import PausableClock
from tests.chaos.warehouse import Warehouse
from udfs.replay_plan import plan_call

pytestmark = pytest.mark.slow


def test_s3_refuses_the_job_and_not_the_judge() -> None:
    with ObjectStore("calls") as s3, environment_of(s3.judges_environment):
        judge = boto3.client("s3")
        job = boto3.client(
            "s3",
            endpoint_url=s3.environment[ENDPOINT_VARIABLE],
            config=Config(retries={"total_max_attempts": 1}),
        )
        job.put_object(Bucket="calls", Key="before", Body=b"1")

        s3.shut()
        with pytest.raises(ClientError, match="SlowDown"):
            job.put_object(Bucket="calls", Key="meanwhile", Body=b"2")
        seen = judge.list_objects_v2(Bucket="calls")["Contents"]
        s3.open()
        job.put_object(Bucket="calls", Key="after", Body=b"3")

        assert [each["Key"] for each in seen] == ["before"]
        assert judge.list_objects_v2(Bucket="calls")["KeyCount"] == 2


def test_the_next_s3_does_not_find_the_objects_of_the_last() -> None:
    for _ in range(2):
        with ObjectStore("calls") as s3, environment_of(s3.judges_environment):
            client = boto3.client("s3")
            assert client.list_objects_v2(Bucket="calls")["KeyCount"] == 0
            client.put_object(Bucket="calls", Key="row", Body=b"1")


def test_a_warehouse_dies_before_the_statement_that_it_waits_for(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse") as warehouse:
        with psycopg.connect(warehouse.url) as load:
            load.execute("CREATE TABLE kept (n int)")
            load.commit()
            load.execute("INSERT INTO kept VALUES (1)")
            killer = threading.Thread(target=warehouse.kill_before_commit)
            killer.start()
            with pytest.raises(psycopg.OperationalError):
                _insert_until_hung_up(load)
            killer.join()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(warehouse.url)

        warehouse.start()

        with psycopg.connect(warehouse.url) as later:
            assert later.execute("SELECT * FROM kept").fetchall() == []


def test_no_time_passes_for_the_replay_while_it_pauses() -> None:
    clock = PausableClock()
    with clock.paused():
        during = clock.now_s()
        clock.sleep(0.01)
        assert clock.now_s() == during

    after = clock.now_s()
    clock.sleep(0.01)

    assert during <= after < clock.now_s()


def _insert_until_hung_up(load: psycopg.Connection) -> None:
    for number in itertools.count(2):  # the same text would be prepared, and not sent again
        load.execute(f"INSERT INTO kept VALUES ({number})")


def test_copies_differ_from_the_recording_by_name_and_time_only() -> None:
    [recording] = recordings(("sample-3-chat",))

    calls = copy_calls([recording], "round", clock_off_ms=3_600_000)

    [copy] = calls.folders
    assert calls.call_ids == {"round-sample-3-chat"}
    assert {record.partition_key for record in plan_call(copy, 200)} == calls.call_ids
    assert [u.text for u in copy.utterances] == [u.text for u in recording.utterances]
    assert copy.started_at_ms - recording.started_at_ms == calls.shifts_ms[copy.call_id]
