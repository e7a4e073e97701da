"""Is the warehouse as the job needs it? One plain line if not, before anything starts."""

from __future__ import annotations

from contextlib import closing

from connectors.warehouse.contract import Session, WarehouseError, WarehouseSpec
from connectors.warehouse.load_sql import LOAD_LEDGER
from connectors.warehouse.migrations import (
    current_version,
    newest_version,
    refuse_newer,
    schema_exists,
)
from connectors.warehouse.schema import warehouse_name
from connectors.warehouse.staging import StagingArea
from udfs.rows import WAREHOUSE_TABLES

OLDEST_POSTGRESQL = 15
"""The first with MERGE."""

_MIGRATE = "run call-sentiment warehouse migrate"


def check_warehouse(session: Session, spec: WarehouseSpec) -> None:
    """Look at server, schema, version, rights and staging area; changes nothing.

    Raises:
        WarehouseError: the warehouse cannot be reached, or is not as the job needs it.
    """
    if spec.dialect == "postgresql":
        _check_server(session)
    _check_schema(session, spec)
    _check_version(session, spec)
    _check_tables(session, spec)
    if spec.staging_root is not None:
        with closing(StagingArea(spec)) as staging:
            staging.check()


def _check_server(session: Session) -> None:
    [(version,)] = session.query("SHOW server_version_num")
    major = int(version) // 10_000
    if major < OLDEST_POSTGRESQL:
        msg = (
            f"the warehouse is PostgreSQL {major}, which has no MERGE; "
            f"use {OLDEST_POSTGRESQL} or later"
        )
        raise WarehouseError(msg)


def _check_schema(session: Session, spec: WarehouseSpec) -> None:
    if not schema_exists(session, spec.schema):
        msg = f"the warehouse has no schema {spec.schema}; {_MIGRATE}"
        raise WarehouseError(msg)
    [(user, may_use)] = session.query(
        f"SELECT current_user, HAS_SCHEMA_PRIVILEGE('{spec.schema}', 'usage')"
    )
    if not may_use:
        msg = f"{user} has no rights on the warehouse's schema {spec.schema}; GRANT USAGE on it"
        raise WarehouseError(msg)


def _check_version(session: Session, spec: WarehouseSpec) -> None:
    current, newest = current_version(session, spec.schema), newest_version(spec.dialect)
    if current == 0:
        msg = f"the warehouse's schema {spec.schema} has no tables of ours; {_MIGRATE}"
        raise WarehouseError(msg)
    if current < newest:
        msg = (
            f"the warehouse's schema {spec.schema} has version {current}, and this release needs "
            f"{newest}; {_MIGRATE}"
        )
        raise WarehouseError(msg)
    refuse_newer(current, spec)


def _check_tables(session: Session, spec: WarehouseSpec) -> None:
    changes = ("select", "insert", "update") + ("delete",) * (spec.dialect == "redshift")
    needed = [(warehouse_name(table), right) for table in WAREHOUSE_TABLES for right in changes]
    needed.append((LOAD_LEDGER, "insert"))
    answers = ", ".join(
        f"HAS_TABLE_PRIVILEGE('{spec.schema}.{name}', '{right}')" for name, right in needed
    )
    [(user, may_stage, *granted)] = session.query(
        f"SELECT current_user, HAS_DATABASE_PRIVILEGE(current_database(), 'temp'), {answers}"
    )
    lacking = [
        f"{right} on {name}" for (name, right), has in zip(needed, granted, strict=True) if not has
    ]
    if not may_stage:
        lacking.insert(0, "temp on the database")
    if lacking:
        grants = ", ".join(lacking)
        msg = f"{user} lacks rights in the warehouse's schema {spec.schema}: GRANT {grants}"
        raise WarehouseError(msg)
