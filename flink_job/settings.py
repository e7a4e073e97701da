"""Every setting of the job: property groups, one typed class each, checked before anything starts.

Managed Service for Apache Flink hands the job groups of string properties
(``/etc/flink/application_properties.json``); a local run reads the same format from a file. A
group or key that is not known, or a value that is not possible, stops the start with one line that
names group, key, value and remedy. The README's settings table is made from these classes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, ValidationError
from pydantic_core import PydanticUndefined

from connectors.remote_models.spec import BackendSpec
from connectors.secret_key import KeySource
from connectors.suppression_source import SuppressionSource
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.loading import LoadRules
from flink_job.model_settings import (
    AudioModelSettings,
    LanguageModelSettings,
    ModelSettings,
    TextModelSettings,
    check_model_settings,
)
from flink_job.own_files import Named, own_file
from flink_job.retention_settings import RetentionSettings, check_retention
from flink_job.service_limits import GROUP_NAME, MAX_KEY_CHARACTERS, broken_limits
from flink_job.setting_remedies import remedy_for
from flink_job.setting_types import (
    Count,
    Days,
    Group,
    Millis,
    Names,
    OptionalCount,
    OptionalEndpoint,
    OptionalPlace,
    OptionalText,
    OptionalTimestamp,
    Place,
    PositiveMillis,
    SettingsError,
    Share,
    key_of,
)
from flink_job.shown_values import HIDDEN
from udfs.envelope import Limits
from udfs.fusion import Fuser, PriorFusion
from udfs.fusion_loading import FusionFileError, TrainedFusion, load_fusion
from udfs.intake import IntakeRules
from udfs.policy import DEFAULT_POLICY, Policy, PolicyError, read_policy

DEFAULT_PROPERTIES = Path("/etc/flink/application_properties.json")
LOCAL_BATCH_ROWS = 16
REMOTE_BATCH_ROWS = 128
OF_LANGUAGE = "models_text_of_language"
LANGUAGE_GROUP = re.compile(r"models\.text\.([a-z]{2,3})")
# The service's own groups: its run options, and what a user may add for Flink's logging.
FOREIGN_GROUPS = frozenset({"kinesis.analytics.flink.run.options"})


class StreamSettings(Group):
    """Where the records come from."""

    audio_stream: Annotated[str, Field(min_length=1, description="Kinesis stream of the audio")]
    text_stream: Annotated[str, Field(min_length=1, description="Kinesis stream of the text")]
    region: Annotated[str, Field(min_length=1, description="AWS region")] = "us-east-1"
    endpoint: Annotated[
        OptionalEndpoint, Field(description="for a local stand-in; unset on AWS")
    ] = None
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


class LakeSettings(Group):
    """Where the rows go."""

    root: Annotated[Place, Field(min_length=1, description="s3a://bucket/prefix or a folder")]
    auto_compaction: Annotated[
        bool, Field(description="join the small files of one checkpoint")
    ] = True
    kms_key_arn: Annotated[
        OptionalText,
        Field(
            description="KMS key for objects; used locally and by our own writes. On the service "
            "set it as the bucket's default encryption"
        ),
    ] = None


class WarehouseSettings(Group):
    """Where the newest rows go, for queries."""

    url: Annotated[
        OptionalText,
        Field(
            description="redshift://workgroup/NAME/DATABASE, redshift://cluster/NAME/DATABASE, or "
            "postgresql://user@host/database without its password; unset: no warehouse"
        ),
    ] = None
    db_schema: Annotated[
        str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="schema of the tables")
    ] = "public"
    region: Annotated[
        OptionalText, Field(description="Redshift: AWS region; unset: that of the streams")
    ] = None
    db_user: Annotated[
        OptionalText, Field(description="Redshift, provisioned: user, by temporary credentials")
    ] = None
    secret_arn: Annotated[
        OptionalText, Field(description="Redshift: secret of its user; unset: the job's role")
    ] = None
    copy_role_arn: Annotated[
        str, Field(min_length=1, description="Redshift: role that reads the staged objects")
    ] = "default"
    staging_root: Annotated[
        OptionalPlace, Field(description="Redshift: s3://bucket/prefix for rows on their way")
    ] = None
    endpoint: Annotated[
        OptionalEndpoint, Field(description="of a local stand-in for the Data API; unset on AWS")
    ] = None
    batch_rows: Annotated[Count, Field(description="so many rows are loaded at once")] = 5_000
    batch_bytes: Annotated[
        int, Field(ge=1_000, le=50_000_000, description="or so many bytes of them")
    ] = 4_000_000
    batch_wait_ms: Annotated[PositiveMillis, Field(description="or what waited so long")] = 10_000
    poll_ms: Annotated[PositiveMillis, Field(description="between two looks at a load")] = 500
    max_waiting_rows: Annotated[
        Count,
        Field(description="rows of a table kept while it is away; then the job slows"),
    ] = 100_000

    def rules(self) -> LoadRules:
        return LoadRules(
            batch_rows=self.batch_rows,
            batch_bytes=self.batch_bytes,
            batch_wait_ms=self.batch_wait_ms,
            poll_ms=self.poll_ms,
            max_waiting_rows=self.max_waiting_rows,
        )


class TimeSettings(Group):
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


class CallSettings(Group):
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


class LimitSettings(Group):
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


class FusionSettings(Group):
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
            trained = load_fusion(own_file(self.path or ""), self._prior())
        except FusionFileError as error:
            raise SettingsError("fusion", "path", self.path, str(error)) from None
        if trained.kind != self.kind:
            raise SettingsError(
                "fusion", "kind", self.kind, f"the file is a {trained.kind} fusion; set that"
            )
        return trained

    def _prior(self) -> PriorFusion:
        return PriorFusion(text_trust=self.text_trust, audio_trust=self.audio_trust)


class PolicySettings(Group):
    """Whose voice and words may be scored."""

    path: Annotated[
        OptionalText, Field(description="policy file; unset: the shipped one, careful")
    ] = None

    def policy(self) -> Policy:
        """The rules of the file.

        Raises:
            SettingsError: the file cannot be used.
        """
        try:
            return read_policy(self._file)
        except PolicyError as error:
            raise SettingsError("policy", "path", self.path, str(error)) from None

    def sha256(self) -> str:
        """Of the file, hexadecimal.

        Raises:
            SettingsError: it cannot be read.
        """
        try:
            return hashlib.sha256(self._file.read_bytes()).hexdigest()
        except OSError as error:
            reason = f"{error.strerror or type(error).__name__}; name a policy file"
            raise SettingsError("policy", "path", self.path, reason) from None

    @property
    def _file(self) -> Path:
        return own_file(self.path) if self.path else DEFAULT_POLICY


class PseudonymSettings(Group):
    """The key under which persons get their pseudonyms; unset: nobody has one."""

    key_file: Annotated[
        OptionalText, Field(description="file with the key in base64: openssl rand -base64 32")
    ] = None
    secret_arn: Annotated[
        OptionalText,
        Field(description="secret in Secrets Manager with the key, binary or in base64"),
    ] = None

    former_key_files: Annotated[
        Names,
        Field(description="keys from before a rotation: files; who was erased is found by them"),
    ] = ()
    former_secret_arns: Annotated[
        Names, Field(description="keys from before a rotation: secrets in Secrets Manager")
    ] = ()

    @property
    def is_set(self) -> bool:
        return bool(self.key_file or self.secret_arn)


class ErasureSettings(Group):
    """How the job obeys the suppression list, and how erasures are vouched for."""

    refresh_ms: Annotated[
        PositiveMillis, Field(description="between two looks at the suppression list")
    ] = 15_000
    settle_ms: Annotated[
        Millis,
        Field(
            description="erase waits so long between suppressing and removing: a look of the job "
            "at the list, a pulse (10 s), a checkpoint and a load"
        ),
    ] = 120_000
    signing_kms_key_arn: Annotated[
        OptionalText, Field(description="asymmetric KMS key (SIGN_VERIFY) that signs receipts")
    ] = None
    signing_key_file: Annotated[
        OptionalText,
        Field(description="or a file with a key in base64: openssl rand -base64 32"),
    ] = None


class FlinkSettings(Group):
    """How Flink runs the job; on the service, parallelism and checkpoints are the service's."""

    bundle_size: Annotated[Count, Field(description="records a Python bundle")] = 200
    bundle_time_ms: Annotated[
        PositiveMillis, Field(description="a bundle's time; each hop adds it to the latency")
    ] = 50
    arrow_batch_size: Annotated[
        OptionalCount,
        Field(description="rows a model call; unset: 16, or 128 where a backend is remote"),
    ] = None
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


