"""Every setting of the job: property groups, one typed class each, checked before anything starts.

Managed Service for Apache Flink hands the job groups of string properties
(``/etc/flink/application_properties.json``); a local run reads the same format from a file. A
group or key that is not known, or a value that is not possible, stops the start with one line that
names group, key, value and remedy. The README's settings table is made from these classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isclose
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from udfs.envelope import Limits
from udfs.fusion import LABELS, Fuser, PriorFusion
from udfs.fusion_loading import FusionFileError, TrainedFusion, load_fusion
from udfs.intake import IntakeRules
from udfs.models.contract import SHIPPED, ModelSpec, Prior

DEFAULT_PROPERTIES = Path("/etc/flink/application_properties.json")
MAX_VALUE_CHARACTERS = 2_048
MAX_KEYS = 50
MAX_GROUPS = 50
# The service's own groups: its run options, and what a user may add for Flink's logging.
FOREIGN_GROUPS = frozenset({"kinesis.analytics.flink.run.options"})


class SettingsError(ValueError):
    """A setting cannot be used. One line: group, key, value, and what to do."""

    def __init__(self, group: str, key: str, value: object, remedy: str) -> None:
        super().__init__(f"settings: group {group!r}, key {key!r}, value {value!r}: {remedy}")


def _key(name: str) -> str:
    return name.replace("_", ".")


class _Group(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=_key, populate_by_name=True
    )


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    entries = [entry.partition("=") for entry in value.split(",") if entry.strip()]
    if any(not separator for _, separator, _ in entries):
        msg = "not of the form label=negative,other=positive"
        raise ValueError(msg)
    return {label.strip(): sentiment.strip() for label, _, sentiment in entries}


_LANGUAGE = re.compile(r"\*|[a-z]{2,3}")  # ISO 639
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)")


def _prior(value: object) -> object:
    parts = _split(value)
    if not isinstance(parts, tuple):
        return parts
    msg = "not three shares above 0 that sum to 1, such as 0.15,0.70,0.15"
    try:
        shares = tuple(float(part) for part in parts)
    except ValueError:
        raise ValueError(msg) from None
    # so that NaN, of which nothing is true, fails
    is_right = all(share > 0 for share in shares) and isclose(sum(shares), 1, abs_tol=0.001)
    if len(shares) != len(LABELS) or not is_right:
        raise ValueError(msg)
    return shares


def _languages(value: object) -> object:
    parts = _split(value)
    if isinstance(parts, tuple) and not all(_LANGUAGE.fullmatch(part) for part in parts):
        msg = "not primary language subtags such as en,de, or * for any"
        raise ValueError(msg)
    return parts


def _timestamp(value: object) -> object:
    if isinstance(value, str) and not _TIMESTAMP.fullmatch(value):
        msg = "not of the form 2026-11-23T12:00:00.000-00:00"
        raise ValueError(msg)
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Millis = Annotated[int, Field(ge=0, le=86_400_000)]
PositiveMillis = Annotated[int, Field(ge=1, le=86_400_000)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]
OptionalPrior = Annotated[Prior | None, BeforeValidator(_prior), BeforeValidator(_empty_is_none)]
LabelMap = Annotated[
    dict[str, Literal["negative", "neutral", "positive"]] | None,
    BeforeValidator(_pairs),
    BeforeValidator(_empty_is_none),
]
Languages = Annotated[tuple[str, ...], BeforeValidator(_languages)]
OptionalTimestamp = Annotated[
    str | None, BeforeValidator(_timestamp), BeforeValidator(_empty_is_none)
]
Days = Annotated[int, Field(ge=1, le=36_500)]


class StreamSettings(_Group):
    """Where the records come from."""

    audio_stream: Annotated[str, Field(min_length=1, description="Kinesis stream of the audio")]
    text_stream: Annotated[str, Field(min_length=1, description="Kinesis stream of the text")]
    region: Annotated[str, Field(min_length=1, description="AWS region")] = "us-east-1"
    endpoint: Annotated[OptionalText, Field(description="for a local stand-in; unset on AWS")] = (
        None
    )
    initial_position: Annotated[
        Literal["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"],
        Field(description="where the very first start begins to read"),
    ] = "LATEST"
    initial_timestamp: Annotated[
        OptionalTimestamp,
        Field(description="for AT_TIMESTAMP: 2026-11-23T12:00:00.000-00:00"),
    ] = None
    fan_out_consumer: Annotated[
        OptionalText,
        Field(description="name of an enhanced fan-out consumer; unset: polling. Untried"),
    ] = None
    get_records_interval_ms: Annotated[PositiveMillis, Field(description="between two polls")] = 200
    get_records_max: Annotated[
        int, Field(ge=1, le=10_000, description="records a poll; many skew the shards")
    ] = 200
    shard_discovery_interval_ms: Annotated[
        PositiveMillis, Field(description="between two looks for new shards")
    ] = 10_000


class LakeSettings(_Group):
    """Where the rows go."""

    root: Annotated[str, Field(min_length=1, description="s3a://bucket/prefix or a folder")]
    auto_compaction: Annotated[
        bool, Field(description="join the small files of one checkpoint")
    ] = True


class TimeSettings(_Group):
    """Stream time, and when to distrust it."""

    start_hold_ms: Annotated[
        Millis, Field(description="after a start nothing is given up for so long")
    ] = 30_000
    silent_shard_ms: Annotated[
        PositiveMillis, Field(description="a shard without records is left out after this")
    ] = 60_000
    distrust_ms: Annotated[
        Millis, Field(description="after a record behind stream time nothing is given up")
    ] = 5_000


class CallSettings(_Group):
    """How long a call is waited for."""

    gap_wait_ms: Annotated[
        Millis, Field(description="a window with a gap waits after later audio (clock)")
    ] = 3_000
    late_audio_ms: Annotated[
        Millis, Field(description="audio further behind the newest is refused (call time)")
    ] = 15_000
    text_wait_ms: Annotated[
        Millis, Field(description="a whole window waits for its text (clock)")
    ] = 3_000
    announcement_wait_ms: Annotated[
        Millis, Field(description="text waits for its call or participant (stream time)")
    ] = 120_000
    end_wait_ms: Annotated[
        Millis, Field(description="an ended call waits for what is missing (stream time)")
    ] = 60_000
    idle_wait_ms: Annotated[
        Millis, Field(description="a call without end stays open (stream time)")
    ] = 600_000
    tombstone_ms: Annotated[
        PositiveMillis, Field(description="a closed call is remembered (stream time)")
    ] = 86_400_000

    @property
    def longest_wait_ms(self) -> int:
        """The longest that anything of a call waits for, in stream time."""
        return max(self.announcement_wait_ms, self.end_wait_ms, self.idle_wait_ms)

    def rules(self) -> IntakeRules:
        return IntakeRules(
            gap_wait_ms=self.gap_wait_ms,
            late_audio_ms=self.late_audio_ms,
            announcement_wait_ms=self.announcement_wait_ms,
            end_wait_ms=self.end_wait_ms,
            idle_wait_ms=self.idle_wait_ms,
        )


class LimitSettings(_Group):
    """Beyond these a record is refused."""

    id_characters: Annotated[Count, Field(description="length of an id")] = 256
    text_characters: Annotated[Count, Field(description="length of an utterance's text")] = 10_000
    chunk_ms: Annotated[PositiveMillis, Field(description="length of a chunk")] = 60_000
    utterance_ms: Annotated[PositiveMillis, Field(description="length of an utterance")] = 600_000
    min_sample_rate_hz: Annotated[Count, Field(description="lowest rate of audio")] = 8_000
    max_sample_rate_hz: Annotated[Count, Field(description="highest rate of audio")] = 48_000
    offset_ms: Annotated[PositiveMillis, Field(description="latest offset in a call")] = 43_200_000
    started_at_past_days: Annotated[Days, Field(description="oldest start of a call")] = 400
    started_at_future_days: Annotated[Days, Field(description="start of a call ahead")] = 1
    participants: Annotated[Count, Field(description="participants of a call")] = 50

    def limits(self) -> Limits:
        return Limits(**self.model_dump())


class _ModelSettings(_Group):
    enabled: Annotated[bool, Field(description="false: this modality is missing as no_model")] = (
        True
    )
    path: Annotated[
        str, Field(min_length=1, description="folder, hub id, or shipped for our own")
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
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="auto: bfloat16 where the CPU gains"),
    ] = "auto"

    def spec(self) -> ModelSpec:
        return ModelSpec(
            path=self.path,
            label_map=self.label_map,
            training_prior=self.training_prior,
            operating_prior=self.operating_prior,
            precision=self.precision,
        )


class AudioModelSettings(_ModelSettings):
    """What hears the feeling in a voice."""


class TextModelSettings(_ModelSettings):
    """What reads the feeling in words."""

    languages: Annotated[
        Languages, Field(description="language subtags the model knows; * for any")
    ] = ("en",)


class FusionSettings(_Group):
    """How voice and words become one."""

    kind: Annotated[
        Literal["prior", "late", "early"],
        Field(description="prior, or a trained one: late (over probabilities), early (embeddings)"),
    ] = "prior"
    path: Annotated[
        OptionalText, Field(description="for late and early: the file that train fusion wrote")
    ] = None
    text_trust: Annotated[Share, Field(gt=0, description="prior trust in words")] = 0.6
    audio_trust: Annotated[Share, Field(gt=0, description="prior trust in the voice")] = 0.4

    @property
    def needs_embeddings(self) -> bool:
        return self.kind == "early"

    def fuser(self) -> Fuser:
        """The rule; a trained one is read from its file.

        Raises:
            SettingsError: the file cannot be used.
        """
        return self.trained() or self._prior()

    def trained(self) -> TrainedFusion | None:
        """The trained rule; None where the prior fuses.

        Raises:
            SettingsError: the file cannot be used.
        """
        if self.kind == "prior":
            return None
        try:
            trained = load_fusion(Path(self.path or ""), self._prior())
        except FusionFileError as error:
            raise SettingsError("fusion", "path", self.path, str(error)) from None
        if trained.kind != self.kind:
            raise SettingsError(
                "fusion", "kind", self.kind, f"the file is a {trained.kind} fusion; set that"
            )
        return trained

    def _prior(self) -> PriorFusion:
        return PriorFusion(text_trust=self.text_trust, audio_trust=self.audio_trust)


class FlinkSettings(_Group):
    """How Flink runs the job; on the service, parallelism and checkpoints are the service's."""

    bundle_size: Annotated[Count, Field(description="records a Python bundle")] = 200
    bundle_time_ms: Annotated[
        PositiveMillis, Field(description="a bundle's time; each hop adds it to the latency")
    ] = 20
    arrow_batch_size: Annotated[Count, Field(description="rows a model call")] = 16
    watermark_interval_ms: Annotated[
        PositiveMillis, Field(description="200 or less, or timers are lost with a checkpoint")
    ] = 200
    state_cache_size: Annotated[
        Count, Field(description="state entries cached by a worker; open calls times states")
    ] = 20_000
    parallelism: Annotated[
        int, Field(ge=1, le=256, description="used locally; the service has its own")
    ] = 1
    checkpoint_interval_ms: Annotated[
        PositiveMillis, Field(description="used locally; the service has its own")
    ] = 2_000


