"""boto3's client for many calls at once, each with its own deadline.

Retries are botocore's ``standard`` mode: exponential backoff with full jitter (up to 1 s, 2 s, 4 s
after throttling; from 50 ms after a failure), the service's Retry-After, and a quota that ends
retries where most calls fail. Not ``adaptive``: it adds one rate for all threads, cut by 30 % at
each throttling answer. With 64 calls in flight of 200 ms, 30 % of them throttled, ``standard``
brought 72 answers a second and ``adaptive`` 1.4 (``tests.bench.remote --only modes``); our calls in
flight are bounded already, and so is their rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from connectors.remote_models.spec import RemoteSpec
from udfs.models.scorer import ModelFailure

CONNECT_TIMEOUT_S = 5.0

_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "ServiceQuotaExceededException",
        "SlowDown",
    }
)
_MODEL_FAILED = frozenset({"ModelError", "ModelErrorException", "ModelStreamErrorException"})
_TIMED_OUT = frozenset({"ModelTimeoutException", "RequestTimeout", "RequestTimeoutException"})
_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT, _SERVER_ERRORS = 429, 408, 500


class CallError(Exception):
    """A call brought no answer; its text holds no content of the request."""

    def __init__(self, reason: ModelFailure, what: str, retries: int = 0) -> None:
        super().__init__(what)
        self.reason: ModelFailure = reason
        self.retries = retries


class DeadlinePassedError(Exception):
    """The next attempt would begin too late."""


class DeadlineClient:
    """A boto3 client whose calls begin no attempt after their deadline."""

    def __init__(self, service_name: str, spec: RemoteSpec) -> None:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": spec.retries + 1},
            max_pool_connections=spec.concurrency,
            connect_timeout=min(CONNECT_TIMEOUT_S, spec.time_limit_s),
            read_timeout=spec.time_limit_s,
            tcp_keepalive=True,
        )
        self._boto = boto3.client(service_name, region_name=spec.region, config=config)
        self._thread = threading.local()
        hyphenated = self._boto.meta.service_model.service_id.hyphenize()
        self._boto.meta.events.register(f"before-send.{hyphenated}", self._before_send)

    def call(self, operation: str, deadline_s: float, **request: Any) -> Any:
        """One call with its retries.

        Args:
            operation: boto3's method.
            deadline_s: by ``time.monotonic``.
            request: the method's arguments.

        Raises:
            CallError: there is no answer.
        """
        self._thread.deadline_s = deadline_s
        with explained():
            return getattr(self._boto, operation)(**request)

    def close(self) -> None:
        self._boto.close()

    def _before_send(self, **_: Any) -> None:
        if time.monotonic() >= self._thread.deadline_s:
            raise DeadlinePassedError


@contextmanager
def explained() -> Iterator[None]:
    """Turn boto3's errors into ours.

    Raises:
        CallError: any of them.
    """
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        metadata = error.response.get("ResponseMetadata", {})
        status = int(metadata.get("HTTPStatusCode", 0))
        reason = _reason(code, status)
        raise CallError(reason, f"{code} ({status})", metadata.get("RetryAttempts", 0)) from None
    except (ReadTimeoutError, ConnectTimeoutError, DeadlinePassedError) as error:
        raise CallError("timeout", type(error).__name__) from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CallError("refused", type(error).__name__) from None
    except BotoCoreError as error:
        raise CallError("unavailable", type(error).__name__) from None


def _reason(code: str, status: int) -> ModelFailure:
    if code in _THROTTLED or status == _TOO_MANY_REQUESTS:
        return "throttled"
    if code in _MODEL_FAILED:
        return "model_error"
    if code in _TIMED_OUT or status == _REQUEST_TIMEOUT:
        return "timeout"
    return "unavailable" if status >= _SERVER_ERRORS else "refused"
