"""Rejects back to their streams: judged, fetched where need be, claimed, sent, settled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.kinesis_client import BACKOFF_S, KinesisClient, KinesisDoubtError, KinesisError, Put
from connectors.replay_ledger import ReplayLedger
from udfs.dead_letters import (
    TO_SEND,
    Judge,
    Judged,
    RejectKey,
    Verdict,
    key_of,
    partition_key,
)
from udfs.rows import Reject

CLAIM_RECORDS = 500
"""So many may be in doubt after a crash."""
_STREAMS = ("audio", "text")


@dataclass(slots=True)
class Replayed:
    """What became of the rejects that were to be sent."""

    sent: int = 0
    taken_by_another: int = 0
    """Claimed by another replay at the same time."""
    not_sent: Counter[Verdict] = field(default_factory=Counter)
    """What the content, once fetched, turned out to be."""


class DeadLetterReplay:
    """Sends each reject at most once."""

    def __init__(
        self,
        ledger: ReplayLedger,
        judge: Judge,
        reader: KinesisClient,
        sender: KinesisClient,
        stream_names: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send nothing yet.

        Args:
            ledger: of what was sent.
            judge: has judged the rejects, and judges what is fetched.
            reader: fetches what is not stored.
            sender: a client that sends a request once (``connect(…, max_attempts=1)``).
            stream_names: the Kinesis stream of ``audio`` and of ``text``.
            sleep: waits so many seconds.
        """
        self._ledger = ledger
        self._judge = judge
        self._reader = reader
        self._sender = sender
        self._stream_names = stream_names
        self._sleep = sleep

    def run(self, judged: Sequence[Judged], result: Replayed) -> None:
        """Send what was judged worth it; ``result`` tells how far it came, after an error too.

        Raises:
            KinesisError: a stream cannot be read or written; ``KinesisDoubtError`` when the last
                records may have arrived.
            LakeError: the replay ledger cannot be written.
        """
        worth = [each for each in judged if each.verdict in TO_SEND]
        for begin in range(0, len(worth), CLAIM_RECORDS):
            puts = dict(self._with_content(worth[begin : begin + CLAIM_RECORDS], result))
            if puts:
                self._claim_and_send(puts, result)

    def _with_content(
        self, worth: Sequence[Judged], result: Replayed
    ) -> Iterator[tuple[RejectKey, Put]]:
        for each in worth:
            reject = each.reject
            data = reject.payload if reject.payload is not None else self._fetch(reject, result)
            if data is not None:
                yield key_of(reject), Put(partition_key(reject), data)

    def _fetch(self, reject: Reject, result: Replayed) -> bytes | None:
        """A record whose content was not stored; None when it is not to be sent."""
        name = self._stream_names[reject.stream]
        data = self._reader.fetch_record(name, reject.shard, reject.sequence_number)
        verdict: Verdict = "gone from the stream"
        if data is not None:
            verdict = self._judge.judge_content(reject, data)
        if verdict == "send":
            return data
        result.not_sent[verdict] += 1
        return None

    def _claim_and_send(self, puts: Mapping[RejectKey, Put], result: Replayed) -> None:
        claim, got = self._ledger.claim(list(puts))
        result.taken_by_another += len(puts) - len(got)
        sent: set[RejectKey] = set()
        in_doubt: set[RejectKey] = set()
        try:
            for stream in _STREAMS:
                of_stream = {key: puts[key] for key in puts if key in got and key[0] == stream}
                self._send(self._stream_names[stream], of_stream, sent, in_doubt)
        finally:
            result.sent += len(sent)
            self._ledger.settle(claim, sent, puts.keys() - sent - in_doubt)

    def _send(
        self,
        name: str,
        puts: Mapping[RejectKey, Put],
        sent: set[RejectKey],
        in_doubt: set[RejectKey],
    ) -> None:
        keys = {id(put): key for key, put in puts.items()}
        waiting = list(puts.values())
        refusals_in_a_row = 0
        while waiting:
            # until an answer is here, any of them may have arrived
            in_doubt.update(keys[id(put)] for put in waiting)
            try:
                taken, waiting = self._sender.put_once(name, waiting)
            except KinesisError as error:
                in_doubt.clear()
                if isinstance(error, KinesisDoubtError):
                    in_doubt.update(keys[id(put)] for put in error.puts)
                raise
            in_doubt.clear()
            sent.update(keys[id(put)] for put in taken)
            if taken:
                refusals_in_a_row = 0
                continue
            if refusals_in_a_row == len(BACKOFF_S):
                msg = f"stream {name} takes nothing; add shards, or try later"
                raise KinesisError(msg)
            self._sleep(BACKOFF_S[refusals_in_a_row])
            refusals_in_a_row += 1