class Settings(_Group):
    """All groups."""

    streams: StreamSettings
    lake: LakeSettings
    time: TimeSettings = TimeSettings()
    calls: CallSettings = CallSettings()
    limits: LimitSettings = LimitSettings()
    models_audio: AudioModelSettings = AudioModelSettings()
    models_text: TextModelSettings = TextModelSettings()
    fusion: FusionSettings = FusionSettings()
    flink: FlinkSettings = FlinkSettings()

    def audio_spec(self) -> ModelSpec | None:
        """The audio model; None where voices are not scored."""
        return self.models_audio.spec() if self.models_audio.enabled else None

    def text_specs(self) -> dict[str, ModelSpec]:
        """The text model by language; empty where words are not scored."""
        if not self.models_text.enabled:
            return {}
        return dict.fromkeys(self.models_text.languages, self.models_text.spec())


class SettingDoc(NamedTuple):
    """One line of the settings table."""

    group: str
    key: str
    default: str
    meaning: str


def describe_settings() -> Iterator[SettingDoc]:
    """Every setting, for the README."""
    for group, field in Settings.model_fields.items():
        group_class: Any = field.annotation
        for name, setting in group_class.model_fields.items():
            default = setting.default
            if default is PydanticUndefined:
                text = "required"
            elif default is None:
                text = ""
            elif isinstance(default, tuple):
                text = ",".join(default)
            elif isinstance(default, bool):
                text = str(default).lower()
            else:
                text = str(default)
            yield SettingDoc(_key(group), _key(name), text, setting.description or "")


