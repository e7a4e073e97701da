"""The AWS server of a test, found as botocore finds any: by environment variables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.aws_servers.model_server import ModelServer, serving


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModelServer], str]:
    """Start a server and point every service's client at it."""
    running = []

    def start(model: ModelServer) -> str:
        context = serving(model)
        url = context.__enter__()
        running.append(context)
        for service in ("SAGEMAKER_RUNTIME", "COMPREHEND", "BEDROCK_RUNTIME"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        return url

    yield start
    for context in running:
        context.__exit__(None, None, None)
