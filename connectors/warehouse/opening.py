"""The classes of a warehouse's dialect; what the other needs is not loaded."""

from __future__ import annotations

from connectors.warehouse.contract import Session, Warehouse, WarehouseSpec


def open_session(spec: WarehouseSpec) -> Session:
    """For people's commands.

    Raises:
        WarehouseError: the spec cannot be right; whether anybody answers shows when asked.
    """
    if spec.dialect == "postgresql":
        from connectors.warehouse.postgres import PostgresSession  # noqa: PLC0415

        return PostgresSession(spec)
    from connectors.warehouse.redshift import RedshiftSession  # noqa: PLC0415

    return RedshiftSession(spec)


def open_warehouse(spec: WarehouseSpec) -> Warehouse:
    """For the job.

    Raises:
        WarehouseError: the spec cannot be right; whether anybody answers shows when asked.
    """
    if spec.dialect == "postgresql":
        from connectors.warehouse.postgres import PostgresWarehouse  # noqa: PLC0415

        return PostgresWarehouse(spec)
    from connectors.warehouse.redshift import RedshiftWarehouse  # noqa: PLC0415

    return RedshiftWarehouse(spec)
