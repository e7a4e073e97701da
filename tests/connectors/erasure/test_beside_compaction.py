"""An erasure beside a compaction or another erasure: whoever is first, nobody comes back.

Both go on by turns: the other takes so many steps, then the erasure so many, then the other goes on
to its end or dies, then the erasure does. All such orders are tried.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.lake_store import LakeRules, LakeStore
from connectors.erasure.parquet_rows import OfTarget
from connectors.lake_compact import CompactionRules, compact
from connectors.lake_files import LakeError, Root
from connectors.lake_reader import read_rows, write_rows
from tests.connectors.erasure.taking_turns import Worker
from tests.row_builders import STARTED_AT, summary
from udfs.erasure import Target
from udfs.rows import CALLS, partition_date
from udfs.suppression import SuppressionList, digester

pytestmark = pytest.mark.slow

DATE = partition_date(STARTED_AT)
BUCKET = "versioned-lake"
FIRST_LOOKS = 2
"""Steps of a compaction before its draft: it lists the files, and drafts that are left."""
ERASED, OTHER, STAYS = "erased-call", "other-call", "call-that-stays"


def fill(root: Root) -> None:
    for number, call_ids in enumerate(([ERASED, STAYS], [OTHER])):
        rows = [summary(call_id=call_id) for call_id in call_ids]
        write_rows(root, CALLS, rows, lambda _: DATE, f"part-{number}.parquet")


def erase(lake: CountedLake, call_id: str) -> bool:
    """The part of an erasure that is about the lake; whether it found nothing any more."""
    target = Target(SuppressionList([digester((), b"").call(call_id, DATE)], ()))
    store, goes = LakeStore(lake, LakeRules(0, with_open_calls=True)), OfTarget(target)
    partitions = list(store.partitions(target, everywhere=False))
    waits = [why for partition in partitions if (why := store.erase(partition, goes))]
    left = [
        place
        for partition in store.partitions(target, everywhere=False)
        for place in store.search(partition, goes, with_kept=False)
    ]
    return not waits and not left


def merge(lake: CountedLake) -> None:
    list(compact(lake, lambda _: True, CompactionRules(min_age_s=0)))


def erase_other(lake: CountedLake) -> None:
    erase(lake, OTHER)


def calls_in(root: Root) -> set[str]:
    return {row.call_id for row in read_rows(root, CALLS)}


def take_turns(
    root: Root, other: Callable[[CountedLake], None], order: tuple[int, int], *, dies: bool
) -> None:
    """Other, erasure, other, erasure; what was found clean must stay so, and nothing else goes."""
    told: list[bool] = []
    first = Worker(root, other)
    second = Worker(root, lambda lake: told.append(erase(lake, ERASED)))
    first.advance(order[0])
    second.advance(order[1])
    first.kill() if dies else first.finish()
    second.finish()
    if told == [True]:
        assert ERASED not in calls_in(root)
    assert STAYS in calls_in(root)

    while told != [True]:
        with suppress(LakeError):
            told[:] = [erase(CountedLake(root), ERASED)]
    assert calls_in(root) - {OTHER} == {STAYS}
    assert other is not merge or OTHER in calls_in(root)


@pytest.mark.parametrize(("other", "dies"), [(merge, False), (merge, True), (erase_other, False)])
def test_whatever_the_order_nobody_comes_back(
    tmp_path: Path, other: Callable[[CountedLake], None], dies: bool
) -> None:
    fill(tmp_path / "full")
    counted = [
        Worker(shutil.copytree(tmp_path / "full", tmp_path / name), work).finish()
        for name, work in (("other", other), ("ours", lambda lake: erase(lake, ERASED)))
    ]
    assert min(counted) > 5
    begin = FIRST_LOOKS if dies else 0  # who dies before has changed nothing
    for order in itertools.product(range(begin, counted[0] + 1), range(counted[1] + 1)):
        root = shutil.copytree(tmp_path / "full", tmp_path / f"{order[0]}-{order[1]}")
        take_turns(root, other, order, dies=dies)


@pytest.fixture
def s3(aws_on_s3: str) -> Iterator[Any]:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield client
    listed = client.list_object_versions(Bucket=BUCKET)
    for one in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        client.delete_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])
    client.delete_bucket(Bucket=BUCKET)


def bodies(client: Any) -> Iterator[bytes]:
    for one in client.list_object_versions(Bucket=BUCKET).get("Versions", []):
        version = {"Bucket": BUCKET, "Key": one["Key"], "VersionId": one["VersionId"]}
        yield client.get_object(**version)["Body"].read()


@pytest.mark.parametrize("step", range(4))
def test_in_a_bucket_no_version_keeps_who_was_erased_meanwhile(s3: Any, step: int) -> None:
    """Before the draft is put, looked for, published and discarded."""
    root = f"s3a://{BUCKET}/sentiment"
    fill(root)
    steps_before = FIRST_LOOKS + step

    take_turns(root, merge, (steps_before, 1_000), dies=False)

    assert not [body for body in bodies(s3) if ERASED.encode() in body]
