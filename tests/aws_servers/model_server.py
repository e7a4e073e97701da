"""SageMaker Runtime, Comprehend and Bedrock Runtime on a local port, in their own wire formats.

    python -m tests.aws_servers.model_server PORT LATENCY_MS

The probabilities follow from the content alone, so that a test knows them. What goes wrong, and
when, the test says: a fault for the n-th request. Error shapes are those of the service models that
botocore ships: ``x-amzn-errortype`` of rest-json, and ``__type`` of Comprehend's JSON 1.1.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from tests.aws_servers.http_server import Handler, Server, running
from udfs.models.contract import WINDOW_SAMPLES

Fault = Literal[
    "throttled", "unavailable", "hangs", "garbage", "refused", "model_error", "dropped", "partial"
]
HANG_S = 1.5
WINDOW_BYTES = 4 * WINDOW_SAMPLES
"""Of float32."""
SHARES = ("negative", "neutral", "positive")


@dataclass
class Request:
    number: int
    path: str
    headers: dict[str, str]
    body: bytes
    began_s: float = field(default_factory=time.monotonic)


def shares_of(content: bytes) -> tuple[float, float, float]:
    """Three probabilities that depend on every byte; none is likely to be neutral's alone."""
    parts = [1 + byte for byte in hashlib.sha256(content).digest()[:3]]
    return tuple(part / sum(parts) for part in parts)  # type: ignore[return-value]


def contents_of(body: bytes, content_type: str) -> list[bytes]:
    """The inputs of a SageMaker request, as our own container reads it."""
    if content_type == "application/json":
        inputs = json.loads(body)["inputs"]
        return [text.encode() for text in ([inputs] if isinstance(inputs, str) else inputs)]
    if content_type == "application/octet-stream":
        return [body[at : at + WINDOW_BYTES] for at in range(0, len(body), WINDOW_BYTES)]
    return [body]


@dataclass
class ModelServer:
    """Ask ``url``; look at ``requests``."""

    fault_of: Callable[[int], Fault | None] = lambda _: None
    latency_s: float = 0.0
    labels: tuple[str, str, str] = ("NEGATIVE", "NEUTRAL", "POSITIVE")
    endpoints: dict[str, str] = field(default_factory=lambda: {"calls": "blue"})
    """SageMaker's, each with its default variant."""
    answer: Callable[[bytes, str], bytes] | None = None
    """Serves SageMaker's requests in place of the probabilities of the content."""
    keep_requests: bool = True
    requests: list[Request] = field(default_factory=list)
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self._count = 0

    def enter(self, path: str, headers: dict[str, str], body: bytes) -> Request:
        with self._lock:
            request = Request(self._count, path, headers, body)
            self._count += 1
            if self.keep_requests:
                self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        return request

    def leave(self) -> None:
        with self._lock:
            self._in_flight -= 1


