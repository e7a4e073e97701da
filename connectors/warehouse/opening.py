"""Opens a warehouse by its dialect."""

from __future__ import annotations

from connectors.warehouse.contract import Warehouse, WarehouseSpec


def open_warehouse(spec: WarehouseSpec) -> Warehouse:
    """A warehouse that loads.

    Raises:
        ImportError: none is written yet.
    """
    raise ImportError(spec.dialect)
