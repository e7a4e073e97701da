"""Redshift: batches by staged objects and the Data API, statements of people's commands likewise.

    Batch ─► Parquet in S3 ─► BatchExecuteStatement (COPY … MERGE) ─► DescribeStatement … ─► loaded

Nothing here waits for Redshift but ``RedshiftSession``. A load is asked for with a token made of
its text and its attempt: the same attempt, asked again after a lost answer or a restart, is run
once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connectors.warehouse.contract import Batch, LoadError, WarehouseError, WarehouseSpec
from connectors.warehouse.data_api import MAX_STATEMENTS, DataApi, DataApiError
from connectors.warehouse.load_sql import redshift_load
from connectors.warehouse.staging import StagingArea
from udfs.events import LOAD_STATE_UNKNOWN

LOAD_ATTEMPTS, SESSION_ATTEMPTS = 2, 5
POLL_S, MAX_POLL_S = 0.01, 1.0
SESSION_TIMEOUT_S = 900.0


class RedshiftWarehouse:
    """Loads batches into Redshift (the contract's ``Warehouse``)."""

    def __init__(self, spec: WarehouseSpec) -> None:
        """Make clients; nothing is asked yet.

        Raises:
            WarehouseError: the specification cannot be.
        """
        self._spec = spec
        self._staging = StagingArea(spec)
        self._api = DataApi(spec, LOAD_ATTEMPTS)

    def submit(self, batch: Batch, attempt: int) -> str:
        """Stage a batch and begin its transaction; see the contract.

        Holds the caller for some 20 s at the very most: two requests, each of two attempts.

        Raises:
            LoadError: it could not be staged or begun.
        """
        statements = redshift_load(
            batch, self._spec.schema, self._staging.uri(batch), self._spec.copy_role_arn
        )
        self._staging.put(batch)
        try:
            return self._api.begin_batch(statements, self._token(statements, attempt))
        except DataApiError as error:
            msg = f"the load could not be begun: {error}"
            raise LoadError(msg) from None

    def is_loaded(self, batch: Batch, statement_id: str) -> bool:
        """Ask once; see the contract. The staged object goes when the batch is loaded.

        Where Redshift cannot be asked for a moment, the batch is taken to be on its way.

        Raises:
            LoadError: the transaction failed, or its id is not known, or we may not ask.
        """
        try:
            state = self._api.state(statement_id)
        except DataApiError as error:
            if error.failure in ("throttled", "unavailable"):
                LOAD_STATE_UNKNOWN.log(failure=error.failure)
                return False
            msg = f"the load's state is not to be had: {error}"
            raise LoadError(msg) from None
        if state.is_running:
            return False
        if state.status != "FINISHED":
            msg = f"the load {state.end}"
            raise LoadError(msg)
        self._staging.delete(batch)
        return True

    def close(self) -> None:
        self._api.close()
        self._staging.close()

    def _token(self, statements: list[str], attempt: int) -> str:
        text = "\0".join([*self._api.target.values(), *statements, str(attempt)])
        return hashlib.sha256(text.encode()).hexdigest()  # 64 characters, the most there may be


class RedshiftSession:
    """Statements for people's commands (the contract's ``Session``)."""

    def __init__(self, spec: WarehouseSpec) -> None:
        """Make a client; nothing is asked yet.

        Raises:
            WarehouseError: the specification cannot be.
        """
        self._api = DataApi(spec, SESSION_ATTEMPTS)

    def execute(self, statements: list[str]) -> None:
        """Run up to 40 statements as one transaction, and wait for its end.

        Raises:
            WarehouseError: one failed and none has an effect, or there are too many.
        """
        if len(statements) > MAX_STATEMENTS:
            msg = (
                f"{len(statements)} statements in one transaction; "
                f"the Data API takes {MAX_STATEMENTS}, split them"
            )
            raise WarehouseError(msg)
        try:
            self._wait(self._api.begin_batch(statements))
        except DataApiError as error:
            raise WarehouseError(str(error)) from None

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT, all pages of them.

        Values are int, float, bool, str, bytes, None; NUMERIC is a Decimal, DATE a date, and
        TIMESTAMP (which holds UTC) like TIMESTAMPTZ an aware datetime in UTC.

        Raises:
            WarehouseError: it failed.
        """
        try:
            statement_id = self._api.begin_query(statement)
            self._wait(statement_id)
            return [row for page in self._api.result_pages(statement_id) for row in _rows_of(page)]
        except DataApiError as error:
            raise WarehouseError(str(error)) from None

    def close(self) -> None:
        self._api.close()

    def _wait(self, statement_id: str) -> None:
        give_up_s = time.monotonic() + SESSION_TIMEOUT_S
        pause_s = POLL_S
        while (state := self._api.state(statement_id)).is_running:
            if time.monotonic() > give_up_s:
                msg = f"no end after {SESSION_TIMEOUT_S:.0f} s; statement {statement_id} goes on"
                raise WarehouseError(msg)
            time.sleep(pause_s)
            pause_s = min(MAX_POLL_S, 1.5 * pause_s)
        if state.status != "FINISHED":
            msg = f"Redshift: the transaction {state.end}"
            raise WarehouseError(msg)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "timestamp": _instant,
    "timestamptz": _instant,
    "date": date.fromisoformat,
    "numeric": Decimal,
}


def _rows_of(page: dict[str, Any]) -> list[tuple[Any, ...]]:
    types = [column.get("typeName", "") for column in page["ColumnMetadata"]]
    return [
        tuple(_value(field, kind) for field, kind in zip(record, types, strict=True))
        for record in page["Records"]
    ]


def _value(field: dict[str, Any], type_name: str) -> Any:
    ((kind, value),) = field.items()
    if kind == "isNull":
        return None
    return _PARSERS[type_name](value) if kind == "stringValue" and type_name in _PARSERS else value