class _Handler(Handler):
    server: _Http

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        model = self.server.model
        body = self.body()
        request = model.enter(unquote(self.path), dict(self.headers.items()), body)
        try:
            if model.latency_s:
                time.sleep(model.latency_s)
            self._reply(request)
        finally:
            model.leave()

    def _reply(self, request: Request) -> None:
        fault = self.server.model.fault_of(request.number)
        if fault == "dropped":
            self.close_connection = True
            return
        if fault == "hangs":
            time.sleep(HANG_S)
        match request.path.strip("/").split("/"):
            case ["endpoints", name, "invocations"]:
                self._sagemaker(request, name, fault)
            case ["model", *_, "converse"]:
                self._bedrock(request, fault)
            case [""] if self.headers.get("X-Amz-Target", "").endswith(".BatchDetectSentiment"):
                self._comprehend(request, fault)
            case _:
                self._json(404, {"message": "no such operation"}, "UnknownOperationException")

    # --- SageMaker Runtime -----------------------------------------------------------------------

    def _sagemaker(self, request: Request, name: str, fault: Fault | None) -> None:
        model = self.server.model
        if name not in model.endpoints:
            message = f"Endpoint {name} of account 123456789012 not found."
            return self._json(400, {"message": message}, "ValidationError")
        if fault == "model_error":
            return self._json(424, {"OriginalStatusCode": 500, "Message": "failed"}, "ModelError")
        if self._failed(fault):
            return None
        variant = self.headers.get("X-Amzn-SageMaker-Target-Variant") or model.endpoints[name]
        content = request.body
        if model.answer is not None:
            answer = model.answer(content, self.headers["Content-Type"])
        else:
            contents = contents_of(content, self.headers["Content-Type"])
            said = [
                [
                    {"label": label, "score": score}
                    for label, score in zip(model.labels, shares_of(one), strict=True)
                ]
                for one in contents
            ]
            answer = json.dumps(said if len(said) > 1 else said[0]).encode()
        if fault == "garbage":
            answer = b"<html>what is this?"
        return self.send(
            200, answer, "application/json", {"x-Amzn-Invoked-Production-Variant": variant}
        )

    # --- Bedrock Runtime -------------------------------------------------------------------------

    def _bedrock(self, request: Request, fault: Fault | None) -> None:
        if fault == "model_error":
            return self._json(424, {"message": "failed"}, "ModelErrorException")
        if self._failed(fault):
            return None
        asked = json.loads(request.body)
        content = asked["messages"][0]["content"][0]["text"].encode()
        said = dict(zip(SHARES, shares_of(content), strict=True))
        block: dict[str, Any] = {
            "toolUse": {
                "toolUseId": "1",
                "name": asked["toolConfig"]["tools"][0]["toolSpec"]["name"],
                "input": said,
            }
        }
        if fault == "garbage":
            block = {"text": "I feel that this is neutral."}
        return self._json(
            200,
            {
                "output": {"message": {"role": "assistant", "content": [block]}},
                "stopReason": "tool_use",
                "usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110},
                "metrics": {"latencyMs": 1},
            },
        )

    # --- Comprehend ------------------------------------------------------------------------------

    def _comprehend(self, request: Request, fault: Fault | None) -> None:
        shapes: dict[Fault | None, tuple[int, str]] = {
            "throttled": (400, "ThrottlingException"),
            "unavailable": (500, "InternalServerException"),
            "refused": (400, "UnsupportedLanguageException"),
        }
        if fault in shapes:
            status, name = shapes[fault]
            return self._json(status, {"__type": name, "Message": name})
        if fault == "garbage":
            return self._json(200, {"ResultList": [{"Index": 0}], "ErrorList": []})
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for index, text in enumerate(json.loads(request.body)["TextList"]):
            negative, neutral, positive = shares_of(text.encode())
            mixed = min(negative, positive)  # half of it each
            if fault == "partial" and index % 2:
                errors.append({"Index": index, "ErrorCode": "INTERNAL_SERVER", "ErrorMessage": "x"})
                continue
            scores = {
                "Positive": positive - mixed / 2,
                "Negative": negative - mixed / 2,
                "Neutral": neutral,
                "Mixed": mixed,
            }
            results.append({"Index": index, "Sentiment": "MIXED", "SentimentScore": scores})
        return self._json(200, {"ResultList": results, "ErrorList": errors})

    # --- all -------------------------------------------------------------------------------------

    def _failed(self, fault: Fault | None) -> bool:
        shapes: dict[Fault | None, tuple[int, str]] = {
            "throttled": (429, "ThrottlingException"),
            "unavailable": (503, "ServiceUnavailable"),
            "refused": (403, "AccessDeniedException"),
        }
        if fault not in shapes:
            return False
        status, name = shapes[fault]
        self._json(status, {"message": name}, name)
        return True

    def _json(self, status: int, body: dict[str, Any], error: str | None = None) -> None:
        headers = {"x-amzn-errortype": error} if error else {}
        self.send(status, json.dumps(body).encode(), "application/json", headers)


class _Http(Server):
    def __init__(self, model: ModelServer, port: int) -> None:
        super().__init__(port, _Handler)
        self.model = model


@contextmanager
def serving(model: ModelServer, port: int = 0) -> Iterator[str]:
    """The server's URL while it runs."""
    with running(_Http(model, port)) as url:
        yield url


if __name__ == "__main__":
    port, latency_ms = map(int, sys.argv[1:])
    with serving(ModelServer(latency_s=latency_ms / 1_000, keep_requests=False), port):
        threading.Event().wait()
