"""AWS on this machine, for any test: S3 by moto, Redshift by ``redshift_data``, one each a session;
models by ``model_server``.

def test_something(redshift: RedshiftPlace) -> None:
    RedshiftWarehouse(redshift.spec) …
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import boto3
import pytest
from moto.server import ThreadedMotoServer

from connectors.object_store import ENDPOINT_VARIABLE
from connectors.warehouse.contract import WarehouseSpec
from tests.aws_servers import model_server
from tests.aws_servers.redshift_data import Faults, Redshift, serving

STAGING_BUCKET = "staging"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}
Serve = Callable[[model_server.ModelServer], str]
"""Starts a server; its URL."""


@dataclass(frozen=True)
class RedshiftPlace:
    """A cluster with a schema that is not there yet, and a place for staged objects."""

    server: Redshift
    url: str
    """Of the Data API."""
    s3_endpoint: str
    spec: WarehouseSpec

    def staged_keys(self) -> list[str]:
        """What lies in the staging area."""
        listed = boto3.client("s3").list_objects_v2(
            Bucket=STAGING_BUCKET, Prefix=f"{self.spec.schema}/"
        )
        return [found["Key"] for found in listed.get("Contents", [])]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """moto's S3, empty but for the bucket ``staging``."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
        "region_name": "us-east-1",
    }
    boto3.client("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket=STAGING_BUCKET)
    yield endpoint
    server.stop()


@pytest.fixture(scope="session")
def redshift_server(
    tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str
) -> Iterator[tuple[Redshift, str]]:
    """The cluster and its URL."""
    folder = tmp_path_factory.mktemp("redshift") / "data"
    with (
        Redshift(folder, s3_endpoint=s3_endpoint).running() as server,
        serving(server) as url,
    ):
        yield server, url


@pytest.fixture
def aws_on_s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """AWS' environment variables name S3, for one test and its child processes; where it is."""
    for name, value in {**CREDENTIALS, ENDPOINT_VARIABLE: s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint


@pytest.fixture
def redshift(redshift_server: tuple[Redshift, str], aws_on_s3: str) -> Iterator[RedshiftPlace]:
    """The cluster without faults, for one test; AWS' environment variables name S3."""
    server, url = redshift_server
    # Again: moto keeps one S3 a process, which another test's mock empties.
    boto3.client("s3").create_bucket(Bucket=STAGING_BUCKET)
    schema = f"test_{uuid.uuid4().hex}"
    spec = WarehouseSpec(
        "redshift://cluster/calls/calls",
        schema=schema,
        staging_root=f"s3a://{STAGING_BUCKET}/{schema}",
        endpoint=url,
    )
    server.faults = Faults()
    yield RedshiftPlace(server, url, aws_on_s3, spec)
    server.faults = Faults()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a model server and point every service's client at it, as botocore finds any."""
    with ExitStack() as running:

        def start(model: model_server.ModelServer) -> str:
            url = running.enter_context(model_server.serving(model))
            for service in ("SAGEMAKER_RUNTIME", "COMPREHEND", "BEDROCK_RUNTIME"):
                monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            return url

        yield start
