"""S3 on moto, with a door that can be shut: to the job it then answers 503 to everything.

Two ports lead to the same bucket. The job gets the one with the door; whoever judges the rows
looks through the other, also while the job's S3 is down.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from connectors.object_store import ENDPOINT_VARIABLE

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_Application = Callable[..., Iterable[bytes]]
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class ObjectStore:
    """A running S3 with one bucket; leaving the context ends both.

    moto keeps one S3 a process, in which the next of this name would else find this one's objects.
    """

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._is_down = threading.Event()
        buckets = DomainDispatcherApplication(create_backend_app)
        self._servers = [_serve(buckets), _serve(self._with_door(buckets))]
        self.judges_environment, self.environment = (
            {**_CREDENTIALS, ENDPOINT_VARIABLE: f"http://127.0.0.1:{server.server_port}"}
            for server in self._servers
        )

    def __enter__(self) -> Self:
        with environment_of(self.judges_environment):
            boto3.client("s3").create_bucket(Bucket=self.bucket)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with environment_of(self.judges_environment):
            bucket = boto3.resource("s3").Bucket(self.bucket)
            bucket.objects.all().delete()
            bucket.delete()
        for server in self._servers:
            server.shutdown()

    def shut(self) -> None:
        """From now on the job gets 503."""
        self._is_down.set()

    def open(self) -> None:
        self._is_down.clear()

    def _with_door(self, buckets: _Application) -> _Application:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if not self._is_down.is_set():
                return buckets(environ, start_response)
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [_SLOW_DOWN]

        return answer


class _Quiet(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Nothing: a run makes thousands."""


def _serve(application: Any) -> BaseWSGIServer:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="S3", daemon=True).start()
    return server


@contextmanager
def environment_of(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables for this process, such as where it sees S3, and no longer than needed."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
