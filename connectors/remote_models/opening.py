"""From what the settings say to scorers, in the worker that will use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from connectors.remote_models.bedrock import Bedrock
from connectors.remote_models.comprehend import Comprehend
from connectors.remote_models.redacting import Redacting
from connectors.remote_models.remote_scorer import RemoteScorer
from connectors.remote_models.sagemaker import sagemaker_audio, sagemaker_text
from connectors.remote_models.spec import BackendSpec, ServiceName
from connectors.remote_models.usage import Usage
from udfs.models.contract import ModelSpec
from udfs.models.scorer import (
    AudioScorer,
    Gauges,
    LocalAudio,
    LocalText,
    NoModel,
    Text,
    TextScorer,
    WithFallback,
)

TEXT_SERVICES: Mapping[ServiceName, Any] = {
    "sagemaker": sagemaker_text,
    "comprehend": Comprehend,
    "bedrock": Bedrock,
}


def open_audio_scorer(
    spec: BackendSpec, gauges: Gauges, *, with_embedding: bool = False
) -> AudioScorer:
    """What scores voices.

    Args:
        spec: who.
        gauges: where the remote model's usage is shown.
        with_embedding: keep a local model's pooled embeddings; a remote one tells none.

    Raises:
        ModelError: a local model cannot be used.
    """
    local = partial(_local_audio, with_embedding=with_embedding)
    return _opened(spec, _shown(gauges), lambda _: sagemaker_audio, local, lambda remote: remote)


def open_text_scorers(
    specs: Mapping[str, BackendSpec], gauges: Gauges, *, with_embedding: bool = False
) -> dict[str, TextScorer]:
    """What scores words, by language; what serves several languages is opened once.

    Args:
        specs: who, by primary language subtag, or ``*``.
        gauges: where the remote models' usage is shown.
        with_embedding: keep a local model's pooled embeddings; a remote one tells none.

    Raises:
        ModelError: a local model cannot be used.
    """
    usage = _shown(gauges)
    local = partial(_local_text, with_embedding=with_embedding)
    opened: dict[str, TextScorer] = {}

    def redacting(remote: RemoteScorer[Text]) -> TextScorer:
        from udfs.redaction.redactor import Redactor  # noqa: PLC0415 - takes seconds

        return Redacting(remote, Redactor().redact, usage)

    for spec in specs.values():
        if repr(spec) not in opened:
            opened[repr(spec)] = _opened(spec, usage, TEXT_SERVICES.__getitem__, local, redacting)
    return {language: opened[repr(spec)] for language, spec in specs.items()}


def _shown(gauges: Gauges) -> Usage:
    usage = Usage()
    usage.show(gauges)
    return usage


def _opened(
    spec: BackendSpec,
    usage: Usage,
    service_of: Callable[[ServiceName], Any],
    local_of: Callable[[ModelSpec], Any],
    before: Callable[[RemoteScorer[Any]], Any],
) -> Any:
    local = None if spec.local is None else local_of(spec.local)
    if spec.remote is None:
        return local or NoModel()
    service = service_of(spec.remote.service)(spec.remote)
    remote: Any = before(RemoteScorer(service, spec.remote, usage))
    return remote if local is None else WithFallback(remote, local)


def _local_audio(spec: ModelSpec, *, with_embedding: bool) -> AudioScorer:
    from udfs.models.audio import load_audio_model  # noqa: PLC0415 - loads a runtime

    return LocalAudio(load_audio_model(spec), with_embedding=with_embedding)


def _local_text(spec: ModelSpec, *, with_embedding: bool) -> TextScorer:
    from udfs.models.text import load_text_model  # noqa: PLC0415 - loads a runtime

    return LocalText(load_text_model(spec), with_embedding=with_embedding)
