"""A fresh schema for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.migrations import migrate
from connectors.warehouse.postgres import PostgresSession, PostgresWarehouse


@pytest.fixture
def empty_spec(postgres_url) -> WarehouseSpec:
    """A schema that is not there yet."""
    return WarehouseSpec(postgres_url, schema=f"test_{uuid.uuid4().hex}")


@pytest.fixture
def session(empty_spec) -> Iterator[PostgresSession]:
    session = PostgresSession(empty_spec)
    yield session
    session.execute([f"DROP SCHEMA IF EXISTS {empty_spec.schema} CASCADE"])
    session.close()


@pytest.fixture
def spec(empty_spec, session) -> WarehouseSpec:
    """A schema with all migrations."""
    migrate(session, empty_spec)
    return empty_spec


@pytest.fixture
def warehouse(spec) -> Iterator[PostgresWarehouse]:
    warehouse = PostgresWarehouse(spec)
    yield warehouse
    warehouse.close()
