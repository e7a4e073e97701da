"""Who scores voices and words: the groups of the models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from connectors.remote_models.bedrock import DEFAULT_PROMPT, read_prompt
from connectors.remote_models.comprehend import LANGUAGES as COMPREHENDED
from connectors.remote_models.comprehend import language_code
from connectors.remote_models.spec import AudioContentType, BackendSpec, RemoteSpec, ServiceName
from flink_job.own_files import own_file
from flink_job.setting_types import (
    Count,
    Group,
    LabelMap,
    Languages,
    OptionalPrior,
    OptionalText,
    PositiveMillis,
    SettingsError,
)
from udfs.models.contract import SHIPPED, ModelSpec, Precision, Runtime
from udfs.score_text import ANY_LANGUAGE

SHIPPED_LANGUAGE = "en"
MAX_INPUTS_PER_CALL = 16
"""Windows of 320 kB in a request of at most 6 MB:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""


class ModelSettings(Group):
    """Who scores one modality; each backend reads its own keys."""

    backend: Literal["local", "sagemaker", "comprehend", "bedrock", "none"] = "local"
    path: Annotated[
        str, Field(min_length=1, description="local: folder, hub id, or shipped for our own")
    ] = SHIPPED
    label_map: Annotated[
        LabelMap, Field(description="label=negative,… where the model's labels are unknown")
    ] = None
    training_prior: Annotated[
        OptionalPrior, Field(description="negative,neutral,positive shares the model expects")
    ] = None
    operating_prior: Annotated[
        OptionalPrior,
        Field(description="shares on your calls; unset: the model's own (0.25,0.50,0.25)"),
    ] = None
    runtime: Annotated[
        Runtime,
        Field(description="local: auto is onnx where the folder has a model.onnx, as ours do"),
    ] = "auto"
    precision: Annotated[
        Precision,
        Field(
            description="local, torch: auto is bfloat16 where the CPU gains; bfloat16 is torch's"
        ),
    ] = "auto"
    fallback: Annotated[
        Literal["none", "local"],
        Field(description="local: what fails remotely is scored by path in the worker"),
    ] = "none"
    region: Annotated[
        OptionalText, Field(description="remote: AWS region; unset: that of the streams")
    ] = None
    endpoint_name: Annotated[OptionalText, Field(description="sagemaker: the endpoint")] = None
    variant: Annotated[
        OptionalText, Field(description="sagemaker: its variant; unset: by the endpoint's weights")
    ] = None
    inputs_per_call: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_INPUTS_PER_CALL,
            description="sagemaker: windows or utterances a call; more than 1 where the endpoint's "
            "server answers a list of them, as ours does",
        ),
    ] = 1
    concurrency: Annotated[
        int, Field(ge=1, le=512, description="remote: calls in flight in each task slot")
    ] = 64
    time_limit_ms: Annotated[
        int,
        Field(ge=100, le=600_000, description="remote: all tries; then the score is missing"),
    ] = 10_000
    retries: Annotated[
        int, Field(ge=0, le=10, description="remote: after throttling or failure, with backoff")
    ] = 3
    breaker_failures: Annotated[
        Count, Field(description="remote: so many in a row, and no more calls for a while")
    ] = 20
    breaker_open_ms: Annotated[
        PositiveMillis, Field(description="remote: that while; then one call tries")
    ] = 10_000
    price_input: Annotated[
        float,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="remote: dollars for a million calls (sagemaker), units of 100 characters "
            "(comprehend), input tokens (bedrock); counted as cost_micro_usd",
        ),
    ] = 0.0

    @property
    def is_remote(self) -> bool:
        return self.backend in get_args(ServiceName)

    def local_spec(self) -> ModelSpec | None:
        """The model in the worker, alone or as the fallback.

        As a fallback it speaks for itself: labels and training prior are the remote model's.
        """
        if self.is_remote and self.fallback == "local":
            return ModelSpec(
                path=self.path,
                operating_prior=self.operating_prior,
                runtime=self.runtime,
                precision=self.precision,
            )
        if self.backend != "local":
            return None
        return ModelSpec(
            path=self.path,
            label_map=self.label_map,
            training_prior=self.training_prior,
            operating_prior=self.operating_prior,
            runtime=self.runtime,
            precision=self.precision,
        )

    def backend_spec(self, region: str) -> BackendSpec:
        """Who scores, where ``region`` is that of the streams."""
        return BackendSpec(self.remote_spec(region), self.local_spec())

    def remote_spec(self, region: str, **more: Any) -> RemoteSpec | None:
        if not self.is_remote:
            return None
        values = {
            "service": self.backend,
            "region": self.region or region,
            "name": self.endpoint_name or "",
            "variant": self.variant,
            "inputs_per_call": self.inputs_per_call,
            "label_map": self.label_map,
            "training_prior": self.training_prior,
            "operating_prior": self.operating_prior,
            "concurrency": self.concurrency,
            "time_limit_s": self.time_limit_ms / 1_000,
            "retries": self.retries,
            "breaker_failures": self.breaker_failures,
            "breaker_open_s": self.breaker_open_ms / 1_000,
            "price_input": self.price_input,
        }
        return RemoteSpec(**{**values, **more})


