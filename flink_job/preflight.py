"""Before anything starts: can every setting be used? Streams, output, warehouse, models."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors.kinesis_client import KinesisError, connect
from connectors.lake_files import LakeError
from connectors.object_store import ENDPOINT_VARIABLE, ObjectStoreError, check_writable
from connectors.remote_models.client import CallError
from connectors.remote_models.probe import probe_audio, probe_text
from connectors.secret_key import read_key
from connectors.suppression import read_list
from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import WarehouseError, WarehouseSpec
from connectors.warehouse.opening import open_session
from flink_job.model_settings import (
    AudioModelSettings,
    LanguageModelSettings,
    ModelSettings,
    TextModelSettings,
)
from flink_job.setting_types import SettingsError
from flink_job.settings import Settings
from udfs.fusion_loading import FusionFileError
from udfs.fusion_loading import check_models as check_fusion_models
from udfs.models.contract import SHIPPED, AudioModel, ModelError, ModelSpec, TextModel
from udfs.pseudonyms import PseudonymKeyError, Pseudonyms
from udfs.score_text import ANY_LANGUAGE


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    problem: SettingsError | None


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding each."""
    streams = settings.streams
    for key, name in (("audio.stream", streams.audio_stream), ("text.stream", streams.text_stream)):
        yield _finding(f"stream {name}", partial(_check_stream, settings, key, name))
    yield _finding(f"output {settings.lake.root}", partial(check_output, settings))
    if spec := settings.warehouse_spec():
        yield _finding(f"warehouse {spec.url}", partial(_check_warehouse, spec))
    yield from _examine_models(settings)
    yield from _examine_fusion(settings)
    yield _finding(f"policy {settings.policy.path or 'shipped'}", partial(check_policy, settings))
    if settings.pseudonyms.is_set:
        yield _finding("key of the pseudonyms", partial(check_pseudonyms, settings))
    yield _finding("suppression list", partial(check_suppression, settings))


def _examine_models(settings: Settings) -> Iterator[Finding]:
    """What ships with the project is tested there; loading it takes seconds of every start."""
    for group, model in settings.model_groups():
        local = model.local_spec()
        kind = "audio" if isinstance(model, AudioModelSettings) else "text"
        if local is not None and local.path != SHIPPED:
            check = partial(_check_local_model, group, kind, local)
            yield _finding(f"{kind} model {local.path}", check)
        if model.is_remote:
            check = partial(_check_remote_model, group, model, settings.streams.region)
            yield _finding(f"{kind} model {model.backend}", check)


def _examine_fusion(settings: Settings) -> Iterator[Finding]:
    if settings.fusion.kind != "prior":
        yield _finding(
            f"{settings.fusion.kind} fusion {settings.fusion.path}", partial(check_fusion, settings)
        )


def each_problem_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings without those that only show another's consequence: of the same group and key."""
    told = set()
    for finding in findings:
        if (problem := finding.problem) is not None:
            if (problem.group, problem.key) in told:
                continue
            told.add((problem.group, problem.key))
        yield finding


def preflight(settings: Settings) -> None:
    """Stop at the first setting that cannot be used.

    Raises:
        SettingsError: one line with group, key, value and remedy.
    """
    for finding in examine(settings):
        if finding.problem is not None:
            raise finding.problem


