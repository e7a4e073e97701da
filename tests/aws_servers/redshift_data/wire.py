"""The Data API's wire protocol: AWS JSON 1.1, by the service model that botocore ships.

Any signature is accepted, none is checked. Limits are those of "Considerations when calling the
Amazon Redshift Data API": 40 statements a batch, 100 KB of SQL (of a batch: all of its texts
together, the stricter reading). Beside the protocol, ``/_faults`` takes (PUT) and shows (GET) what
goes wrong, as JSON of ``Faults``; fields that are left out stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from pydantic import ValidationError

from tests.aws_servers.http_server import Handler, Server, running
from tests.aws_servers.redshift_data.faults import Faults
from tests.aws_servers.redshift_data.statements import (
    Part,
    Redshift,
    Statement,
    TokenReusedError,
    UnknownStatementError,
)

MAX_STATEMENTS, MAX_SQL_BYTES, MAX_TOKEN = 40, 100 * 1024, 64
PAGE_ROWS = 1_000
NOT_HERE = (
    "Parameters",
    "SessionId",
    "SessionKeepAliveSeconds",
    "ExecutionMode",
    "WaitTimeSeconds",
    "WithEvent",
)
SERVER_ERRORS = frozenset({"InternalServerException", "ServiceUnavailable"})
TARGET = ("ClusterIdentifier", "WorkgroupName", "Database", "DbUser", "SecretArn")


class ApiError(Exception):
    """An error of the service: its name, its text, and members of its own."""

    def __init__(self, name: str, message: str, **members: str) -> None:
        super().__init__(message)
        self.name = name
        self.body = {"__type": name, "Message": message, "message": message, **members}


@cache
def _service_model() -> Any:
    return botocore.session.get_session().get_service_model("redshift-data")


class _Handler(Handler):
    server: _Http

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        if self.path == "/_faults":
            self._send(200, json.loads(self.server.redshift.faults.model_dump_json()))
        else:
            self._send(404, {})

    def do_PUT(self) -> None:  # noqa: N802 - http.server's name
        redshift = self.server.redshift
        asked = self.body()
        if self.path != "/_faults":
            return self._send(404, {})
        try:
            redshift.faults = Faults(**{**redshift.faults.model_dump(), **json.loads(asked)})
        except (ValidationError, TypeError, ValueError) as error:
            return self._send(400, {"error": str(error)})
        return self._send(200, json.loads(redshift.faults.model_dump_json()))

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        redshift = self.server.redshift
        body = self.body()
        if redshift.faults.down == "dropped":
            self.close_connection = True
            return
        try:
            answer = self._answer(body)
        except ApiError as error:
            status = 500 if error.name in SERVER_ERRORS else 400
            self._send(status, error.body, {"x-amzn-ErrorType": error.name})
            return
        if self._operation().endswith("ExecuteStatement") and redshift.take("lost_answers"):
            self.close_connection = True
            return
        self._send(200, answer)

    def _operation(self) -> str:
        return self.headers.get("X-Amz-Target", "").removeprefix("RedshiftData.")

    def _answer(self, body: bytes) -> dict[str, Any]:
        redshift = self.server.redshift
        if redshift.faults.down == "unavailable":
            raise ApiError("ServiceUnavailable", "Service is unavailable")
        if "/redshift-data/aws4_request" not in self.headers.get("Authorization", ""):
            raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
        if redshift.take("expired_requests"):
            message = "The security token included in the request is expired"
            raise ApiError("ExpiredTokenException", message)
        if redshift.take("throttled_requests"):
            raise ApiError("ThrottlingException", "Rate exceeded")
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ExecuteStatement": self._execute_statement,
            "BatchExecuteStatement": self._batch_execute_statement,
            "DescribeStatement": self._describe_statement,
            "GetStatementResult": self._get_statement_result,
            "CancelStatement": self._cancel_statement,
        }
        if self._operation() not in operations:
            raise ApiError("UnknownOperationException", f"{self._operation()} is not here")
        request = self._checked(body)
        try:
            return operations[self._operation()](request)
        except UnknownStatementError as error:
            raise ApiError(
                "ResourceNotFoundException", "Query does not exist.", ResourceId=str(error)
            ) from None

    def _checked(self, body: bytes) -> dict[str, Any]:
        try:
            request: dict[str, Any] = json.loads(body)
        except ValueError:
            raise ApiError("SerializationException", "not JSON") from None
        shape = _service_model().operation_model(self._operation()).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise ApiError("ValidationException", report.generate_report())
        if unknown := request.keys() & NOT_HERE or request.get("ResultFormat", "JSON") != "JSON":
            raise ApiError("ValidationException", f"this stand-in does not know {unknown}")
        return request

    # --- operations ------------------------------------------------------------------------------

    def _execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._submit([request["Sql"]], request, is_batch=False)

    def _batch_execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._submit(request["Sqls"], request, is_batch=True)

    def _submit(
        self, sqls: list[str], request: dict[str, Any], *, is_batch: bool
    ) -> dict[str, Any]:
        redshift = self.server.redshift
        if not 1 <= len(sqls) <= MAX_STATEMENTS:
            message = f"Sqls: Member must have length less than or equal to {MAX_STATEMENTS}"
            raise ApiError("ValidationException", message)
        if sum(len(text.encode()) for text in sqls) > MAX_SQL_BYTES:
            raise ApiError("ValidationException", "Query string is too long: more than 100 KB")
        if not 1 <= len(request.get("ClientToken", "-")) <= MAX_TOKEN:
            message = f"ClientToken: Member must have length between 1 and {MAX_TOKEN}"
            raise ApiError("ValidationException", message)
        if not request.get("Database"):
            raise ApiError("ValidationException", "Database is required")
        names = [request.get("ClusterIdentifier"), request.get("WorkgroupName")]
        if names.count(None) != 1:
            message = "Name one of ClusterIdentifier and WorkgroupName"
            raise ApiError("ValidationException", message)
        if redshift.name not in names or redshift.faults.paused:
            message = "Redshift endpoint doesn't exist in this region."
            raise ApiError("ValidationException", message)
        try:
            statement = redshift.submit(sqls, request, is_batch=is_batch)
        except TokenReusedError:
            message = "ClientToken was used with other parameters"
            raise ApiError("ValidationException", message) from None
        return {
            "Id": statement.id,
            "CreatedAt": statement.created_s,
            **_target(statement),
        }

    def _describe_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = self.server.redshift.find(request["Id"])
        described = {
            "Id": statement.id,
            "Status": statement.status,
            "CreatedAt": statement.created_s,
            "UpdatedAt": statement.updated_s,
            "Duration": _nanoseconds(statement),
            "RedshiftPid": 1_073_815_778,
            "RedshiftQueryId": -1,
            "HasResultSet": statement.parts[-1].columns is not None,
            **_target(statement),
        }
        if statement.error is not None:
            described["Error"] = statement.error
        if statement.is_batch:
            described["SubStatements"] = [
                {
                    "Id": f"{statement.id}:{number}",
                    "CreatedAt": statement.created_s,
                    "UpdatedAt": statement.updated_s,
                    **_described(part),
                }
                for number, part in enumerate(statement.parts, 1)
            ]
        else:
            described |= _described(statement.parts[0]) | {"Status": statement.status}
        return described

    def _get_statement_result(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = self.server.redshift.find(request["Id"])
        _, _, number = request["Id"].partition(":")
        part = statement.parts[int(number or 1) - 1]
        if statement.status != "FINISHED" or part.columns is None:
            message = (
                "Query does not have result. Please check query status with DescribeStatement."
            )
            raise ApiError("ResourceNotFoundException", message, ResourceId=request["Id"])
        first = int(request.get("NextToken") or 0)
        end = first + self.server.page_rows
        page: dict[str, Any] = {
            "Records": part.records[first:end],
            "ColumnMetadata": part.columns,
            "TotalNumRows": len(part.records),
        }
        return page | ({"NextToken": str(end)} if end < len(part.records) else {})

    def _cancel_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.server.redshift.cancel(request["Id"]):
            message = "Could not cancel a query that is already in a terminal state."
            raise ApiError("ValidationException", message)
        return {"Status": True}

    # --- all -------------------------------------------------------------------------------------

    def _send(
        self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self.send(status, json.dumps(answer).encode(), "application/x-amz-json-1.1", headers)


def _target(statement: Statement) -> dict[str, Any]:
    return {name: statement.request[name] for name in TARGET if name in statement.request}


def _nanoseconds(statement: Statement) -> int:
    return int((statement.updated_s - statement.created_s) * 1e9)


def _described(part: Part) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Status": part.status,
        "QueryString": part.sql,
        "HasResultSet": part.columns is not None,
        "ResultRows": part.num_rows,
        "ResultSize": len(json.dumps(part.records)) if part.columns else -1,
        "RedshiftQueryId": -1,
    }
    return described | ({"Error": part.error} if part.error else {})


class _Http(Server):
    def __init__(self, redshift: Redshift, port: int, page_rows: int) -> None:
        super().__init__(port, _Handler)
        self.redshift, self.page_rows = redshift, page_rows


@contextmanager
def serving(redshift: Redshift, port: int = 0, page_rows: int = PAGE_ROWS) -> Iterator[str]:
    """The server's URL while it runs."""
    with running(_Http(redshift, port, page_rows)) as url:
        yield url
