"""Fresh schemas of the shared PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.migrations import migrate
from connectors.warehouse.postgres import PostgresSession


@pytest.fixture
def spec(postgres_url: str) -> Iterator[WarehouseSpec]:
    yield from _fresh_schema(postgres_url)


@pytest.fixture
def other_spec(postgres_url: str) -> Iterator[WarehouseSpec]:
    yield from _fresh_schema(postgres_url)


def _fresh_schema(url: str) -> Iterator[WarehouseSpec]:
    spec = WarehouseSpec(url, schema=f"test_{uuid.uuid4().hex}")
    session = PostgresSession(spec)
    migrate(session, spec)
    yield spec
    session.execute([f"DROP SCHEMA {spec.schema} CASCADE"])
    session.close()
