"""The whole job on one page: what flows where, and nothing else.

    audio ─► open ─┐                                          ┌─► segments
                   ├─► intake ───► score text, score audio ─► assembly ─► calls
    text ──► open ─┘   by call     models, in batches         by call ─► ledger
              └─► rejects ◄┘

Intake sees every record of a call and decides; its work (windows to score, utterances to score,
the call's close) passes the models in order, so assembly never waits for what is on its way.
What a step cannot use leaves as a reject. Segments, calls and ledger leave once more for the
warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table

from connectors.lake_tables import row_type
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from flink_job.arrows import (
    calls_tag,
    ledger_tag,
    loads_tag,
    opened_type,
    records_type,
    rejects_tag,
    scored_type,
    work_type,
)
from flink_job.call_assembly import CallAssembly
from flink_job.call_intake import CallIntake
from flink_job.keyed import keyed
from flink_job.open_records import OpenRecords
from flink_job.pulses import with_pulses
from flink_job.settings import Settings
from flink_job.stream_time import with_stream_time
from udfs.model_udfs import ScoringUdf, score_audio_udf, score_text_udf
from udfs.records import StreamName
from udfs.rows import SEGMENTS

LOCAL_AUDIO_TASKS = 2
"""Tasks of a slot that score its windows by a model of the worker's. A task hands its model a
bundle, waits for it, and then gathers the next; with two, one's bundle is scored while the other's
is gathered. A remote model's bundles are only begun (``udfs.begun_work``), so it has one."""


class Outputs(NamedTuple):
    """Every stream that leaves the job."""

    segments: DataStream
    calls: DataStream
    ledger: DataStream
    rejects: DataStream
    loads: DataStream
    """Segments, calls and ledger once more for the warehouse; nothing where there is none."""


class ModelUdfs(NamedTuple):
    """What scores."""

    audio: ScoringUdf
    """``signal`` to a ``WindowScore``."""
    text: ScoringUdf
    """``text, language, may_send_raw`` to a ``TextScore``."""


class Opened(NamedTuple):
    records: Table
    refused: DataStream


class Step(NamedTuple):
    accepted: DataStream
    refused: DataStream


def build_topology(
    tables: StreamTableEnvironment,
    audio: DataStream,
    text: DataStream,
    settings: Settings,
    models: ModelUdfs,
) -> Outputs:
    """Connect the steps. Sources and sinks belong to the caller."""
    opened_audio = open_records(tables, audio, "audio", settings)
    opened_text = open_records(tables, text, "text", settings)
    # (call_id, opened, rowtime)
    records = opened_audio.records.union_all(opened_text.records)
    work = take_in(with_pulses(tables, records, settings.calls.longest_wait_ms), settings)
    # (call_id, work, signal, text, language, may_send_raw)
    scored = score(tables, work.accepted, settings, models)
    # (call_id, (work, audio_score, text_score))
    segments = assemble(scored, settings)
    return Outputs(
        segments=segments,
        calls=segments.get_side_output(calls_tag()),
        ledger=segments.get_side_output(ledger_tag()),
        rejects=opened_audio.refused.union(opened_text.refused, work.refused),
        loads=segments.get_side_output(loads_tag()),
    )


def open_records(
    tables: StreamTableEnvironment, rows: DataStream, stream: StreamName, settings: Settings
) -> Opened:
    opened = _named(
        rows.process(
            OpenRecords(
                stream,
                settings.limits.limits(),
                settings.time,
                settings.pseudonym_key(),
                settings.suppression(),
            ),
            output_type=opened_type(),
        ),
        f"open-{stream}",
    )
    records = with_stream_time(tables, opened, f"opened_{stream}")
    return Opened(records, opened.get_side_output(rejects_tag()))


def take_in(records: DataStream, settings: Settings) -> Step:
    work = _named(
        keyed(records, records_type()).process(
            CallIntake(
                settings.calls, settings.time, settings.policy.policy(), settings.suppression()
            ),
            output_type=work_type(),
        ),
        "intake",
        # In a task of its own: chained to the models, each would stand still while the other runs.
    ).disable_chaining()
    return Step(work, work.get_side_output(rejects_tag()))


