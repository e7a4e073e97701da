"""One call before anything starts: is the model there, may we ask it, do we understand it?"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from connectors.remote_models.client import CallError
from connectors.remote_models.opening import TEXT_SERVICES
from connectors.remote_models.remote_scorer import Service
from connectors.remote_models.sagemaker import sagemaker_audio
from connectors.remote_models.spec import RemoteSpec
from udfs.models.contract import WINDOW_SAMPLES
from udfs.models.scorer import Text

_WORDS = "thank you"


def probe_audio(spec: RemoteSpec) -> None:
    """Ask about a silent window.

    Raises:
        CallError: why it cannot be used. Throttling is none of these: it shows that we may ask.
    """
    _probe(sagemaker_audio(spec), np.zeros(WINDOW_SAMPLES, dtype=np.float32), spec)


def probe_text(spec: RemoteSpec, language: str) -> None:
    """Ask about two harmless words.

    Raises:
        CallError: as ``probe_audio``.
    """
    _probe(TEXT_SERVICES[spec.service](spec), Text(_WORDS, language), spec)


def _probe(service: Service[Any], one: Any, spec: RemoteSpec) -> None:
    try:
        reply = service.ask([one], time.monotonic() + spec.time_limit_s)
    except CallError as error:
        if error.reason != "throttled":
            raise
        return
    finally:
        service.close()
    missing = reply.outcomes[0].missing
    if missing is not None:
        raise CallError("bad_answer", "what it says is no triple")
