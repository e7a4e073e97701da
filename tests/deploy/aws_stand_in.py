"""What moto's CloudFormation does not know and our stacks need: outputs of nested stacks and after
change sets, and the application of Managed Service for Apache Flink."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

from botocore import xform_name
from botocore.exceptions import ClientError
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.common_models import CloudFormationModel
from moto.kinesisanalyticsv2.models import kinesisanalyticsv2_backends
from moto.utilities.utils import get_partition

from tests.aws_servers.http_server import Handler, Server, running


class FlinkApplication(CloudFormationModel):
    """Found by moto by its being a subclass."""

    made: ClassVar[dict[str, dict[str, Any]]] = {}
    """Properties of those that were made, by name."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "ApplicationName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::KinesisAnalyticsV2::Application"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> FlinkApplication:
        properties = cloudformation_json["Properties"]
        cls.made[properties["ApplicationName"]] = properties
        kinesisanalyticsv2_backends[account_id][region_name].create_application(
            application_name=properties["ApplicationName"],
            application_description=properties["ApplicationDescription"],
            runtime_environment=properties["RuntimeEnvironment"],
            service_execution_role=properties["ServiceExecutionRole"],
            application_configuration=properties["ApplicationConfiguration"],
            cloud_watch_logging_options=None,
            tags=None,
            application_mode=None,
        )
        return cls(properties["ApplicationName"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: FlinkApplication,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> FlinkApplication:
        properties = cloudformation_json["Properties"]
        cls.made[properties["ApplicationName"]] = properties
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, *_: Any, **__: Any) -> None:
        cls.made.pop(resource_name, None)


def _output_of(stack: Stack, attribute: str) -> str:
    values = {output["OutputKey"]: output["OutputValue"] for output in stack.outputs or ()}
    return values[attribute.removeprefix("Outputs.")]


def _apply(change_set: ChangeSet) -> None:
    stack = change_set.stack
    stack.template = change_set.template
    stack.parameters = change_set.parameters
    stack._parse_template()
    stack.resource_map.update(stack.template_dict, change_set.parameters)
    stack.output_map = stack._create_output_map()


def _update_nested(
    original_resource: Stack | None,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    """In place, where moto would delete it with all that is in it."""
    if original_resource is None:  # its condition does not hold
        return SimpleNamespace()
    properties = cloudformation_json["Properties"]
    url = properties["TemplateURL"]
    template = get_stack_from_s3_url(url, account_id, get_partition(region_name))
    original_resource.update(template, parameters=properties.get("Parameters"))
    return original_resource


def teach_moto(monkeypatch: Any) -> None:
    monkeypatch.setattr(Stack, "get_cfn_attribute", _output_of, raising=False)
    monkeypatch.setattr(ChangeSet, "apply", _apply)
    monkeypatch.setattr(Stack, "update_from_cloudformation_json", _update_nested)


class FlinkService:
    """The service: what CloudFormation made of the application is what it runs."""

    def __init__(self) -> None:
        self.status = "READY"
        self.calls: list[str] = []
        self.ill_codes: set[str] = set()

    def describe_application(self, ApplicationName: str) -> Any:  # noqa: N803
        properties = FlinkApplication.made.get(ApplicationName)
        if properties is None:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": ""}}
            raise ClientError(error, "DescribeApplication")  # type: ignore[arg-type]
        configuration = properties["ApplicationConfiguration"]
        code = configuration["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]
        groups = configuration["EnvironmentProperties"]["PropertyGroups"]
        return {
            "ApplicationDetail": {
                "ApplicationStatus": self.status,
                "ApplicationVersionId": 1,
                "RuntimeEnvironment": "FLINK-1_20",
                "ApplicationConfigurationDescription": {
                    "ApplicationCodeConfigurationDescription": {
                        "CodeContentDescription": {"S3ApplicationCodeLocationDescription": code}
                    },
                    "EnvironmentPropertyDescriptions": {"PropertyGroupDescriptions": groups},
                },
            }
        }

    def start_application(self, **_: Any) -> None:
        self.calls.append("start")
        self.status = "RUNNING"

    def create_application_snapshot(self, SnapshotName: str, **_: Any) -> None:  # noqa: N803
        self.calls.append("snapshot")

    def describe_application_snapshot(self, **_: Any) -> Any:
        return {"SnapshotDetails": {"SnapshotStatus": "READY"}}

    def list_application_snapshots(self, **_: Any) -> Any:
        return {"SnapshotSummaries": []}


@contextmanager
def serving_flink(service: FlinkService) -> Iterator[str]:
    """The service's URL, where a client in another process finds it while this lasts."""

    class Calls(Handler):
        def do_POST(self) -> None:  # noqa: N802 - the base class' word
            action = xform_name(self.headers["X-Amz-Target"].rpartition(".")[2])
            asked = json.loads(self.body())
            try:
                status, answer = 200, getattr(service, action)(**asked) or {}
            except ClientError as error:
                status, answer = 400, {"__type": error.response["Error"]["Code"]}
            self.send(status, json.dumps(answer).encode(), "application/x-amz-json-1.1")

    with running(Server(0, Calls)) as url:
        yield url
