"""Deploy, update, the way back, destroy: on moto's CloudFormation and S3, with a Flink service of
our own that does what a test says."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from connectors.deployment.errors import DeployError
from connectors.deployment.stack import ChangeSet
from flink_job import deploy_commands
from flink_job.cli import app
from flink_job.deployment import Clients, Deployment, Wanted
from flink_job.savepoint import HERE
from flink_job.setting_types import SettingsError
from tests.deploy.aws_stand_in import FlinkApplication, FlinkService, teach_moto
from tests.deploy.hand_clock import HandClock

REGION = "eu-west-1"
pytestmark = [pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning"), pytest.mark.slow]


class Metrics:
    def __init__(self, flink: FlinkService) -> None:
        self._flink = flink

    def get_metric_data(self, **_: Any) -> Any:
        properties = next(iter(FlinkApplication.made.values()))
        code = properties["ApplicationConfiguration"]["ApplicationCodeConfiguration"]
        key = code["CodeContent"]["S3ContentLocation"]["FileKey"]
        uptime_ms = 1_000.0 if key in self._flink.ill_codes else 300_000.0
        return {"MetricDataResults": [{"Id": "m0", "Values": [uptime_ms]}]}


class Keys:
    """moto deletes with a nested stack what is to be retained."""

    def __init__(self) -> None:
        self.days_left: list[int] = []

    def schedule_key_deletion(self, KeyId: str, PendingWindowInDays: int) -> None:  # noqa: N803
        self.days_left.append(PendingWindowInDays)


class World:
    def __init__(self) -> None:
        self.flink = FlinkService()
        self.clients = Clients(
            *(boto3.client(name, region_name=REGION) for name in ("cloudformation", "s3")),
            self.flink,
            Metrics(self.flink),
            Keys(),
            boto3.client("sts", region_name=REGION),
        )
        self.shown: list[tuple[str, ChangeSet]] = []
        self.said: list[str] = []

    def deployment(self, *, approves: bool = True) -> Deployment:
        def approve(stack: str, change_set: ChangeSet) -> bool:
            self.shown.append((stack, change_set))
            return approves

        return Deployment("calls", self.clients, approve, self.said.append, clock=HandClock())

    def stacks(self) -> set[str]:
        found = self.clients.cloudformation.describe_stacks()["Stacks"]
        return {stack["StackName"] for stack in found}

    def parameters(self) -> dict[str, str]:
        [stack] = self.clients.cloudformation.describe_stacks(StackName="calls")["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    teach_moto(monkeypatch)
    FlinkApplication.made.clear()
    with mock_aws():
        yield World()


def package(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / f"{name}.zip"
    manifest = {**json.loads(HERE.read_text()), **changes}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("main.py", name)
        archive.writestr("flink_job/savepoint.json", json.dumps(manifest))
    return path


def test_deploy_makes_the_stack_and_starts_the_job(world: World, tmp_path: Path) -> None:
    state = world.deployment().deploy(Wanted(package(tmp_path, "one"), {"Parallelism": "4"}, {}))

    assert state is not None
    assert state.status == "CREATE_COMPLETE"
    assert world.flink.calls == ["start"]
    assert world.parameters()["Parallelism"] == "4"
    assert world.parameters()["CodeKey"].startswith("code/")
    assert [stack for stack, _ in world.shown] == ["calls-artifacts", "calls"]


def test_what_was_not_approved_of_leaves_nothing(world: World, tmp_path: Path) -> None:
    assert world.deployment(approves=False).deploy(Wanted(package(tmp_path, "one"))) is None

    assert world.stacks() == set()
    assert world.flink.calls == []


def test_a_property_that_cannot_be_is_told_before_anything_is_made(
    world: World, tmp_path: Path
) -> None:
    wanted = Wanted(package(tmp_path, "one"), {}, {"time": {"start.hold.ms": "soon"}})

    with pytest.raises(SettingsError, match=r"'time', key 'start.hold.ms', value 'soon'"):
        world.deployment().deploy(wanted)
    assert world.stacks() == set()


def test_a_file_that_the_zip_lacks_is_told_before_anything_is_made(
    world: World, tmp_path: Path
) -> None:
    groups = {"policy": {"path": "rules.yaml"}}
    lacks = r"'policy', key 'path', value 'rules.yaml': is not in .*: `call-sentiment package --fi"

    with pytest.raises(SettingsError, match=lacks):
        world.deployment().deploy(Wanted(package(tmp_path, "one"), groups=groups))
    assert world.stacks() == set()

    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    with pytest.raises(SettingsError, match=lacks):
        world.deployment().update(Wanted(package(tmp_path, "two"), groups=groups))
    assert world.flink.calls == ["start"]


def test_what_is_there_is_not_deployed_again(world: World, tmp_path: Path) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))

    with pytest.raises(DeployError, match=r"is there already .*use `call-sentiment update`"):
        world.deployment().deploy(Wanted(package(tmp_path, "two")))


def test_update_takes_a_snapshot_and_keeps_what_was_not_named(world: World, tmp_path: Path) -> None:
    groups = {"time": {"start.hold.ms": "40000"}}
    world.deployment().deploy(Wanted(package(tmp_path, "one"), {"Parallelism": "4"}, groups))
    first = world.parameters()["CodeKey"]

    state = world.deployment().update(Wanted(package(tmp_path, "two")))

    assert state is not None
    assert state.status == "UPDATE_COMPLETE"
    assert world.flink.calls == ["start", "snapshot"]
    assert world.parameters()["CodeKey"] != first
    assert world.parameters()["Parallelism"] == "4"
    environment = FlinkApplication.made["calls"]["ApplicationConfiguration"]
    found = environment["EnvironmentProperties"]["PropertyGroups"]
    assert {"PropertyGroupId": "time", "PropertyMap": groups["time"]} in found


def test_the_group_retention_is_the_stacks_parameters(world: World, tmp_path: Path) -> None:
    kept = {"retention": {"segments.days": "60", "audio.stream.hours": "24"}}
    world.deployment().deploy(Wanted(package(tmp_path, "one"), groups=kept))
    first = world.parameters()

    world.deployment().update(Wanted(groups={"retention": {"segments.days": "30"}}))

    assert (first["SegmentDays"], first["AudioStreamHours"]) == ("60", "24")
    assert world.parameters()["SegmentDays"] == "30"
    assert world.parameters()["AudioStreamHours"] == "48"
    with pytest.raises(SettingsError, match="RejectDays says 90; set this alone"):
        world.deployment().update(Wanted(parameters={"RejectDays": "90"}))


def test_nothing_new_is_no_update(world: World, tmp_path: Path) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    world.deployment().update(Wanted(parameters={"Parallelism": "3"}))

    world.deployment().update(Wanted(parameters={"Parallelism": "3"}))

    assert world.said[-1] == "nothing to change"
    assert world.flink.calls == ["start", "snapshot"]


def test_a_dry_update_stops_nothing(world: World, tmp_path: Path) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    first = world.parameters()["CodeKey"]

    assert world.deployment(approves=False).update(Wanted(package(tmp_path, "two"))) is None

    assert world.flink.calls == ["start"]
    assert world.parameters()["CodeKey"] == first


def test_an_update_that_would_lose_state_is_refused_before_anything_stops(
    world: World, tmp_path: Path
) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    shown = len(world.shown)
    states = {"intake": [99], "assembly": [1], "warehouse": [1]}
    two = package(tmp_path, "two", state_versions=states)

    with pytest.raises(DeployError, match="state of intake has version 2; read are: 99"):
        world.deployment().update(Wanted(two))

    assert world.flink.calls == ["start"]
    assert len(world.shown) == shown
    assert world.deployment().update(Wanted(two, discard_state=True)) is not None
    assert world.parameters()["RestoreType"] == "SKIP_RESTORE_FROM_SNAPSHOT"


def test_a_job_that_stays_ill_goes_back_to_its_snapshot(world: World, tmp_path: Path) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    first = world.parameters()["CodeKey"]
    two = package(tmp_path, "two")
    world.deployment(approves=False).update(Wanted(two))
    keys = world.clients.s3.list_objects_v2(
        Bucket=world.parameters()["CodeBucket"], Prefix="code/"
    )["Contents"]
    world.flink.ill_codes = {key["Key"] for key in keys} - {first}

    with pytest.raises(DeployError, match="may be restarting; the version before runs again"):
        world.deployment().update(Wanted(two))

    assert world.parameters()["CodeKey"] == first
    assert world.parameters()["RestoreType"] == "RESTORE_FROM_CUSTOM_SNAPSHOT"
    assert world.parameters()["SnapshotName"].startswith("before-version-2-")


def test_update_of_nothing(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="does not exist; use `call-sentiment deploy`"):
        world.deployment().update(Wanted(package(tmp_path, "one")))


def test_destroy_keeps_the_data(world: World, tmp_path: Path) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))

    left = world.deployment().destroy(delete_data=False)

    assert "calls" not in world.stacks()
    assert len([one for one in left if one.startswith("s3://")]) == 4


def test_nobody_can_destroy_what_is_not_there(world: World) -> None:
    with pytest.raises(DeployError, match="stack calls: does not exist"):
        world.deployment().destroy(delete_data=False)


def test_another_name_typed_destroys_nothing() -> None:
    result = CliRunner().invoke(app, ["destroy", "--name", "calls"], input="call\n")

    assert result.exit_code == 1
    assert "that is not calls: nothing is deleted" in result.output


def test_an_unknown_parameter_is_wrong_use(tmp_path: Path) -> None:
    arguments = ["deploy", "--package", str(tmp_path / "a.zip"), "--set", "Shards=3"]

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 2


def test_no_credentials_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    result = CliRunner().invoke(app, ["status", "--region", REGION])

    assert result.exit_code == 1
    assert "no AWS credentials; run `aws configure`" in result.output


def test_status_tells_health_by_its_exit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deployment().deploy(Wanted(package(tmp_path, "one")))
    monkeypatch.setattr(deploy_commands, "_clients", lambda _region: world.clients)

    healthy = CliRunner().invoke(app, ["status", "--name", "calls"])
    world.flink.status = "UPDATING"
    ill = CliRunner().invoke(app, ["status", "--name", "calls"])

    assert healthy.exit_code == 0
    assert "CREATE_COMPLETE" in healthy.output
    assert ill.exit_code == 1
    assert "no: is UPDATING" in ill.output


def test_the_commands_from_the_first_dry_run_to_the_last_byte(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_commands, "_clients", lambda _region: world.clients)
    one, two = str(package(tmp_path, "one")), str(package(tmp_path, "two"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--name", "calls"])
        assert result.exit_code == 0, result.output
        return result.output

    assert "dry run: nothing is changed" in run("deploy", "--package", one, "--dry-run")
    assert world.stacks() == set()
    assert "s3a://" in run("deploy", "--package", one, "--yes")
    properties = tmp_path / "properties.json"
    group = {"PropertyGroupId": "time", "PropertyMap": {"start.hold.ms": "40000"}}
    properties.write_text(json.dumps([group]))
    table = run("update", "--properties", str(properties), "--dry-run")
    assert "Modify" in table
    assert "Job" in table
    run("update", "--package", two, "--yes")
    left = run("destroy", "--delete-data", "--confirm", "calls")
    assert "is deleted in 30 days" in left
    assert world.clients.kms.days_left == [30]
    assert world.clients.s3.list_buckets()["Buckets"] == []
    assert world.stacks() == set()
