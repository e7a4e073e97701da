"""The faults, one function each: it happens, it lasts, and all is whole again on return.

Dice say which process, which shard; a round draws them from fault and seed.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from typing import Any

from flink_job.local import STREAMS
from tests.chaos.rounds import Trial
from tests.chaos.world import PARALLELISM, World

OUTAGE_S = 30.0
WAREHOUSE_OUTAGE_S = 60.0
_RESHARD_PAUSE_S = 4.0


def kill_task_manager(world: World, dice: random.Random) -> float:
    """``kill -9`` one and its workers, and start another."""
    world.cluster.kill_task_manager(dice.randrange(world.cluster.num_task_managers))
    killed_s = time.time()
    world.cluster.start_task_manager()
    return killed_s


def kill_worker(world: World, dice: random.Random) -> float:
    """``kill -9`` one Python worker, once there is one."""
    while not (workers := world.cluster.workers()):
        time.sleep(0.2)
    dice.choice(workers).kill()
    return time.time()


def replace_job_manager(world: World, _dice: random.Random) -> float:
    """``kill -9`` it; another restores the job from its newest checkpoint."""
    begin_s = time.time()
    world.replace_job_manager()
    return begin_s


def stop_kinesis(world: World, _dice: random.Random) -> float:
    """Kinesis is away for a while."""
    world.stop_kinesis()
    time.sleep(OUTAGE_S)
    world.start_kinesis()
    return time.time()


def reshard(world: World, dice: random.Random) -> float:
    """A shard of each stream is split, later the first two are merged."""
    for name in STREAMS.values():
        _split(world, name, dice)
    time.sleep(_RESHARD_PAUSE_S)
    for name in STREAMS.values():
        _merge(world, name)
    return time.time()


def shut_s3(world: World, _dice: random.Random) -> float:
    """S3 answers 503 for a while."""
    world.s3.shut()
    time.sleep(OUTAGE_S)
    world.s3.open()
    return time.time()


def stop_warehouse(world: World, _dice: random.Random) -> float:
    """The warehouse is away for longer."""
    world.warehouse.kill()
    time.sleep(WAREHOUSE_OUTAGE_S)
    world.warehouse.start()
    return time.time()


def kill_warehouse_before_commit(world: World, _dice: random.Random) -> float:
    """``kill -9`` the warehouse between a load's COPY and its COMMIT, and start it again."""
    world.warehouse.kill_before_commit()
    killed_s = time.time()
    world.warehouse.start()
    return killed_s


def rescale(world: World, _dice: random.Random) -> float:
    """Stop with a savepoint and start with more or fewer slots, 1 → 2 → 3 → 1 and back.

    The replay pauses meanwhile, or the calls would be over.
    """
    for parallelism in (1, 2, 3, 1, PARALLELISM):
        with world.clock.paused():
            world.rescale(parallelism)
        world.wait_for_checkpoints(2)
    return time.time()


def several(world: World, dice: random.Random) -> float:
    """Shards split; S3, Kinesis and the warehouse away; processes of every kind killed."""
    with ExitStack() as back:
        world.warehouse.kill()
        back.callback(world.warehouse.start)
        _split(world, STREAMS["audio"], dice)
        world.s3.shut()
        back.callback(world.s3.open)
        kill_task_manager(world, dice)
        world.stop_kinesis()
        back.callback(world.start_kinesis)
        time.sleep(OUTAGE_S / 2)
        kill_worker(world, dice)
    _merge(world, STREAMS["audio"])
    return replace_job_manager(world, dice)


TRIALS: dict[str, Trial] = {
    "nothing": Trial("no fault"),
    "task-manager": Trial("task manager killed, another started", kill_task_manager),
    "worker": Trial("Python worker killed", kill_worker),
    "job-manager": Trial("job manager killed, job restored by another", replace_job_manager),
    "kinesis": Trial("Kinesis away for 30 s", stop_kinesis),
    "reshard": Trial("shards split, then merged", reshard),
    "s3": Trial("S3 answers 503 for 30 s", shut_s3, sign="committed"),
    "warehouse": Trial("warehouse away for 60 s", stop_warehouse, sign="loaded"),
    "commit": Trial(
        "warehouse killed between COPY and COMMIT",
        kill_warehouse_before_commit,
        sign="loaded",
    ),
    "clock": Trial("producers' clocks off by an hour", clock_off_ms=3_600_000),
    "rescale": Trial("rescaled 1, 2, 3, 1 from savepoints", rescale, speed=0.8),
    "several": Trial("most of these at once", several),
}


def _open_shards(world: World, stream: str) -> list[dict[str, Any]]:
    shards = world.producer.boto.list_shards(StreamName=stream)["Shards"]
    opened = [one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
    return sorted(opened, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))


def _split(world: World, stream: str, dice: random.Random) -> None:
    shard = dice.choice(_open_shards(world, stream))
    first, last = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
    world.producer.boto.split_shard(
        StreamName=stream,
        ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str(dice.randint(first + 1, last)),
    )
    _wait_until_active(world, stream)


def _merge(world: World, stream: str) -> None:
    """Merge the first two neighbours."""
    one, other = _open_shards(world, stream)[:2]
    world.producer.boto.merge_shards(
        StreamName=stream, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"]
    )
    _wait_until_active(world, stream)


def _wait_until_active(world: World, stream: str) -> None:
    while True:
        summary = world.producer.boto.describe_stream_summary(StreamName=stream)
        if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
            return
        time.sleep(0.1)
