"""How many shards a stream needs, where each call lies wholly in one of them.

Kinesis hashes the partition key, the call's id, so calls fall on shards like balls into bins: the
fullest has more than its share. The bound for many balls is used
(Raab and Steger, "Balls into Bins": mean + sqrt(2 · mean · ln bins)).
"""

from __future__ import annotations

from itertools import count
from math import log, sqrt

from flink_job.capacity import service
from flink_job.capacity.traffic import StreamLoad


def calls_of_fullest_shard(calls: int, shards: int) -> float:
    """How many calls are to be expected on the fullest shard."""
    mean = calls / shards
    return min(float(calls), mean + sqrt(2 * mean * log(shards)))


def fill_of_fullest_shard(load: StreamLoad, shards: int) -> float:
    """Its records or bytes a second, whichever is nearer to its limit; 1 is full."""
    share = calls_of_fullest_shard(load.calls, shards) / load.calls
    return share * max(
        load.records_per_s / service.SHARD_RECORDS_PER_S,
        load.bytes_per_s / service.SHARD_BYTES_PER_S,
    )


def needed_shards(load: StreamLoad, utilisation: float) -> int:
    """The fewest shards of which the fullest is not fuller than ``utilisation``.

    Raises:
        ValueError: one call alone is more than a shard takes.
    """
    of_one_call = StreamLoad(load.records_per_s / load.calls, load.record_bytes, 1)
    fill = fill_of_fullest_shard(of_one_call, 1)
    if fill > utilisation:
        msg = (
            f"one call alone fills {fill:.0%} of a shard, of which {utilisation:.0%} may be used; "
            "send longer chunks or a leaner encoding"
        )
        raise ValueError(msg)
    even = max(1, int(load.records_per_s / service.SHARD_RECORDS_PER_S))
    return next(n for n in count(even) if fill_of_fullest_shard(load, n) <= utilisation)
