"""A replay plan into Kinesis, at the speed of speech, a multiple of it, or as fast as it goes.

Planned records flow in, in the order of their times; they flow out to the two streams, never one
before its predecessor of the same call and stream, audio before text where both are due together.
Beside them ``Heartbeats`` puts a heartbeat to each open shard of both streams every two seconds,
from a thread of its own, until it is stopped: the streams' time goes on after the calls have ended.
"""

from __future__ import annotations

import base64
import binascii
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Protocol, Self

from connectors.kinesis_client import MAX_BATCH_RECORDS, KinesisClient, Put
from connectors.repeating import Repeating
from udfs.records import StreamName
from udfs.replay_plan import MAX_RECORD_BYTES, PlannedRecord

HEARTBEAT_S: Final = 2.0

_STREAMS: Final[tuple[StreamName, ...]] = ("audio", "text")
_MAX_KEY_CHARACTERS: Final = 256


class InjectError(Exception):
    """The file of raw records cannot be used; the message names the line and what to do."""


class Clock(Protocol):
    """Time that passes; a test hands in its own."""

    def now_s(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""


class SystemClock:
    def now_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Replayer:
    """Sends planned records to the streams."""

    def __init__(
        self,
        kinesis: KinesisClient,
        stream_names: Mapping[StreamName, str],
        clock: Clock | None = None,
    ) -> None:
        self._kinesis = kinesis
        self._stream_names = stream_names
        self._clock = clock or SystemClock()

    def send(
        self,
        records: Sequence[PlannedRecord],
        speed: float | None,
        on_progress: Callable[[int, int], None] = lambda _sent, _total: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> int:
        """Send all records, by ``at_ms``, and return how many were sent.

        Args:
            records: in the order of their times.
            speed: times the speed of speech; None is as fast as the streams take it.
            on_progress: told how many of how many were sent, after each batch.
            is_stopped: asked before each batch; True ends the replay early.

        Raises:
            KinesisError: a stream cannot be written.
        """
        begun_s = self._clock.now_s()
        sent = 0
        while sent < len(records) and not is_stopped():
            due = records[sent : sent + MAX_BATCH_RECORDS]
            if speed is not None:
                call_time_ms = (self._clock.now_s() - begun_s) * 1000 * speed
                due = [record for record in due if record.at_ms <= call_time_ms]
                if not due:
                    wait_ms = (records[sent].at_ms - call_time_ms) / speed
                    # in short steps, so that the replay can be stopped
                    self._clock.sleep(min(max(wait_ms / 1000, 0.001), 0.5))
                    continue
            for stream in _STREAMS:
                puts = [Put(r.partition_key, r.data) for r in due if r.stream == stream]
                if puts:
                    self._kinesis.put_records(self._stream_names[stream], puts)
            sent += len(due)
            on_progress(sent, len(records))
        return sent


class Heartbeats(Repeating):
    """Heartbeats from a thread, from entering the context to leaving it."""

    def __init__(
        self,
        kinesis: KinesisClient,
        stream_names: Sequence[str],
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Prepare them.

        Args:
            kinesis: takes them.
            stream_names: the streams, each shard of which gets one.
            wait: see ``Repeating``.
        """
        super().__init__(self.beat, HEARTBEAT_S, "heartbeats", wait)
        self._kinesis = kinesis
        self._stream_names = stream_names

    def __enter__(self) -> Self:
        self.beat()
        return super().__enter__()

    def beat(self) -> None:
        """Put one heartbeat to each open shard.

        Raises:
            KinesisError: a stream cannot be written.
        """
        for name in self._stream_names:
            self._kinesis.put_heartbeats(name)


def read_injected(path: Path) -> tuple[PlannedRecord, ...]:
    """Raw records from a file: on each line ``stream``, ``partition_key``, ``data`` in base64.

    Raises:
        InjectError: a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        msg = f"{path}: cannot be read as text; name a file with one JSON object a line"
        raise InjectError(msg) from err
    return tuple(
        _injected(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def mix(
    planned: Sequence[PlannedRecord], injected: Sequence[PlannedRecord], seed: int
) -> tuple[PlannedRecord, ...]:
    """Put raw records among the planned, at seeded random places, in the order of their file."""
    last_ms = planned[-1].at_ms if planned else 0
    dice = random.Random(f"{seed}/inject")  # noqa: S311  # places, not secrets
    times_ms = sorted(dice.randint(0, last_ms) for _ in injected)
    placed = [
        replace(record, at_ms=at_ms) for record, at_ms in zip(injected, times_ms, strict=True)
    ]
    return tuple(sorted([*planned, *placed], key=attrgetter("at_ms")))


def _injected(line: str, where: str) -> PlannedRecord:
    try:
        entry: Any = json.loads(line)
        stream, key = entry["stream"], entry["partition_key"]
        data = base64.b64decode(entry["data"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as err:
        msg = f"{where}: needs an object with stream, partition_key, and data in base64"
        raise InjectError(msg) from err
    if stream not in _STREAMS:
        msg = f"{where}: stream must be audio or text"
        raise InjectError(msg)
    if not isinstance(key, str) or not 1 <= len(key) <= _MAX_KEY_CHARACTERS:
        msg = f"{where}: partition_key must be a text of 1 to {_MAX_KEY_CHARACTERS} characters"
        raise InjectError(msg)
    if len(data) + len(key.encode()) > MAX_RECORD_BYTES:
        msg = f"{where}: data and key exceed the {MAX_RECORD_BYTES} bytes of a Kinesis record"
        raise InjectError(msg)
    return PlannedRecord(0, stream, key, data, "injected")
