"""Real runs: kinesalite, worker processes, shipped models. Each takes most of a minute."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_job.local_job import JAR

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
HARPER_VALLEY = ROOT.parent / "shared" / "data" / "harper_valley"
HARPER_TO_CALLS = ROOT.parent / "shared" / "tools" / "harper_to_calls.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flink)
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    """An embedded Flink marks this process as a worker; the next test's job would believe it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jar and kinesalite are found from the project's folder."""
    monkeypatch.chdir(ROOT)
    if not JAR.exists():
        pytest.skip(f"{JAR} is not built; run `make setup`")


def call_sentiment(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "flink_job.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight real telephone calls where their recordings are; else the samples."""
    if not HARPER_VALLEY.exists():
        return SAMPLES
    folder = tmp_path_factory.mktemp("calls")
    subprocess.run([sys.executable, HARPER_TO_CALLS, HARPER_VALLEY, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def reference(calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of ``calls`` without a stream."""
    output = tmp_path_factory.mktemp("reference")
    done = call_sentiment("offline", "--calls", calls, "--output", output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"
