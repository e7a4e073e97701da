"""Before anything starts: can every setting be used? Streams, models, output."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors.kinesis_client import KinesisError, connect
from connectors.object_store import ObjectStoreError, check_writable
from flink_job.settings import Settings, SettingsError
from udfs.fusion_loading import FusionFileError, TrainedFusion
from udfs.fusion_loading import check_models as check_fusion_models
from udfs.models.contract import SHIPPED, AudioModel, ModelError, TextModel


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
    yield from _examine_models(settings)
    yield from _examine_fusion(settings)


def _examine_models(settings: Settings) -> Iterator[Finding]:
    """What ships with the project is tested there; loading it takes seconds of every start."""
    audio, text = settings.models_audio, settings.models_text
    if audio.enabled and audio.path != SHIPPED:
        yield _finding(f"audio model {audio.path}", partial(_check_audio_model, settings))
    if text.enabled and text.path != SHIPPED:
        yield _finding(f"text model {text.path}", partial(_check_text_model, settings))


def _examine_fusion(settings: Settings) -> Iterator[Finding]:
    if settings.fusion.kind != "prior":
        yield _finding(
            f"{settings.fusion.kind} fusion {settings.fusion.path}", partial(check_fusion, settings)
        )


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
        try:
            check_writable(url.netloc, url.path.strip("/"))
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


def check_models(settings: Settings) -> None:
    """Load the models that are enabled and not our own, as a worker will.

    Raises:
        SettingsError: one cannot be used.
    """
    for finding in _examine_models(settings):
        if finding.problem is not None:
            raise finding.problem


def check_fusion(settings: Settings) -> None:
    """Whether a trained fusion can be read and knows the models, which are loaded for that.

    Raises:
        SettingsError: the fusion or a model cannot be used.
    """
    trained = settings.fusion.trained()
    if trained is None:
        return
    from udfs.models.audio import load_audio_model  # noqa: PLC0415 - loads torch
    from udfs.models.text import load_text_model  # noqa: PLC0415 - loads torch

    audio_spec, text_specs = settings.audio_spec(), settings.text_specs()
    try:
        text = [
            load_text_model(spec) for spec in {repr(s): s for s in text_specs.values()}.values()
        ]
        audio = [load_audio_model(audio_spec)] if audio_spec else []
    except ModelError as error:
        raise SettingsError(
            "fusion", "path", settings.fusion.path, f"cannot be held against its models: {error}"
        ) from None
    check_fits(settings, trained, text, audio)


def check_fits(
    settings: Settings,
    trained: TrainedFusion,
    text: Iterable[TextModel],
    audio: Iterable[AudioModel],
) -> None:
    """Whether a trained fusion knows these models.

    Raises:
        SettingsError: it was trained for others, or needs what they do not give.
    """
    try:
        check_fusion_models(trained, text, audio)
    except FusionFileError as error:
        raise SettingsError("fusion", "path", settings.fusion.path, str(error)) from None


def _check_audio_model(settings: Settings) -> None:
    from udfs.models.audio import load_audio_model  # noqa: PLC0415 - loads torch

    try:
        load_audio_model(settings.models_audio.spec())
    except ModelError as error:
        path = settings.models_audio.path
        raise SettingsError("models.audio", "path", path, str(error)) from None


def _check_text_model(settings: Settings) -> None:
    from udfs.models.text import load_text_model  # noqa: PLC0415 - loads torch

    try:
        load_text_model(settings.models_text.spec())
    except ModelError as error:
        path = settings.models_text.path
        raise SettingsError("models.text", "path", path, str(error)) from None
