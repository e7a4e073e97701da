"""A SageMaker endpoint: one window or utterance a call, or several where its server takes them.

The request holds the content alone:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from connectors.remote_models.client import CallError, DeadlineClient, explained
from connectors.remote_models.payloads import Payload, raw_float32, text_json, wav
from connectors.remote_models.remote_scorer import Reply
from connectors.remote_models.spec import RemoteSpec
from connectors.remote_models.triples import answers_of_json, triple_of_answer
from udfs.models.scorer import Outcome, Text, Waveform

Input = TypeVar("Input")


class SageMaker(Generic[Input]):
    """A ``Service``."""

    def __init__(self, spec: RemoteSpec, payload_of: Callable[[Sequence[Input]], Payload]) -> None:
        self.inputs_per_call = spec.inputs_per_call
        self._spec = spec
        self._payload_of = payload_of
        self._client = DeadlineClient("sagemaker-runtime", spec)
        self._target = {"TargetVariant": spec.variant} if spec.variant else {}

    def kind_of(self, one: Input) -> str:
        return ""

    def ask(self, inputs: Sequence[Input], deadline_s: float) -> Reply:
        payload = self._payload_of(inputs)
        response = self._client.call(
            "invoke_endpoint",
            deadline_s,
            EndpointName=self._spec.name,
            ContentType=payload.content_type,
            Accept="application/json",
            Body=payload.body,
            **self._target,
        )
        with explained():
            body = response["Body"].read()
        variant = response.get("InvokedProductionVariant") or self._spec.variant or ""
        model_id = f"sagemaker:{self._spec.name}/{variant}"
        try:
            answers = answers_of_json(body, len(inputs))
            outcomes = [self._outcome(said, model_id) for said in answers]
        except CallError as error:  # an answer all the same: it was paid for
            outcomes = [Outcome(None, error.reason, None)] * len(inputs)
        retries = response["ResponseMetadata"]["RetryAttempts"]
        return Reply(outcomes, retries, self._spec.price_input)

    def close(self) -> None:
        self._client.close()

    def _outcome(self, said: Any, model_id: str) -> Outcome:
        try:
            return Outcome(triple_of_answer(said, self._spec), None, model_id)
        except CallError as error:
            return Outcome(None, error.reason, None)


def sagemaker_audio(spec: RemoteSpec) -> SageMaker[Waveform]:
    return SageMaker(spec, wav if spec.content_type == "audio/wav" else raw_float32)


def sagemaker_text(spec: RemoteSpec) -> SageMaker[Text]:
    return SageMaker(spec, text_json)
