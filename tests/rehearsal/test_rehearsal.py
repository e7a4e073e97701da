"""The parts of the rehearsal that need no cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.kpu import MEMORY_BYTES, one_kpu
from tests.rehearsal.rehearsal import RehearsalError, program, run_options


def test_the_client_is_told_what_the_stack_sets() -> None:
    assert program(run_options()) == (
        "--python", "/opt/app/main.py",
        "--jarfile", "/opt/app/lib/pyflink-dependencies.jar",
        "--pyFiles", "/opt/app/dep",
    )  # fmt: skip


def test_a_run_option_that_the_service_does_not_know() -> None:
    with pytest.raises(RehearsalError, match="knows no run option pyRequirements"):
        program({"python": "main.py", "pyRequirements": "requirements.txt"})


def test_a_kpu_by_control_groups_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")

    with one_kpu("tasks", tmp_path) as kpu:
        group = tmp_path / "tasks"
        assert (group / "memory.max").read_text() == str(MEMORY_BYTES)
        assert (group / "cpu.max").read_text() == "100000 100000"
        assert kpu.groups == (group,)
        assert kpu.unlimited == ()


def test_a_kpu_by_control_groups_of_version_1(tmp_path: Path) -> None:
    for controller in ("memory", "cpu"):
        (tmp_path / controller).mkdir()

    with one_kpu("tasks", tmp_path) as kpu:
        assert kpu.groups == (tmp_path / "memory" / "tasks", tmp_path / "cpu" / "tasks")
        assert (kpu.groups[0] / "memory.limit_in_bytes").read_text() == str(MEMORY_BYTES)
        (kpu.groups[0] / "memory.max_usage_in_bytes").write_text("123\n")
        assert kpu.peak_memory_bytes() == 123


def test_what_a_machine_does_not_limit_is_said(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()

    with one_kpu("tasks", tmp_path) as kpu:
        assert kpu.groups == (tmp_path / "memory" / "tasks",)
        assert kpu.unlimited == ("processor (No such file or directory)",)
