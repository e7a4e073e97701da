"""For everyone: AWS and a PostgreSQL on this machine, and Hypothesis.

Hypothesis gives the same examples in every run, and no deadline on a busy machine.
"""

import os
from collections.abc import Iterator

import boto3
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from connectors.warehouse.embedded import embedded_postgres

pytest_plugins = ["tests.aws_servers.fixtures"]

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
# For a night's search: HYPOTHESIS_PROFILE=search
settings.register_profile(
    "search",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _fresh_aws_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's own session keeps the credentials that it has found, for whoever comes next."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory) -> Iterator[str]:
    """The database that all tests share: make a schema of your own in it."""
    with embedded_postgres(tmp_path_factory.mktemp("warehouse") / "data") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER DATABASE postgres SET synchronous_commit = off")
        yield url
