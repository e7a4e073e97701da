"""Alarms ring from what a local run tells, each by its fault and not before.

One job lives through the first of them; another, in its place, through the rest. Those of a job
that restarts are in ``test_recovery``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

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


@pytest.mark.timeout(600)
def test_each_alarm_rings_by_its_fault_and_not_before(tmp_path: Path) -> None:
    call, angry_call, chat = recordings()
    in_seconds = ReplayOptions(chunk_ms=1_000, speed=5)
    with Surroundings(tmp_path) as run:
        lossy = calling(run.kinesis, [call], replace(in_seconds, speed=20, drop=0.3))
        many_calls = calling(run.kinesis, [call, angry_call] * 4, ReplayOptions(chunk_ms=500))
        many_words = calling(run.kinesis, [talkative(chat, 2_300, 500)], ReplayOptions())
        watch = Watch(run, **THRESHOLDS)
        with calling(run.kinesis, [call, chat], in_seconds):
            watch.settle()
            with watch.suffering(
                Trouble(lossy, {"calls-incomplete"}),
                Trouble(run.model_toiling(), {"cpu-high"}),
            ):
                watch.suffer(
                    Trouble(hostile(run.kinesis), {"records-refused"}),
                    Trouble(run.shard_read_in_vain(), {"shard-silent"}),
                    Trouble(run.model_slow(), {"remote-slow"}),
                )
                with watch.suffering(
                    Trouble(run.warehouse_away(), {"warehouse-fails", "warehouse-behind"}),
                    Trouble(run.model_leaking(), {"memory-high"}),
                ):
                    watch.suffer(Trouble(run.heartbeat_without_rights(), {"heartbeat-fails"}))
            watch.suffer(
                Trouble(run.heartbeat_not_called(), {"heartbeat-stopped", "job-hears-nothing"}),
                Trouble(run.deployed_anew(), {"kpus-high", "cost-high"}),
            )
            watch.suffer(
                Trouble(run.model_away(), {"models-fail", "breaker-open"}),
                Trouble(many_calls, {"audio-refused", "audio-behind", "stream-time-behind"}),
                Trouble(many_words, {"text-refused", "text-behind"}),
            )
    assert watch.caused == CAUSED
