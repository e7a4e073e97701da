"""The whole stack in moto's CloudFormation, and what the job then finds in its properties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from connectors.deployment.application import Application
from connectors.deployment.artifacts import Artifacts
from connectors.deployment.stack import Clock
from connectors.deployment.templates import (
    APPLICATION,
    StackOwnsError,
    add_groups,
    load_template,
    package_templates,
)
from flink_job.settings import parse_settings
from tests.deploy.aws_stand_in import teach_moto

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "cloudformation"
REGION = "eu-west-1"
OTHER = {
    "Warehouse": "existing",
    "WarehouseUrl": "redshift://cluster/house/calls",
    "WarehouseArn": "arn:aws:redshift:eu-west-1:123456789012:cluster:house",
    "WarehouseDbUser": "loader",
    "StreamMode": "PROVISIONED",
    "FanOutConsumer": "scores",
    "PseudonymSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key",
}
# moto warns of what it cannot make: these were seen to be left out.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning"),
    pytest.mark.slow,
]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    teach_moto(monkeypatch)
    with mock_aws():
        yield


def make(parameters: dict[str, str], groups: dict[str, dict[str, str]]) -> dict[str, str]:
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    root = package_templates(FOLDER, groups, Artifacts(s3, "artifacts").put)
    given = {"CodeBucket": "artifacts", "CodeKey": "code/1.zip", **parameters}
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(
        StackName="calls",
        TemplateURL=root.url,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    stack = cloudformation.describe_stacks(StackName="calls")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def found_groups() -> Any:
    flink = boto3.client("kinesisanalyticsv2", region_name=REGION)
    state = Application(flink, None, "calls", Clock()).state()
    assert state is not None
    return state.groups


def test_the_job_finds_its_own_streams_and_buckets(account: None) -> None:
    outputs = make({}, {"time": {"start.hold.ms": "40000"}, "lake": {"auto.compaction": "false"}})

    settings = parse_settings(found_groups())

    assert settings.streams.audio_stream == outputs["AudioStream"] == "calls-audio"
    assert settings.streams.text_stream == "calls-text"
    assert settings.streams.region == REGION
    assert settings.lake.root == outputs["LakeRoot"]
    assert settings.warehouse.url is None
    assert settings.time.start_hold_ms == 40_000
    assert not settings.lake.auto_compaction
    assert found_groups()["kinesis.analytics.flink.run.options"] == {
        "python": "main.py",
        "jarfile": "lib/pyflink-dependencies.jar",
        "pyFiles": "dep/",
    }


def test_an_existing_warehouse_is_handed_on(account: None) -> None:
    outputs = make(OTHER, {})

    settings = parse_settings(found_groups())

    assert settings.warehouse.url == OTHER["WarehouseUrl"]
    assert settings.warehouse.db_user == "loader"
    assert settings.warehouse.secret_arn is None
    assert settings.warehouse.staging_root == f"s3://{outputs['StagingBucket']}/staging"
    assert settings.streams.fan_out_consumer == "scores"
    assert settings.pseudonyms.secret_arn == OTHER["PseudonymSecretArn"]


@pytest.mark.parametrize("parameters", [{}, OTHER], ids=["least", "most"])
def test_the_service_takes_every_property(account: None, parameters: dict[str, str]) -> None:
    make(parameters, {})

    for group in found_groups().values():
        assert len(group) <= 50
        for key, value in group.items():
            assert 1 <= len(key) <= 50
            assert 1 <= len(value) <= 2_048, key


def test_streams_and_buckets_are_as_described(account: None) -> None:
    outputs = make(OTHER, {})

    stream = boto3.client("kinesis", region_name=REGION).describe_stream_summary(
        StreamName="calls-audio"
    )["StreamDescriptionSummary"]
    s3 = boto3.client("s3", region_name=REGION)
    encryption = s3.get_bucket_encryption(Bucket=outputs["LakeBucket"])
    [rule] = encryption["ServerSideEncryptionConfiguration"]["Rules"]
    assert stream["OpenShardCount"] == 4
    assert stream["RetentionPeriodHours"] == 48
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": outputs["KeyArn"],
    }


def test_what_the_stack_sets_may_not_be_given() -> None:
    application = load_template(FOLDER / APPLICATION)

    with pytest.raises(StackOwnsError, match="'lake', key 'root': is set by the stack; leave it"):
        add_groups(application, {"lake": {"root": "s3a://mine"}})
