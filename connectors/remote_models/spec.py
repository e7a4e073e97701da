"""Which remote model, and how it is asked: what the settings say, in one plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from udfs.models.contract import ModelSpec, Prior

ServiceName = Literal["sagemaker", "comprehend", "bedrock"]
AudioContentType = Literal["audio/wav", "application/octet-stream"]


@dataclass(frozen=True)
class RemoteSpec:
    """Pickled into the workers."""

    service: ServiceName
    region: str
    name: str = ""
    """SageMaker's endpoint, Bedrock's model id."""
    variant: str | None = None
    """SageMaker's target variant; None: by the endpoint's own weights."""
    content_type: AudioContentType = "audio/wav"
    """How SageMaker gets a window."""
    inputs_per_call: int = 1
    """Windows or utterances that SageMaker gets together."""
    prompt: str = ""
    """What Bedrock's model is told to do."""
    label_map: Mapping[str, str] | None = None
    training_prior: Prior | None = None
    operating_prior: Prior | None = None
    concurrency: int = 64
    """Calls in flight."""
    time_limit_s: float = 10.0
    """From a window's or utterance's turn until it is given up, retries included."""
    retries: int = 3
    breaker_failures: int = 20
    breaker_open_s: float = 10.0
    price_input: float = 0.0
    """US dollars for a million calls (SageMaker), units (Comprehend), input tokens (Bedrock)."""
    price_output: float = 0.0
    """US dollars for a million output tokens (Bedrock)."""


@dataclass(frozen=True)
class BackendSpec:
    """Who scores one modality: the remote model, and the local one where that fails.

    Either alone scores alone; with neither the modality is left out.
    """

    remote: RemoteSpec | None = None
    local: ModelSpec | None = None
