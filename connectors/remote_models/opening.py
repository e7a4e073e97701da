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
from udfs.metrics import MODELS, Metrics, Modality, begin
from udfs.models.contract import ModelSpec
from udfs.models.scorer import (
    AudioScorer,
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
    spec: BackendSpec, metrics: Metrics, *, with_embedding: bool = False
) -> AudioScorer:
    """What scores voices.

    Args:
        spec: who.
        metrics: where the remote model's usage is counted.
        with_embedding: keep a local model's pooled embeddings; a remote one tells none.

    Raises:
        ModelError: a local model cannot be used.
    """
    local = partial(_local_audio, with_embedding=with_embedding)
    opened = _Opened(metrics, "audio")
    scorer: AudioScorer = opened.scorer(spec, lambda _: sagemaker_audio, local, lambda one: one)
    return scorer


def open_text_scorers(
    specs: Mapping[str, BackendSpec], metrics: Metrics, *, with_embedding: bool = False
) -> dict[str, TextScorer]:
    """What scores words, by language; what serves several languages is opened once.

    Args:
        specs: who, by primary language subtag, or ``*``.
        metrics: where the remote models' usage is counted.
        with_embedding: keep a local model's pooled embeddings; a remote one tells none.

    Raises:
        ModelError: a local model cannot be used.
    """
    opened = _Opened(metrics, "text")
    local = partial(_local_text, with_embedding=with_embedding)
    scorers: dict[str, TextScorer] = {}

    def redacting(remote: RemoteScorer[Text]) -> TextScorer:
        from udfs.redaction.redactor import Redactor  # noqa: PLC0415 - takes seconds

        return Redacting(remote, Redactor().redact, metrics, MODELS["text"])

    for spec in specs.values():
        if repr(spec) not in scorers:
            service_of = TEXT_SERVICES.__getitem__
            scorers[repr(spec)] = opened.scorer(spec, service_of, local, redacting)
    return {language: scorers[repr(spec)] for language, spec in specs.items()}


class _Opened:
    """The scorers of one modality."""

    def __init__(self, metrics: Metrics, modality: Modality) -> None:
        self._metrics = metrics
        self._names = MODELS[modality]
        self._remote: list[RemoteScorer[Any]] = []
        names = self._names
        begin(metrics, names.remote_calls, names.remote_ms, names.remote_cost_nano_usd)
        metrics.show(names.breaker_open, lambda: int(any(one.is_held_back for one in self._remote)))

    def scorer(
        self,
        spec: BackendSpec,
        service_of: Callable[[ServiceName], Any],
        local_of: Callable[[ModelSpec], Any],
        before: Callable[[RemoteScorer[Any]], Any],
    ) -> Any:
        """Who scores.

        Args:
            spec: as the settings say.
            service_of: a remote model's service, by its name.
            local_of: opens a local model.
            before: puts before a remote scorer what its inputs must pass.
        """
        local = None if spec.local is None else local_of(spec.local)
        if spec.remote is None:
            return local or NoModel()
        service = service_of(spec.remote.service)(spec.remote)
        remote: RemoteScorer[Any] = RemoteScorer(service, spec.remote, self._metrics, self._names)
        self._remote.append(remote)
        asked = before(remote)
        return asked if local is None else WithFallback(asked, local)


def _local_audio(spec: ModelSpec, *, with_embedding: bool) -> AudioScorer:
    from udfs.models.audio import load_audio_model  # noqa: PLC0415 - loads a runtime

    return LocalAudio(load_audio_model(spec), with_embedding=with_embedding)


def _local_text(spec: ModelSpec, *, with_embedding: bool) -> TextScorer:
    from udfs.models.text import load_text_model  # noqa: PLC0415 - loads a runtime

    return LocalText(load_text_model(spec), with_embedding=with_embedding)