def read_properties(path: Path) -> dict[str, dict[str, str]]:
    """The groups of a file in the service's format.

    Raises:
        SettingsError: the file cannot be read, or is not of that format.
    """
    where = str(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError("(file)", "path", where, f"{reason}; give --properties FILE") from None
    except ValueError:
        raise SettingsError("(file)", "path", where, "not JSON; mend the file") from None
    remedy = 'write [{"PropertyGroupId": "lake", "PropertyMap": {"root": "s3a://…"}}, …]'
    groups: dict[str, dict[str, str]] = {}
    if not isinstance(entries, list):
        raise SettingsError("(file)", "path", where, remedy)
    for entry in entries:
        known = isinstance(entry, dict) and isinstance(entry.get("PropertyMap"), dict)
        if not known or not isinstance(entry.get("PropertyGroupId"), str):
            raise SettingsError("(file)", "path", where, remedy)
        group = entry["PropertyGroupId"]
        if group in groups:
            raise SettingsError(group, "(group)", group, "stands twice; keep one")
        groups[group] = entry["PropertyMap"]
    return groups


def parse_settings(groups: Mapping[str, Mapping[str, str]]) -> Settings:
    """Property groups as typed settings.

    Raises:
        SettingsError: the first thing that is wrong.
    """
    _check_service_limits(groups)
    known = {_key(name): field.annotation for name, field in Settings.model_fields.items()}
    parsed: dict[str, Any] = {}
    for group, properties in groups.items():
        if group in FOREIGN_GROUPS:
            continue
        if group not in known:
            raise SettingsError(group, "(group)", group, f"unknown; known: {_list(known)}")
        parsed[group.replace(".", "_")] = _parse_group(group, known[group], properties)
    for name, field in Settings.model_fields.items():
        if field.is_required() and name not in parsed:
            parsed[name] = _parse_group(_key(name), field.annotation, {})
    settings = Settings(**parsed)
    _check_together(settings)
    return settings


def _check_service_limits(groups: Mapping[str, Mapping[str, str]]) -> None:
    if len(groups) > MAX_GROUPS:
        raise SettingsError(
            "(all)", "(groups)", len(groups), f"the service takes {MAX_GROUPS} groups"
        )
    for group, properties in groups.items():
        if len(properties) > MAX_KEYS:
            raise SettingsError(
                group, "(keys)", len(properties), f"the service takes {MAX_KEYS} keys a group"
            )
        for key, value in properties.items():
            if not isinstance(value, str):
                raise SettingsError(group, key, value, "write the value as a string in quotes")
            if len(value) > MAX_VALUE_CHARACTERS:
                raise SettingsError(
                    group,
                    key,
                    f"{value[:20]}…",
                    f"the service takes {MAX_VALUE_CHARACTERS} characters",
                )


def _parse_group(group: str, group_class: Any, properties: Mapping[str, str]) -> Any:
    keys = {_key(name) for name in group_class.model_fields}
    for key in properties:
        if key not in keys:
            raise SettingsError(group, key, properties[key], f"unknown key; known: {_list(keys)}")
    try:
        return group_class(**properties)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        if first["type"] == "missing":
            raise SettingsError(group, key, "", "is required; set it") from None
        remedy = str(first["msg"])
        remedy = remedy.removeprefix("Value error, ")
        raise SettingsError(group, key, properties[key], remedy[0].lower() + remedy[1:]) from None


def _check_together(settings: Settings) -> None:
    streams = settings.streams
    if streams.initial_position == "AT_TIMESTAMP" and not streams.initial_timestamp:
        raise SettingsError(
            "streams", "initial.timestamp", "", "is required with initial.position AT_TIMESTAMP"
        )
    if settings.fusion.kind != "prior" and not settings.fusion.path:
        raise SettingsError(
            "fusion", "path", "", f"is required with kind {settings.fusion.kind}; set it"
        )
    if settings.limits.min_sample_rate_hz > settings.limits.max_sample_rate_hz:
        raise SettingsError(
            "limits",
            "min.sample.rate.hz",
            settings.limits.min_sample_rate_hz,
            "is above max.sample.rate.hz; lower it",
        )


def _list(names: Any) -> str:
    return ", ".join(sorted(names))