class Settings(Group):
    """All groups."""

    streams: StreamSettings
    lake: LakeSettings
    warehouse: WarehouseSettings = WarehouseSettings()
    time: TimeSettings = TimeSettings()
    calls: CallSettings = CallSettings()
    limits: LimitSettings = LimitSettings()
    models_audio: AudioModelSettings = AudioModelSettings()
    models_text: TextModelSettings = TextModelSettings()
    models_text_of_language: Mapping[str, LanguageModelSettings] = MappingProxyType({})
    fusion: FusionSettings = FusionSettings()
    policy: PolicySettings = PolicySettings()
    pseudonyms: PseudonymSettings = PseudonymSettings()
    erasure: ErasureSettings = ErasureSettings()
    retention: RetentionSettings = RetentionSettings()
    flink: FlinkSettings = FlinkSettings()

    @property
    def arrow_batch_size(self) -> int:
        """Rows a model call: few hold up a checkpoint less, many keep a remote model busy."""
        is_remote = any(group.is_remote for _, group in self.model_groups())
        return self.flink.arrow_batch_size or (REMOTE_BATCH_ROWS if is_remote else LOCAL_BATCH_ROWS)

    def model_groups(self) -> Iterator[tuple[str, ModelSettings]]:
        """Every group of a model, by its name."""
        yield "models.audio", self.models_audio
        yield from self.text_groups()

    def text_groups(self) -> Iterator[tuple[str, LanguageModelSettings]]:
        yield "models.text", self.models_text
        for language, group in self.models_text_of_language.items():
            yield f"models.text.{language}", group

    def own_files(self) -> Iterator[Named]:
        """The settings that name a file of the user's own."""
        if self.policy.path:
            yield "policy", "path", self.policy.path
        if self.fusion.kind != "prior" and self.fusion.path:
            yield "fusion", "path", self.fusion.path
        for group, model in self.text_groups():
            if model.backend == "bedrock" and model.prompt:
                yield group, "prompt", model.prompt

    def warehouse_spec(self) -> WarehouseSpec | None:
        """Which warehouse; None where there is none."""
        warehouse = self.warehouse
        if warehouse.url is None:
            return None
        return WarehouseSpec(
            url=warehouse.url,
            schema=warehouse.db_schema,
            region=warehouse.region or self.streams.region,
            db_user=warehouse.db_user,
            secret_arn=warehouse.secret_arn,
            copy_role_arn=warehouse.copy_role_arn,
            staging_root=warehouse.staging_root,
            staging_kms_key_arn=self.lake.kms_key_arn,
            endpoint=warehouse.endpoint,
        )

    def pseudonym_key(self) -> KeySource:
        """Where the key of the pseudonyms lies."""
        return KeySource(self.pseudonyms.key_file, self.pseudonyms.secret_arn, self.streams.region)

    def pseudonym_keys(self) -> tuple[KeySource, ...]:
        """Where the key of the pseudonyms lies and those of before, the current one first."""
        region, group = self.streams.region, self.pseudonyms
        files = (KeySource(file, None, region) for file in group.former_key_files)
        secrets = (KeySource(None, arn, region) for arn in group.former_secret_arns)
        return (self.pseudonym_key(), *files, *secrets)

    def suppression(self) -> SuppressionSource:
        """Where the job finds who must not come back."""
        return SuppressionSource(
            self.lake.root,
            self.erasure.refresh_ms / 1_000,
            self.pseudonym_keys(),
            self.lake.kms_key_arn,
            self.streams.region,
        )

    def audio_backend(self) -> BackendSpec:
        """Who scores voices."""
        return self.models_audio.backend_spec(self.streams.region)

    def text_backends(self) -> dict[str, BackendSpec]:
        """Who scores words, by language; a language's own group comes before ``models.text``."""
        main = self.models_text
        languages = ("*",) if main.backend == "none" else main.languages
        backends = dict.fromkeys(languages, main.backend_spec(self.streams.region))
        for language, group in self.models_text_of_language.items():
            backends[language] = group.backend_spec(self.streams.region)
        return backends


