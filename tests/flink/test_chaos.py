"""The short part of ``make chaos``: a standalone cluster loses a task manager in mid-call."""

from __future__ import annotations

import random
from pathlib import Path

from tests.chaos.calls import copy_calls, make_reference, recordings
from tests.chaos.faults import kill_task_manager
from tests.chaos.rounds import Trial, play
from tests.chaos.world import World


def test_loss_of_a_task_manager_leaves_the_reference_rows(tmp_path: Path) -> None:
    reference = make_reference(tmp_path / "reference")
    calls = copy_calls(recordings(("sample-1-pleasant", "sample-3-chat")), "short")
    trial = Trial("task manager killed", kill_task_manager, speed=2.0)

    with World(tmp_path / "world") as world:
        result = play(world, calls, reference, trial, random.Random(0))
        restarts = world.cluster.num_restarts(world.job_id)

    assert result.problems == ()
    assert restarts >= 1
