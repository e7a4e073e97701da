"""Statements from SUBMITTED to their end, each on a thread and in a session of its own.

A batch is one transaction under snapshot isolation, Redshift's default. What ends a statement is
what Redshift would say, or a fault that a test asked for.
"""

from __future__ import annotations

import base64
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import boto3
import psycopg
from psycopg import errors, sql
from psycopg.types.string import TextLoader
from sqlglot import exp

from connectors.warehouse.embedded import embedded_postgres
from tests.aws_servers.redshift_data.faults import CONFLICT, Faults
from tests.aws_servers.redshift_data.grammar import SqlError, parsed
from tests.aws_servers.redshift_data.parquet_copy import copy_parquet
from tests.aws_servers.redshift_data.translation import postgresql

Status = Literal["SUBMITTED", "PICKED", "STARTED", "FINISHED", "FAILED", "ABORTED"]
ENDED = frozenset({"FINISHED", "FAILED", "ABORTED"})
SESSION = (
    "-c timezone=UTC -c default_transaction_isolation=repeatable\\ read -c synchronous_commit=off"
)
RESUMING_POLL_S = 0.02
TYPE_NAMES = {"text": "varchar", "name": "varchar", "bytea": "varbyte", "bpchar": "char"}
GONE = "ERROR: terminating connection due to administrator command"


class UnknownStatementError(Exception):
    """No statement has this id."""


class TokenReusedError(Exception):
    """A client's token came again with another request."""


@dataclass
class Part:
    """One SQL text of a statement."""

    sql: str
    status: Status = "SUBMITTED"
    error: str | None = None
    columns: list[dict[str, Any]] | None = None
    """Of its result; None without one."""
    records: list[list[dict[str, Any]]] = field(default_factory=list)
    num_rows: int = -1


@dataclass
class Statement:
    """What one request asked to run."""

    request: dict[str, Any]
    parts: list[Part]
    is_batch: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = "SUBMITTED"
    error: str | None = None
    created_s: float = field(default_factory=time.time)
    updated_s: float = field(default_factory=time.time)

    def turn(self, status: Status, error: str | None = None) -> None:
        self.error, self.status, self.updated_s = error, status, time.time()


class _DiedError(Exception):
    """The cluster died under a statement; whether anybody remembers the statement."""

    def __init__(self, *, remembered: bool) -> None:
        super().__init__()
        self.remembered = remembered


