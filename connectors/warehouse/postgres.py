"""PostgreSQL ≥ 15 as a warehouse: its connections, and the thread that loads.

A load is one transaction under REPEATABLE READ (``postgres_load``): of two loads that touch the
same row at once, the second is refused (and tried again), so that neither can put an older row over
a newer one.

The password is libpq's affair (``PGPASSWORD``, ``PGPASSFILE``, ``~/.pgpass``), never the url's.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from connectors.warehouse.contract import (
    Batch,
    LoadError,
    WarehouseError,
    WarehouseSpec,
)
from connectors.warehouse.postgres_errors import Address, cannot_connect, reason, statement_failed
from connectors.warehouse.postgres_load import load_batch

# A server that is gone is noticed within a minute, not after the two hours of the kernel's default.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
_SESSION = (
    # A transaction whose client is gone must not hold its rows' locks.
    b"SET idle_in_transaction_session_timeout = '60s'",
    b"SET work_mem = '64MB'",
)


class PostgresSession:
    """Statements for people's commands; connects when first asked, and again after a loss."""

    def __init__(self, spec: WarehouseSpec) -> None:
        """Raises ``WarehouseError``: the url is none, or holds a password."""
        self._connection = _Connection(spec.url)

    def execute(self, statements: list[str]) -> None:
        try:
            connection = self._connection.get()
            with connection.transaction():
                for statement in statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise statement_failed(error) from None

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.get().execute(statement.encode()).fetchall()
        except psycopg.Error as error:
            raise statement_failed(error) from None

    def close(self) -> None:
        self._connection.close()


class PostgresWarehouse:
    """Loads batches on a thread of its own, one after the other."""

    def __init__(self, spec: WarehouseSpec) -> None:
        """Raises ``WarehouseError``: the url is none, or holds a password."""
        self._schema = spec.schema
        self._connection = _Connection(spec.url)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warehouse-load")
        self._loads: dict[str, Future[None]] = {}

    def submit(self, batch: Batch, attempt: int) -> str:
        statement_id = f"{batch.batch_id}-{attempt}"
        if statement_id not in self._loads:
            self._loads[statement_id] = self._thread.submit(self._load, batch)
        return statement_id

    def is_loaded(self, batch: Batch, statement_id: str) -> bool:
        load = self._loads.get(statement_id)
        if load is None:
            msg = "PostgreSQL: a load of another process; whether it came to its end is not known"
            raise LoadError(msg)
        if not load.done():
            return False
        del self._loads[statement_id]
        load.result()
        return True

    def close(self) -> None:
        """A load that is on its way is cancelled; the transaction leaves nothing."""
        self._connection.cancel()
        self._thread.shutdown(cancel_futures=True)
        self._connection.close()

    def _load(self, batch: Batch) -> None:
        try:
            connection = self._connection.get()
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                load_batch(connection, batch, self._schema)
        except WarehouseError as error:
            raise LoadError(str(error)) from None
        except psycopg.Error as error:
            raise LoadError(reason(error)) from None


class _Connection:
    """One connection, made when it is needed and made anew when it broke."""

    def __init__(self, url: str) -> None:
        self._address = _address(url)
        self._open: psycopg.Connection[Any] | None = None

    def get(self) -> psycopg.Connection[Any]:
        """Raises ``WarehouseError``: there is none to be had."""
        if self._open is None or self._open.closed:
            try:
                self._open = psycopg.connect(**_PATIENCE | self._address, autocommit=True)
                for setting in _SESSION:
                    self._open.execute(setting)
            except psycopg.Error as error:
                raise cannot_connect(error, self._address) from None
        return self._open

    def cancel(self) -> None:
        if self._open is not None and not self._open.closed:
            with suppress(psycopg.OperationalError):  # nobody is there who could go on with it
                self._open.cancel_safe(timeout=_PATIENCE["connect_timeout"])

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


def _address(url: str) -> Address:
    try:
        address = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        msg = (
            "the warehouse's url is not a PostgreSQL url; use postgresql://user@host:port/database"
        )
        raise WarehouseError(msg) from None
    if address.pop("password", None):
        msg = "the warehouse's url holds a password; leave it out and set PGPASSWORD or ~/.pgpass"
        raise WarehouseError(msg)
    return address
