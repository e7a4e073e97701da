"""README's Deploy, typed word by word into a shell: the real command line against moto over HTTP.

Two things are stood in for. ``make package`` only finds the zip made already, a small one of the
same code without wheels and models (``make rehearse`` runs the real one); and the application's own
service, of which moto knows too little, starts no job but says that it runs.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from connectors.deployment.job_zip import Entry, code_entries, write_zip
from tests.deploy.aws_stand_in import FlinkApplication, FlinkService, serving_flink, teach_moto

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
SETTINGS = """[
  {"PropertyGroupId": "time", "PropertyMap": {"start.hold.ms": "40000"}}
]"""
TYPED = ("y", "y", "y", "call-sentiment")
"""The bucket of the zip, the stack, the update, and the name of what is destroyed."""

# moto warns of what it cannot make; tests/deploy/test_stack_in_moto.py has looked at it
pytestmark = [pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning"), pytest.mark.slow]


class RunningFlink(FlinkService):
    """Once started it tells CloudWatch that it has been running for five minutes."""

    def start_application(self, **more: Any) -> None:
        super().start_application(**more)
        boto3.client("cloudwatch", region_name=REGION).put_metric_data(
            Namespace="AWS/KinesisAnalytics",
            MetricData=[
                {
                    "MetricName": "uptime",
                    "Dimensions": [{"Name": "Application", "Value": "call-sentiment"}],
                    "Value": 300_000.0,
                }
            ],
        )


@dataclass(frozen=True)
class Aws:
    environment: dict[str, str]
    flink: RunningFlink


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    teach_moto(monkeypatch)
    FlinkApplication.made.clear()
    moto = ThreadedMotoServer(port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    flink = RunningFlink()
    with serving_flink(flink) as flink_url:
        yield Aws(environment | {"AWS_ENDPOINT_URL_KINESIS_ANALYTICS_V2": flink_url}, flink)
    requests.post(f"{url}/moto-api/reset", timeout=30).raise_for_status()
    moto.stop()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a user has after ``make setup`` and ``make package``, and their own two files."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "Makefile").write_text("package: build/call-sentiment.zip\n")
    (tmp_path / "settings.json").write_text(SETTINGS)
    entries = [one for one in code_entries(ROOT) if "/pretrained/" not in one.name]
    write_zip(entries, tmp_path / "build" / "call-sentiment.zip")
    write_zip([*entries, Entry("dep/new.txt", ROOT / "LICENSE")], tmp_path / "NEW.zip")
    return tmp_path


def commands() -> str:
    """The shell commands of README's section."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## Deploy$(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    return "\n".join(re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))


def typed_into_a_shell(script: str, answers: tuple[str, ...], **more: object) -> str:
    """What a shell prints that stops at the first command that fails."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, "".join(f"{answer}\n" for answer in answers).encode())
        done = subprocess.run(
            ["bash", "-e", "-c", script],  # noqa: S607
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **more,  # type: ignore[call-overload]
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


def test_every_command_of_the_section_works_as_written(aws: Aws, clone: Path) -> None:
    environment = {**os.environ, **aws.environment, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    environment.pop("AWS_DEFAULT_REGION", None)

    printed = typed_into_a_shell(commands(), TYPED, cwd=clone, env=environment)

    dry, made, updated = re.split(
        "dry run: nothing is changed|^healthy +yes$", printed, flags=re.MULTILINE
    )
    assert "Changes of stack call-sentiment-artifacts" in dry
    assert "CREATE_COMPLETE" in made
    assert "s3a://" in made
    assert "UPDATE_COMPLETE" in updated
    assert updated.count("left: s3://") == 4
    assert aws.flink.calls == ["start", "snapshot"]
    assert FlinkApplication.made == {}


def test_the_section_names_every_command_that_deploys() -> None:
    assert set(re.findall(r"^call-sentiment (\w+)", commands(), re.MULTILINE)) == {
        "deploy",
        "status",
        "update",
        "destroy",
    }


def test_make_package_is_the_command_that_makes_the_zip() -> None:
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(
        [make, "--dry-run", "--no-print-directory", "--old-file=setup", "package"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == ".venv/bin/call-sentiment package"