class Redshift:
    """The statements of one cluster (which is a workgroup as well) with one database."""

    def __init__(
        self,
        folder: Path,
        name: str = "calls",
        database: str = "calls",
        s3_endpoint: str | None = None,
    ) -> None:
        """Take a folder for the data.

        Args:
            folder: of PostgreSQL; what an earlier run left there is there again.
            name: the cluster's, which is the workgroup's too.
            database: the one database's.
            s3_endpoint: where COPY reads; None: where ``AWS_ENDPOINT_URL_S3`` says.
        """
        self.name, self.database = name, database
        self._s3_endpoint = s3_endpoint
        self.faults = Faults()
        self.executed: list[str] = []
        """Every SQL text that ran to its end, committed or not, in order."""
        self._folder = folder
        self._lock = threading.RLock()
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[str, str] = {}
        self._connections: dict[str, psycopg.Connection[Any]] = {}

    @contextmanager
    def running(self) -> Iterator[Redshift]:
        """The cluster, while it is up."""
        with embedded_postgres(self._folder) as self._uri:
            yield self

    # --- what the wire asks ----------------------------------------------------------------------

    def submit(self, sqls: list[str], request: dict[str, Any], *, is_batch: bool) -> Statement:
        """Begin a statement, or find the one that this token began.

        Raises:
            TokenReusedError: the token belongs to another request.
        """
        token = request.get("ClientToken") or str(uuid.uuid4())
        with self._lock:
            if token in self._tokens:
                earlier = self._statements[self._tokens[token]]
                if earlier.request != request:
                    raise TokenReusedError
                return earlier
            statement = Statement(request, [Part(text) for text in sqls], is_batch)
            self._statements[statement.id] = statement
            self._tokens[token] = statement.id
        threading.Thread(target=self._run, args=(statement,), daemon=True).start()
        return statement

    def find(self, statement_id: str) -> Statement:
        """A statement by its id, or by that of one of its parts.

        Raises:
            UnknownStatementError: there is none.
        """
        with self._lock:
            try:
                return self._statements[statement_id.partition(":")[0]]
            except KeyError:
                raise UnknownStatementError(statement_id) from None

    def cancel(self, statement_id: str) -> bool:
        """Abort a statement that runs; False if none does."""
        statement = self.find(statement_id)
        with self._lock:
            if statement.status in ENDED:
                return False
            statement.turn("ABORTED")
            connection = self._connections.get(statement.id)
        if connection is not None:
            connection.cancel_safe()
        return True

    def create_user(self, name: str) -> None:
        """A database user without rights, to be named by ``DbUser``."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))

    def take(
        self, fault: Literal["throttled_requests", "expired_requests", "lost_answers"]
    ) -> bool:
        """Whether a request meets this fault; counts it down."""
        with self._lock:
            left: int = getattr(self.faults, fault)
            setattr(self.faults, fault, max(0, left - 1))
        return left > 0

    # --- a statement's life ----------------------------------------------------------------------

    def _run(self, statement: Statement) -> None:
        while self.faults.resuming and statement.status not in ENDED:
            time.sleep(RESUMING_POLL_S)
        self._turn(statement, "PICKED")
        try:
            with self._session(statement) as connection:
                self._turn(statement, "STARTED")
                for number, part in enumerate(statement.parts, 1):
                    self._run_part(statement, connection, part, number)
                self._commit(statement, connection)
        except SqlError as error:
            self._turn(statement, "FAILED", str(error))
        except psycopg.Error as error:
            self._turn(statement, "FAILED", _redshift_text(error))
        except _DiedError as died:
            self._turn(statement, "FAILED", GONE)
            if not died.remembered:
                self._forget(statement)

    @contextmanager
    def _session(self, statement: Statement) -> Iterator[psycopg.Connection[Any]]:
        if statement.request["Database"] != self.database:
            msg = f'FATAL: database "{statement.request["Database"]}" does not exist'
            raise SqlError(msg)
        connection = psycopg.connect(self._uri, options=SESSION, autocommit=True)
        try:
            if user := statement.request.get("DbUser"):
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(user)))
            for name in ("timestamp", "timestamptz", "date", "numeric"):
                connection.adapters.register_loader(name, TextLoader)
            connection.autocommit = False
            self._connections[statement.id] = connection
            yield connection
        finally:
            self._connections.pop(statement.id, None)
            connection.close()

    def _run_part(
        self, statement: Statement, connection: psycopg.Connection[Any], part: Part, number: int
    ) -> None:
        part.status = "STARTED"
        try:
            self._execute(connection, part)
        except (SqlError, psycopg.Error) as error:
            text = str(error) if isinstance(error, SqlError) else _redshift_text(error)
            part.status, part.error = "FAILED", text
            for later in statement.parts[number:]:
                later.status = "ABORTED"
            msg = f"Query #{number} failed with {text}" if statement.is_batch else text
            raise SqlError(msg) from error
        part.status = "FINISHED"
        self.executed.append(part.sql)

    def _execute(self, connection: psycopg.Connection[Any], part: Part) -> None:
        tree = parsed(part.sql)
        if isinstance(tree, exp.Merge):
            self._die_if_asked(connection)
        if isinstance(tree, exp.Copy):
            part.num_rows = copy_parquet(connection, tree, self._s3)
            return
        with connection.cursor() as cursor:
            cursor.execute(postgresql(part.sql, tree).encode())
            part.num_rows = cursor.rowcount
            if cursor.description is not None:
                part.columns = [_column(cursor, index) for index in range(len(cursor.description))]
                part.records = [[_field(value) for value in row] for row in cursor]
        if isinstance(tree, exp.TruncateTable):
            connection.commit()  # "TRUNCATE commits the transaction in which it is run"

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3", region_name="us-east-1", endpoint_url=self._s3_endpoint)

    def _die_if_asked(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            how, self.faults.dies_before_merge = self.faults.dies_before_merge, "no"
        if how == "no":
            return
        if how == "exits":
            os._exit(137)
        connection.close()
        raise _DiedError(remembered=how == "fails")

    def _commit(self, statement: Statement, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            if statement.status in ENDED:
                return
            if self.faults.failing_statements:
                raise SqlError(self.faults.failing_statements.pop(0))
            connection.commit()
            statement.turn("FINISHED")

    def _turn(self, statement: Statement, status: Status, error: str | None = None) -> None:
        with self._lock:
            if statement.status not in ENDED:
                statement.turn(status, error)

    def _forget(self, statement: Statement) -> None:
        with self._lock:
            del self._statements[statement.id]
            self._tokens = {
                token: known for token, known in self._tokens.items() if known != statement.id
            }


def _redshift_text(error: psycopg.Error) -> str:
    """What Redshift says for what PostgreSQL found; like Redshift, it may quote data."""
    match error:
        case errors.SerializationFailure():
            return CONFLICT
        case errors.CardinalityViolation():
            return "ERROR: Found multiple matches to update the same tuple."
    detail = f"\n  Detail: {error.diag.message_detail}" if error.diag.message_detail else ""
    return f"ERROR: {error.diag.message_primary or error}{detail}"


def _column(cursor: psycopg.Cursor[Any], index: int) -> dict[str, Any]:
    column = cursor.description[index]  # type: ignore[index]
    known = psycopg.adapters.types.get(column.type_code)
    type_name = known.name if known else "varchar"
    return {
        "name": column.name,
        "label": column.name,
        "typeName": TYPE_NAMES.get(type_name, type_name),
        "nullable": 1,
        "precision": column.precision or 0,
        "scale": column.scale or 0,
        "length": 0,
    }


def _field(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
        case bytes():
            return {"blobValue": base64.b64encode(value).decode()}
        case _:
            return {"stringValue": str(value)}
