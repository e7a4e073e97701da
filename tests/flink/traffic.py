"""Producers for a local run: as they should be, and as they should not; each until it is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import msgspec

from connectors.kinesis_client import KinesisClient, Put
from connectors.repeating import Repeating
from connectors.replay import Replayer
from flink_job.local import STREAMS
from tests.chaos.calls import copy_calls
from tests.hostile import hostile_records
from udfs.call_folder import CallFolder
from udfs.replay_plan import ReplayOptions, plan_replay

HOSTILE_EVERY_S = 0.3
HOSTILE_RECORDS = 10
"""Of the kinds of hostile records the first, which are small."""
_numbers = count()


@contextmanager
def calling(
    kinesis: KinesisClient,
    recordings: Sequence[CallFolder],
    options: ReplayOptions,
) -> Iterator[None]:
    """Calls like these, all at once, and when they are over again.

    ``options.speed`` None is as fast as the streams take it.
    """
    over = threading.Event()

    def call() -> None:
        calls = copy_calls(recordings, f"round-{next(_numbers)}")
        records = plan_replay(calls.folders, options).records
        Replayer(kinesis, STREAMS).send(records, options.speed, is_stopped=over.is_set)

    with Repeating(call, 0.0, "calls"):
        try:
            yield
        finally:
            over.set()


@contextmanager
def hostile(kinesis: KinesisClient) -> Iterator[None]:
    """Records that cannot be used, several a second."""

    def send() -> None:
        records = hostile_records("no-call", "nobody", time.time_ns() // 1_000_000, HOSTILE_RECORDS)
        for stream, key, data, _ in records:
            kinesis.put_records(STREAMS[stream], [Put(key, data)])

    with Repeating(send, HOSTILE_EVERY_S, "hostile records"):
        yield


def talkative(chat: CallFolder, characters: int, utterances: int) -> CallFolder:
    """A chat with so many utterances, each so long."""
    said = chat.utterances
    return replace(
        chat,
        utterances=tuple(
            msgspec.structs.replace(
                said[number % len(said)],
                utterance_id=f"utterance-{number}",
                text=(f"{said[number % len(said)].text} " * characters)[:characters],
            )
            for number in range(utterances)
        ),
    )
