"""Alarms ring from what a local run tells, each by its fault and not before.

One job lives through all of it but for the last, when another takes its place. Those of a job that
restarts are in ``test_recovery``.
"""

from __future__ import annotations

from pathlib import Path

from tests.chaos.calls import recordings
from tests.flink.surroundings import Surroundings
from tests.flink.traffic import calling, hostile, talkative
from tests.flink.watch import Trouble, Watch
from udfs.replay_plan import ReplayOptions

CAUSED = {
    "audio-behind", "audio-refused", "breaker-open", "calls-incomplete", "cost-high", "cpu-high",
    "heartbeat-fails", "heartbeat-stopped", "job-hears-nothing", "kpus-high", "memory-high",
    "models-fail", "records-refused", "remote-slow", "shard-silent", "stream-time-behind",
    "text-behind", "text-refused", "warehouse-behind", "warehouse-fails",
}  # fmt: skip
"""The alarms that ring by it."""
THRESHOLDS = {
    "BehindMs": 10_000,
    "WarehouseBehindMs": 5_000,
    "RemoteMs": 400,
    "CostUsdAnHour": 20,
    "MaxKpus": 1,
}
"""As low as a short run needs them, and above what a slow machine has in peace."""


def test_each_alarm_rings_by_its_fault_and_not_before(tmp_path: Path) -> None:
    call, angry_call, chat = recordings()
    with Surroundings(tmp_path) as run:
        watch = Watch(run, **THRESHOLDS)
        with calling(run.kinesis, [call, chat], ReplayOptions(chunk_ms=1_000, speed=5)):
            watch.settle()
            lossy = calling(run.kinesis, [call], ReplayOptions(chunk_ms=1_000, speed=20, drop=0.3))
            with watch.suffering(Trouble(lossy, {"calls-incomplete"})):
                watch.suffer(
                    Trouble(hostile(run.kinesis), {"records-refused"}),
                    Trouble(run.shard_read_in_vain(), {"shard-silent"}),
                    Trouble(run.model_slow(), {"remote-slow"}),
                )
                watch.suffer(
                    Trouble(run.heartbeat_without_rights(), {"heartbeat-fails"}),
                    Trouble(run.warehouse_away(), {"warehouse-fails", "warehouse-behind"}),
                    Trouble(run.model_leaking(), {"memory-high"}),
                )
            many_calls = calling(run.kinesis, [call, angry_call] * 4, ReplayOptions(chunk_ms=500))
            many_words = calling(run.kinesis, [talkative(chat, 2_300, 500)], ReplayOptions())
            watch.suffer(
                Trouble(run.model_away(), {"models-fail", "breaker-open"}),
                Trouble(run.model_toiling(), {"cpu-high"}),
                Trouble(many_calls, {"audio-refused", "audio-behind", "stream-time-behind"}),
                Trouble(many_words, {"text-refused", "text-behind"}),
            )
            watch.suffer(
                Trouble(run.heartbeat_not_called(), {"heartbeat-stopped", "job-hears-nothing"}),
                Trouble(run.deployed_anew(), {"kpus-high", "cost-high"}),
            )
    assert watch.caused == CAUSED