def _finding(what: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except SettingsError as problem:
        return Finding(what, problem)
    return Finding(what, None)


def _check_stream(settings: Settings, key: str, name: str) -> None:
    streams = settings.streams
    try:
        shards = connect(streams.region, streams.endpoint).open_shards(name)
    except KinesisError as error:
        remedy = f"{error}; create the stream, or mend name, region, endpoint or rights"
        raise SettingsError("streams", key, name, remedy) from None
    if not shards:
        raise SettingsError("streams", key, name, "has no open shard; name a live stream")


def check_output(settings: Settings) -> None:
    """Whether rows can be written.

    Raises:
        SettingsError: they cannot.
    """
    root = settings.lake.root
    url = urlsplit(root)
    if url.scheme in ("s3a", "s3"):
        key = settings.lake.kms_key_arn
        if key is not None and os.environ.get(ENDPOINT_VARIABLE, "").startswith("http://"):
            raise SettingsError(
                "lake", "kms.key.arn", key, f"{ENDPOINT_VARIABLE} must be https: Flink insists"
            )
        try:
            check_writable(url.netloc, url.path.strip("/"), key)
        except ObjectStoreError as error:
            raise SettingsError("lake", "root", root, str(error)) from None
        return
    if url.scheme not in ("", "file"):
        raise SettingsError("lake", "root", root, "use s3a://bucket/prefix or a folder")
    folder = Path(url.path if url.scheme else root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="_check"):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError("lake", "root", root, f"{reason}; name a folder to write to") from None


def _check_warehouse(spec: WarehouseSpec) -> None:
    try:
        with closing(open_session(spec)) as session:
            check_warehouse(session, spec)
    except WarehouseError as error:
        raise SettingsError("warehouse", "url", spec.url, str(error)) from None


def check_models(settings: Settings) -> None:
    """Load the models that are not our own and ask the remote ones, as a worker will.

    Raises:
        SettingsError: one cannot be used.
    """
    for finding in _examine_models(settings):
        if finding.problem is not None:
            raise finding.problem


def check_policy(settings: Settings) -> None:
    """Whether the policy can be read.

    Raises:
        SettingsError: it cannot.
    """
    settings.policy.policy()


def check_pseudonyms(settings: Settings) -> None:
    """Whether the key of the pseudonyms can be read and is long enough.

    Raises:
        SettingsError: it cannot be used.
    """
    try:
        Pseudonyms(read_key(settings.pseudonym_key()))
    except PseudonymKeyError as error:
        group = settings.pseudonyms
        key, value = (
            ("key.file", group.key_file) if group.key_file else ("secret.arn", group.secret_arn)
        )
        raise SettingsError("pseudonyms", key, value, str(error)) from None


def check_suppression(settings: Settings) -> None:
    """Whether everybody on the suppression list is kept out: each entry's key must be given.

    Raises:
        SettingsError: a key is lacking, or the list cannot be read.
    """
    source = settings.suppression()
    try:
        listed = read_list(source)
    except LakeError as error:
        raise SettingsError("lake", "root", source.root, str(error)) from None
    except PseudonymKeyError as error:
        raise SettingsError("pseudonyms", "former.key.files", "", str(error)) from None
    if listed.unknown_keys:
        remedy = (
            f"{len(listed.unknown_keys)} keys are lacking under which somebody was erased; "
            "name them here or in former.secret.arns"
        )
        raise SettingsError("pseudonyms", "former.key.files", "", remedy)


def check_fusion(settings: Settings) -> None:
    """Whether a trained fusion can be read and knows the models, which are loaded for that.

    A remote model's id is known when it has answered, and it gives no embedding.

    Raises:
        SettingsError: the fusion or a model cannot be used.
    """
    trained = settings.fusion.trained()
    if trained is None:
        return
    for group, model in settings.model_groups():
        if settings.fusion.needs_embeddings and model.is_remote:
            remedy = "early fusion needs embeddings, which a remote model does not give; set local"
            raise SettingsError(group, "backend", model.backend, remedy)
    audio = settings.audio_backend().local
    text = {repr(one.local): one.local for one in settings.text_backends().values() if one.local}
    try:
        check_fusion_models(
            trained,
            [_load_text(spec) for spec in text.values()],
            [_load_audio(audio)] if audio else [],
        )
    except ModelError as error:
        raise SettingsError(
            "fusion", "path", settings.fusion.path, f"cannot be held against its models: {error}"
        ) from None
    except FusionFileError as error:
        raise SettingsError("fusion", "path", settings.fusion.path, str(error)) from None


def _load_audio(spec: ModelSpec) -> AudioModel:
    from udfs.models.audio import load_audio_model  # noqa: PLC0415 - loads a runtime

    return load_audio_model(spec)


def _load_text(spec: ModelSpec) -> TextModel:
    from udfs.models.text import load_text_model  # noqa: PLC0415 - loads a runtime

    return load_text_model(spec)


def _check_local_model(group: str, kind: str, spec: ModelSpec) -> None:
    try:
        _load_audio(spec) if kind == "audio" else _load_text(spec)
    except ModelError as error:
        raise SettingsError(group, "path", spec.path, str(error)) from None


_NAMING_KEY = {"sagemaker": "endpoint.name", "bedrock": "model.id", "comprehend": "backend"}
_NAMES_IT = {
    "sagemaker": "name an endpoint in service and grant sagemaker:InvokeEndpoint",
    "bedrock": "name a model that takes tools, with access granted, and bedrock:InvokeModel",
    "comprehend": "choose a region that has it and grant comprehend:BatchDetectSentiment",
}


def _check_remote_model(group: str, model: ModelSettings, region: str) -> None:
    spec = model.backend_spec(region).remote
    assert spec is not None  # noqa: S101 - it is remote
    try:
        if isinstance(model, LanguageModelSettings):
            probe_text(spec, _a_language_of(group, model))
        else:
            probe_audio(spec)
    except CallError as error:
        key = _NAMING_KEY[model.backend]
        value = model.endpoint_name or getattr(model, "model_id", None) or model.backend
        remedy = f"{error.reason}: {error}; {_NAMES_IT[model.backend]}"
        if error.reason == "bad_answer":
            remedy = f"{error.reason}: {error}; the model must tell every label's probability"
        raise SettingsError(group, key, value, remedy) from None


def _a_language_of(group: str, model: LanguageModelSettings) -> str:
    if not isinstance(model, TextModelSettings):
        return group.rpartition(".")[2]
    return next((one for one in model.languages if one != ANY_LANGUAGE), "en")
