"""The parts of the rehearsal that need no cluster."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.rehearsal.__main__ import check_what_it_needs
from tests.rehearsal.isolation import IsolationError, run_inside
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


def test_what_is_missing_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "job.zip"
    with pytest.raises(RehearsalError, match="is no zip of the job; run `make package`"):
        check_what_it_needs(package)

    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("main.py", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(RehearsalError, match="use `make rehearse`, which finds a Java"):
        check_what_it_needs(package)

    monkeypatch.setenv("JAVA_HOME", "/java")
    check_what_it_needs(package)


def test_a_machine_without_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(IsolationError, match=r"unshare \(util-linux\) is missing; install it"):
        run_inside([], tmp_path)


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