def model_udfs(settings: Settings) -> ModelUdfs:
    """The models of the settings."""
    with_embedding = settings.fusion.needs_embeddings
    return ModelUdfs(
        audio=score_audio_udf(
            partial(open_audio_scorer, settings.audio_backend(), with_embedding=with_embedding),
            is_remote=settings.models_audio.is_remote,
        ),
        text=score_text_udf(
            partial(open_text_scorers, settings.text_backends(), with_embedding=with_embedding),
            is_remote=any(group.is_remote for _, group in settings.text_groups()),
        ),
    )


def score(
    tables: StreamTableEnvironment, work: DataStream, settings: Settings, models: ModelUdfs
) -> DataStream:
    """Text, then voice, in tasks of their own; what they only begin is finished behind them."""
    functions = {
        "score_text": models.text.score,
        "score_audio": models.audio.score,
        "finish_text": models.text.finish,
        "finish_audio": models.audio.finish,
    }
    for name, function in functions.items():
        if function is not None:
            tables.create_temporary_function(name, function)
    tables.create_temporary_view("work", tables.from_data_stream(work))
    num_tasks = LOCAL_AUDIO_TASKS if models.audio.finish is None else 1
    with _bundles_of(tables, settings.arrow_batch_size):  # a full batch goes at once
        with_text = tables.to_data_stream(
            tables.sql_query(
                "SELECT call_id, `work`, signal, "
                "score_text(`text`, `language`, may_send_raw) AS text_score FROM `work`"
            )
        )
        tables.create_temporary_view("work_with_text", tables.from_data_stream(with_text))
        share = "SELECT * FROM work_with_text WHERE ABS(MOD(HASH_CODE(call_id), {})) = {}"
        views = [
            _view_before_a_task(tables, f"work_of_task_{task}", share.format(num_tasks, task))
            for task in range(num_tasks)
        ]
        audio, text = "score_audio(signal)", "text_score"
        if models.audio.finish is not None or models.text.finish is not None:
            begun = _of_all(f"call_id, `work`, {audio} AS audio_score, {text}", views)
            views = [_view_before_a_task(tables, "begun", begun)]
            audio = "audio_score" if models.audio.finish is None else "finish_audio(audio_score)"
            text = "text_score" if models.text.finish is None else "finish_text(text_score)"
        scored = _of_all(f"call_id, ROW(`work`, {audio}, {text}) AS scored", views)
        return tables.to_data_stream(tables.sql_query(scored))


def _of_all(columns: str, views: Iterable[str]) -> str:
    """The query of these columns of all the views."""
    return " UNION ALL ".join(f"SELECT {columns} FROM {view}" for view in views)  # noqa: S608 - names of ours


def _view_before_a_task(tables: StreamTableEnvironment, name: str, query: str) -> str:
    """A view of a query; what reads it runs in a task of its own."""
    stream = tables.to_data_stream(tables.sql_query(query))
    _unchain(stream)
    tables.create_temporary_view(name, tables.from_data_stream(stream))
    return name


def assemble(scored: DataStream, settings: Settings) -> DataStream:
    return _named(
        keyed(scored, scored_type()).process(
            CallAssembly(
                settings.fusion.fuser(),
                settings.calls.text_wait_ms,
                settings.suppression(),
                has_warehouse=settings.warehouse.url is not None,
            ),
            output_type=row_type(SEGMENTS),
        ),
        "assembly",
    )


@contextmanager
def _bundles_of(tables: StreamTableEnvironment, size: int) -> Iterator[None]:
    """Bundles of at most ``size`` rows for the UDFs that are planned within."""
    config, key = tables.get_config(), "python.fn-execution.bundle.size"
    before = config.get(key, "")
    config.set(key, str(size))
    yield
    config.set(key, before)  # or it would become every step's


def _unchain(stream: DataStream) -> None:
    """Let the steps before and behind a stream of the table layer run in tasks of their own."""
    strategy = get_gateway().jvm.org.apache.flink.streaming.api.operators.ChainingStrategy
    stream._j_data_stream.getTransformation().setChainingStrategy(strategy.NEVER)  # noqa: SLF001 - no public way


def _named(stream: DataStream, name: str) -> DataStream:
    """Name and uid from one string: a savepoint finds a step's state by its uid."""
    return stream.name(name).uid(name)
