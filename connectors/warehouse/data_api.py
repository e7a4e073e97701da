"""The Redshift Data API: statements by HTTP, without a connection to hold.

What went wrong is told in our own words. Redshift's text may quote a row, so of it only a code, the
number of the statement in its batch and names of database objects are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from connectors.warehouse.contract import WarehouseError, WarehouseSpec

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2.0, 5.0
MAX_STATEMENTS = 40
"""In one batch, which is one transaction."""

Failure = Literal["throttled", "unavailable", "unknown", "refused"]

_URL = re.compile(r"redshift://(cluster|workgroup)/([a-z0-9-]{1,64})/(\w[\w.$-]{0,126})", re.ASCII)
_THROTTLED = frozenset(
    {
        "ThrottlingException",
        "TooManyRequestsException",
        "ActiveStatementsExceededException",
        "ActiveSessionsExceededException",
    }
)
_SERVER_ERRORS = 500

_NAME = r'"?([\w.$-]{1,127})"?'
_KNOWN_ERRORS = tuple(
    (re.compile(pattern), wording)
    for pattern, wording in (
        (r"1023\b", "1023, serializable isolation violation"),
        (rf"permission denied for (?:schema|relation|table|database) {_NAME}", "no rights on {}"),
        (
            rf"(?i:relation|table|view|schema|database|user|role) {_NAME} does not exist",
            "there is no {}",
        ),
        (r"syntax error\b", "syntax error"),
        (r"Found multiple matches\b", "more than one row of the source matches"),
        (r"Unmatched number of columns\b", "the object's columns are not the table's"),
        (r"Spectrum Scan Error\b", "the object's types do not fit the table"),
        (r"S3ServiceException\b", "the staged object could not be read from S3"),
        (r"The specified S3 prefix\b", "the staged object is not there"),
    )
)
_PREFIX = re.compile(r"(?:Query #(\d+) failed with )?(?:ERROR|FATAL): *")


class DataApiError(Exception):
    """The service did not do what it was asked; the text has nothing of the request in it."""

    def __init__(self, failure: Failure, what: str) -> None:
        super().__init__(what)
        self.failure: Failure = failure
        """``throttled`` and ``unavailable`` pass; ``unknown``: nobody knows the statement's id."""


@dataclass(frozen=True, slots=True)
class StatementState:
    """How far a statement is."""

    status: Literal["SUBMITTED", "PICKED", "STARTED", "FINISHED", "FAILED", "ABORTED"]
    reason: str | None = None
    """Why it failed, in a few words of ours."""

    @property
    def is_running(self) -> bool:
        return self.status in ("SUBMITTED", "PICKED", "STARTED")

    @property
    def end(self) -> str:
        """How it ended, as the end of a sentence about it."""
        how = {"FINISHED": "finished", "FAILED": "failed", "ABORTED": "was aborted"}[self.status]
        return f"{how}: {self.reason}" if self.reason else how


class DataApi:
    """The Data API of one database."""

    def __init__(self, spec: WarehouseSpec, max_attempts: int) -> None:
        """Make a client; nothing is asked yet.

        Args:
            spec: which cluster or workgroup, which database, and as whom.
            max_attempts: of each request; between them botocore waits a second or two at most.

        Raises:
            WarehouseError: the URL or who we are cannot be.
        """
        self.target = _target(spec)
        """What every statement's request says about where and as whom."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": max_attempts},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        self._client: Any = boto3.client(
            "redshift-data", region_name=spec.region, endpoint_url=spec.endpoint, config=config
        )

    def begin_batch(self, statements: list[str], token: str | None = None) -> str:
        """Begin a transaction; its id. The same token begins it once and gives the same id.

        Raises:
            DataApiError: it was not begun, or the answer was lost.
        """
        request: dict[str, Any] = {"Sqls": statements, **self.target}
        if token is not None:
            request["ClientToken"] = token
        with _explained():
            return str(self._client.batch_execute_statement(**request)["Id"])

    def begin_query(self, statement: str) -> str:
        """Begin one statement that has a result; its id.

        Raises:
            DataApiError: it was not begun, or the answer was lost.
        """
        with _explained():
            return str(self._client.execute_statement(Sql=statement, **self.target)["Id"])

    def state(self, statement_id: str) -> StatementState:
        """How far a statement is now.

        Raises:
            DataApiError: that could not be learnt.
        """
        with _explained():
            described = self._client.describe_statement(Id=statement_id)
        error = described.get("Error")
        return StatementState(described["Status"], reason_of(error) if error else None)

    def result_pages(self, statement_id: str) -> Iterator[dict[str, Any]]:
        """The pages of a finished statement's result.

        Raises:
            DataApiError: they could not be had.
        """
        with _explained():
            yield from self._client.get_paginator("get_statement_result").paginate(Id=statement_id)

    def close(self) -> None:
        self._client.close()


def reason_of(error: str) -> str:
    """Why a statement failed, from Redshift's text: known words and names, never a value."""
    prefix = _PREFIX.match(error)
    text = error[prefix.end() :] if prefix else error
    what = "failed for a reason that the cluster's log tells"
    for pattern, wording in _KNOWN_ERRORS:
        if found := pattern.match(text):
            what = wording.format(*found.groups())
            break
    return f"statement {prefix[1]}: {what}" if prefix and prefix[1] else what


def _target(spec: WarehouseSpec) -> dict[str, str]:
    parts = _URL.fullmatch(spec.url)
    if parts is None:
        msg = (
            "the warehouse's URL is not Redshift's; "
            "use redshift://cluster/NAME/DATABASE or redshift://workgroup/NAME/DATABASE"
        )
        raise WarehouseError(msg)
    kind, name, database = parts.groups()
    if spec.db_user and spec.secret_arn:
        msg = "the warehouse has both a database user and a secret; set one of them"
        raise WarehouseError(msg)
    if kind == "workgroup" and spec.db_user:
        msg = "a workgroup derives its database user from the role; set a secret or nothing"
        raise WarehouseError(msg)
    identifier = "ClusterIdentifier" if kind == "cluster" else "WorkgroupName"
    target = {
        identifier: name,
        "Database": database,
        "DbUser": spec.db_user,
        "SecretArn": spec.secret_arn,
    }
    return {key: value for key, value in target.items() if value is not None}


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _told(error) from None
    except (HTTPClientError, NoConnectionError) as error:
        what = f"the Data API cannot be reached ({type(error).__name__})"
        raise DataApiError("unavailable", what) from None
    except BotoCoreError as error:
        what = f"the Data API cannot be asked ({type(error).__name__})"
        raise DataApiError("refused", what) from None


def _told(error: ClientError) -> DataApiError:
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _THROTTLED:
        return DataApiError("throttled", "the Data API is throttled")
    if status >= _SERVER_ERRORS:
        return DataApiError("unavailable", f"the Data API is unavailable ({code})")
    if code == "ResourceNotFoundException":
        return DataApiError("unknown", "the statement is not known")
    if "endpoint doesn't exist" in str(said.get("Message", "")):
        return DataApiError(
            "refused", "no such cluster or workgroup in this region, or it is paused"
        )
    return DataApiError("refused", f"the Data API refused ({code})")
