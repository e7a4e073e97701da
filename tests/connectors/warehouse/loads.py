"""Waiting for a load."""

from __future__ import annotations

import time

from connectors.warehouse.contract import Batch, Warehouse


def load(warehouse: Warehouse, batch: Batch, attempt: int = 0) -> None:
    """Load a batch and wait for its end; raises ``LoadError`` as the warehouse does."""
    wait(warehouse, batch, warehouse.submit(batch, attempt))


def wait(warehouse: Warehouse, batch: Batch, statement_id: str) -> None:
    while not warehouse.is_loaded(batch, statement_id):
        time.sleep(0.002)
