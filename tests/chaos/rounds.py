"""One round: calls are replayed, in their middle something fails, and then the rows are judged."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.lake_reader import finished_files, read_rows
from connectors.replay import Replayer
from flink_job.local import STREAMS
from tests.chaos.calls import Reference, RoundCalls
from tests.chaos.judge import problems
from tests.chaos.world import World
from udfs.replay_plan import ReplayOptions, plan_replay
from udfs.rows import ALL_PARTICIPANTS, LEDGER, SEGMENTS, TABLES, Table

SHUFFLE_MS = 500
DUPLICATE = 0.05
_LIMIT_S = 300.0
_POLL_S = 0.5

Fault = Callable[[World, random.Random], float]
"""Lets something fail, and returns once it is there again, or its successor is. What it returns is
when recovery could begin (epoch seconds): after a death at once, after an outage with its end."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault with the words for it."""

    title: str
    fault: Fault = lambda _world, _dice: time.time()
    clock_off_ms: int = 0
    """The clocks of the producers are so much ahead, every other one behind."""
    speed: float = 1.5
    """Of the replay, times the speed of speech."""
    is_of_warehouse: bool = False
    """Recovery is told by the warehouse's rows."""


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round showed."""

    problems: tuple[str, ...]
    recovery_s: float | None
    """From the moment that it could begin to the first new row; None if no row was left."""
    seconds: float


class RoundError(RuntimeError):
    """A round did not come to its end."""


class Watch:
    """What a round has committed so far."""

    def __init__(self, world: World, calls: RoundCalls) -> None:
        self._world = world
        self._calls = calls
        self.earlier = finished_files(world.lake, TABLES)

    def num_windows(self) -> int:
        rows = self._rows(SEGMENTS)
        return len({(row.call_id, row.participant_id, row.window_start_ms) for row in rows})

    def has_segment_since(self, epoch_ms: float) -> bool:
        return any(row.emitted_at > epoch_ms for row in self._rows(SEGMENTS))

    def is_closed(self) -> bool:
        """Whether every call is."""
        closed = {
            row.call_id for row in self._rows(LEDGER) if row.participant_id == ALL_PARTICIPANTS
        }
        return closed >= self._calls.call_ids

    def _rows(self, table: Table) -> list[Any]:
        rows = read_rows(self._world.lake, table, self.earlier)
        return [row for row in rows if row.call_id in self._calls.call_ids]


def play(
    world: World,
    calls: RoundCalls,
    reference: Reference,
    trial: Trial,
    dice: random.Random,
) -> RoundResult:
    """Replay calls, let a fault happen in their middle, wait until they are closed, and judge.

    Raises:
        RoundError: calls stay open.
        ClusterError: the job ended.
    """
    began_s = time.monotonic()
    watch = Watch(world, calls)
    replay = _start_replay(world, calls, trial.speed, seed=dice.randrange(1_000_000))
    share = dice.uniform(0.15, 0.4)
    _wait(world, lambda: watch.num_windows() >= share * reference.num_windows(calls))
    begin_s = trial.fault(world, dice)
    recovery_s = _recovery_s(world, watch, begin_s, in_warehouse=trial.is_of_warehouse)
    replay.join()
    _wait(world, watch.is_closed)
    world.wait_for_checkpoints(2)
    return RoundResult(
        problems=tuple(problems(world, calls, reference, watch.earlier)),
        recovery_s=recovery_s,
        seconds=time.monotonic() - began_s,
    )


def _recovery_s(world: World, watch: Watch, begin_s: float, *, in_warehouse: bool) -> float | None:
    """From a moment (epoch) to the first row made after it; None if all calls close without."""
    num_loads = world.warehouse.num_loads()

    def has_new_row() -> bool:
        if in_warehouse:
            return world.warehouse.num_loads() > num_loads
        return watch.has_segment_since(begin_s * 1000)

    _wait(world, lambda: has_new_row() or watch.is_closed())
    recovery_s = time.time() - begin_s
    return recovery_s if has_new_row() else None


def _start_replay(world: World, calls: RoundCalls, speed: float, seed: int) -> threading.Thread:
    options = ReplayOptions(shuffle_ms=SHUFFLE_MS, duplicate=DUPLICATE, seed=seed, speed=speed)
    records = plan_replay(calls.folders, options).records
    replayer = Replayer(world.producer, STREAMS)
    thread = threading.Thread(
        target=replayer.send, args=(records, speed), name="replay", daemon=True
    )
    thread.start()
    return thread


def _wait(world: World, is_done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while not is_done():
        world.cluster.check(world.job_id)
        if time.monotonic() > deadline_s:
            msg = f"calls are not where they should be after {_LIMIT_S:.0f} s"
            raise RoundError(msg)
        time.sleep(_POLL_S)