class SettingDoc(NamedTuple):
    """One line of the settings table."""

    group: str
    key: str
    default: str
    meaning: str


def describe_settings() -> Iterator[SettingDoc]:
    """Every setting, for the README."""
    for group, field in Settings.model_fields.items():
        if group == OF_LANGUAGE:
            meaning = "for one language, as models.text.de: the keys of models.text but languages"
            yield SettingDoc("models.text.<language>", "…", "", meaning)
            continue
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
            yield SettingDoc(key_of(group), key_of(name), text, setting.description or "")


class _Object(dict[str, Any]):
    """A JSON object that remembers which keys stood twice in it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = [key for key, count in counts.items() if count > 1]


def read_properties(path: Path) -> dict[str, dict[str, str]]:
    """The groups of a file in the service's format.

    Raises:
        SettingsError: the file cannot be read, or is not of that format.
    """
    where = str(path)
    form = 'write [{"PropertyGroupId": "lake", "PropertyMap": {"root": "s3a://…"}}, …]'
    groups: dict[str, dict[str, str]] = {}
    entries = _read_json(path)
    if not isinstance(entries, list):
        raise SettingsError("(file)", "path", where, form)
    for entry in entries:
        known = isinstance(entry, _Object) and isinstance(entry.get("PropertyMap"), _Object)
        if not known or not isinstance(entry.get("PropertyGroupId"), str):
            raise SettingsError("(file)", "path", where, form)
        group, properties = entry["PropertyGroupId"], entry["PropertyMap"]
        if group in groups:
            raise SettingsError(group, "(group)", group, "stands twice; keep one")
        for key in properties.repeated:
            raise SettingsError(group, key, properties[key], "stands twice; keep one")
        groups[group] = dict(properties)
    return groups


def _read_json(path: Path) -> Any:
    where = str(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Object)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError("(file)", "path", where, f"{reason}; give --properties FILE") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        what = f"not JSON at {place}: {error.msg}; mend the file"
        raise SettingsError("(file)", "path", where, what) from None
    except (ValueError, RecursionError):
        raise SettingsError("(file)", "path", where, "not JSON in UTF-8; mend the file") from None


def parse_settings(groups: Mapping[str, Mapping[str, str]]) -> Settings:
    """Property groups as typed settings.

    Raises:
        SettingsError: the first thing that is wrong.
    """
    problems: list[SettingsError] = []
    settings = _read(groups, problems)
    if settings is None or problems:
        raise problems[0]
    return settings


def settings_problems(groups: Mapping[str, Mapping[str, str]]) -> list[SettingsError]:
    """Everything that is wrong in property groups, so that it can be mended in one go."""
    problems: list[SettingsError] = []
    _read(groups, problems)
    return problems


def _read(
    groups: Mapping[str, Mapping[str, str]], problems: list[SettingsError]
) -> Settings | None:
    """The settings, or None; what is wrong is added to ``problems``."""
    problems += broken_limits(groups)
    known = {
        "models.text.<language>" if name == OF_LANGUAGE else key_of(name): field.annotation
        for name, field in Settings.model_fields.items()
    }
    parsed: dict[str, Any] = {OF_LANGUAGE: {}}
    for group, properties in groups.items():
        if group in FOREIGN_GROUPS or not GROUP_NAME.fullmatch(group):
            continue
        if language := LANGUAGE_GROUP.fullmatch(group):
            found = _read_group(group, LanguageModelSettings, properties, problems)
            parsed[OF_LANGUAGE][language[1]] = found
        elif group in known:
            found = _read_group(group, known[group], properties, problems)
            parsed[group.replace(".", "_")] = found
        else:
            problems.append(SettingsError(group, "(group)", group, _unknown("group", group, known)))
    for name, field in Settings.model_fields.items():
        if field.is_required() and name not in parsed:
            parsed[name] = _read_group(key_of(name), field.annotation, {}, problems)
    return None if problems else Settings(**parsed)


def _read_group(
    group: str, group_class: Any, properties: Mapping[str, str], problems: list[SettingsError]
) -> Group | None:
    """The group, or None; what is wrong is added to ``problems``."""
    keys = {key_of(name) for name in group_class.model_fields}
    for key in properties:
        if key not in keys and 1 <= len(key) <= MAX_KEY_CHARACTERS:
            remedy = _unknown("key", key, keys)
            problems.append(SettingsError(group, key, properties[key], remedy))
    # those of another type are told as a limit of the service
    known = {key: properties[key] for key in keys if isinstance(properties.get(key), str)}
    try:
        found: Group = group_class(**known)
    except ValidationError as error:
        first_of_key = {str(one["loc"][0]): one for one in reversed(error.errors())}
        for key in sorted(first_of_key.keys() - (properties.keys() - known.keys())):
            value = known.get(key, "")
            problems.append(SettingsError(group, key, value, remedy_for(first_of_key[key])))
        return None
    try:
        _check_group(group, found)
    except SettingsError as error:
        problems.append(error)
    return found


def _check_group(group: str, found: Group) -> None:
    """What must go together in a group.

    Raises:
        SettingsError: it does not.
    """
    match found:
        case StreamSettings():
            _check_streams(found)
        case FusionSettings():
            _check_fusion(found)
        case LimitSettings():
            _check_limits(found)
        case PseudonymSettings():
            _check_pseudonyms(found)
        case ErasureSettings():
            _check_erasure(found)
        case RetentionSettings():
            check_retention(found)
        case WarehouseSettings():
            _check_warehouse(found)
        case TextModelSettings():
            check_model_settings(group, found, found.languages)
        case LanguageModelSettings():
            check_model_settings(group, found, (group.rpartition(".")[2],))
        case AudioModelSettings():
            check_model_settings(group, found, ())


def _check_streams(streams: StreamSettings) -> None:
    if streams.initial_position == "AT_TIMESTAMP" and not streams.initial_timestamp:
        raise SettingsError(
            "streams",
            "initial.timestamp",
            "",
            "is required with initial.position AT_TIMESTAMP; set it",
        )


def _check_fusion(fusion: FusionSettings) -> None:
    if fusion.kind != "prior" and not fusion.path:
        raise SettingsError("fusion", "path", "", f"is required with kind {fusion.kind}; set it")


def _check_limits(limits: LimitSettings) -> None:
    if limits.min_sample_rate_hz > limits.max_sample_rate_hz:
        raise SettingsError(
            "limits",
            "min.sample.rate.hz",
            limits.min_sample_rate_hz,
            "is above max.sample.rate.hz; lower it",
        )


_KEY_IN_BASE64 = re.compile(r"[A-Za-z0-9+/]{22,}={1,2}")


def _check_pseudonyms(pseudonyms: PseudonymSettings) -> None:
    for key in ("key_file", "secret_arn"):
        _refuse_key_itself("pseudonyms", key_of(key), getattr(pseudonyms, key))
    for key in ("former_key_files", "former_secret_arns"):
        for place in getattr(pseudonyms, key):
            _refuse_key_itself("pseudonyms", key_of(key), place)
    if pseudonyms.key_file and pseudonyms.secret_arn:
        raise SettingsError(
            "pseudonyms", "secret.arn", pseudonyms.secret_arn, "stands beside key.file; keep one"
        )


def _check_erasure(erasure: ErasureSettings) -> None:
    _refuse_key_itself("erasure", "signing.key.file", erasure.signing_key_file)
    if erasure.signing_kms_key_arn and erasure.signing_key_file:
        raise SettingsError(
            "erasure",
            "signing.key.file",
            erasure.signing_key_file,
            "stands beside signing.kms.key.arn; keep one",
        )


def _refuse_key_itself(group: str, key: str, place: str | None) -> None:
    if place and _KEY_IN_BASE64.fullmatch(place):
        remedy = "is the key itself; keep it in a file or secret and name that"
        raise SettingsError(group, key, HIDDEN, remedy)


_WAREHOUSE_URLS = (
    "use redshift://workgroup/NAME/DATABASE, redshift://cluster/NAME/DATABASE or "
    "postgresql://user@host/database"
)


def _check_warehouse(warehouse: WarehouseSettings) -> None:
    if warehouse.url is None:
        return
    try:
        url = urlsplit(warehouse.url)
    except ValueError:
        raise SettingsError("warehouse", "url", warehouse.url, _WAREHOUSE_URLS) from None
    # a password with a slash in it ends up in the path, and its user as the host
    if url.password or "@" in url.path or "password" in parse_qs(url.query):
        raise SettingsError(
            "warehouse", "url", warehouse.url, "no password here; set PGPASSWORD or ~/.pgpass"
        )
    if url.scheme in ("postgresql", "postgres"):
        return
    names = [part for part in url.path.split("/") if part]
    if url.scheme != "redshift" or url.netloc not in ("cluster", "workgroup") or len(names) != 2:  # noqa: PLR2004
        raise SettingsError(
            "warehouse",
            "url",
            warehouse.url,
            _WAREHOUSE_URLS,
        )
    if warehouse.staging_root is None:
        raise SettingsError(
            "warehouse", "staging.root", "", "is required for Redshift; name s3://bucket/prefix"
        )


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"do you mean {near[0]}? " if near else ""
    return f"unknown {what}; {meant}known: {', '.join(sorted(known))}"