class AudioModelSettings(ModelSettings):
    """What hears the feeling in a voice."""

    backend: Annotated[
        Literal["local", "sagemaker", "none"],
        Field(description="who scores voices; none: they are missing as no_model"),
    ] = "local"
    content_type: Annotated[
        AudioContentType,
        Field(
            description="sagemaker: a window as audio/wav (16 bit, 16 kHz) or "
            "application/octet-stream (raw float32, exact, twice as long)"
        ),
    ] = "audio/wav"

    def remote_spec(self, region: str, **more: Any) -> RemoteSpec | None:
        return super().remote_spec(region, content_type=self.content_type, **more)


class LanguageModelSettings(ModelSettings):
    """What reads the feeling in words of one language."""

    backend: Annotated[
        Literal["local", "sagemaker", "comprehend", "bedrock", "none"],
        Field(description="who scores words; none: they are missing as no_model"),
    ] = "local"
    model_id: Annotated[
        OptionalText, Field(description="bedrock: any model or inference profile with tools")
    ] = None
    prompt: Annotated[
        OptionalText, Field(description="bedrock: file of the prompt; unset: our own")
    ] = None
    price_output: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="bedrock: for a million output tokens"),
    ] = 0.0

    def prompt_text(self) -> str:
        """What a model on Bedrock is told to do.

        Raises:
            OSError: its file cannot be read.
            UnicodeDecodeError: it is no UTF-8.
        """
        return read_prompt(own_file(self.prompt) if self.prompt else DEFAULT_PROMPT)

    def remote_spec(self, region: str, **more: Any) -> RemoteSpec | None:
        if self.backend == "bedrock":
            more |= {
                "name": self.model_id,
                "prompt": self.prompt_text(),
                "price_output": self.price_output,
            }
        return super().remote_spec(region, **more)


class TextModelSettings(LanguageModelSettings):
    """What reads the feeling in words, but for languages with a group of their own."""

    languages: Annotated[
        Languages, Field(description="language subtags the model knows; * for any")
    ] = ("en",)


def check_model_settings(group: str, settings: ModelSettings, languages: tuple[str, ...]) -> None:
    """What must go together.

    Args:
        group: its name.
        settings: the group.
        languages: those that it serves; none for voices.

    Raises:
        SettingsError: it does not.
    """
    if settings.backend == "sagemaker" and not settings.endpoint_name:
        raise SettingsError(
            group, "endpoint.name", "", "is required with backend sagemaker; name the endpoint"
        )
    if isinstance(settings, AudioModelSettings):
        _check_windows_per_call(group, settings)
    if isinstance(settings, LanguageModelSettings) and settings.backend == "bedrock":
        _check_bedrock(group, settings)
    if settings.runtime == "onnx" and settings.precision == "bfloat16":
        raise SettingsError(
            group, "precision", "bfloat16", "is torch's; with runtime onnx set auto or float32"
        )
    unknown = [one for one in languages if one != ANY_LANGUAGE and language_code(one) is None]
    if settings.backend == "comprehend" and unknown:
        known = ", ".join(sorted(COMPREHENDED))
        raise SettingsError(
            group, "backend", "comprehend", f"does not know {unknown[0]}; it knows {known}"
        )
    local = settings.local_spec()
    is_of_one_language = not isinstance(settings, AudioModelSettings | TextModelSettings)
    if is_of_one_language and local and local.path == SHIPPED and languages != (SHIPPED_LANGUAGE,):
        raise SettingsError(
            group, "path", SHIPPED, f"reads English, not {languages[0]}; name a model for it"
        )


def _check_windows_per_call(group: str, settings: AudioModelSettings) -> None:
    if settings.inputs_per_call > 1 and settings.content_type == "audio/wav":
        raise SettingsError(
            group,
            "inputs.per.call",
            str(settings.inputs_per_call),
            "needs content.type application/octet-stream; a WAV file holds one window",
        )


def _check_bedrock(group: str, settings: LanguageModelSettings) -> None:
    if not settings.model_id:
        raise SettingsError(
            group, "model.id", "", "is required with backend bedrock; name a model that takes tools"
        )
    try:
        prompt = settings.prompt_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(
            group, "prompt", settings.prompt, f"{reason}; name a text file in UTF-8"
        ) from None
    if not prompt.strip():
        raise SettingsError(group, "prompt", settings.prompt, "is empty; say what to rate and how")
