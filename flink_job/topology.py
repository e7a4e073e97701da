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

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

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
from udfs.model_udfs import score_audio_udf, score_text_udf
from udfs.records import StreamName
from udfs.rows import SEGMENTS

LOCAL_AUDIO_TASKS = 2
"""Tasks of a slot that score its windows. A task hands its model a bundle, waits for it, and then
gathers the next; with two, one's bundle is scored while the other's is gathered. A remote model's
bundles are large, and what may be in flight is counted by task, so it has one."""


class Outputs(NamedTuple):
    """Every stream that leaves the job."""

    segments: DataStream
    calls: DataStream
    ledger: DataStream
    rejects: DataStream
    loads: DataStream
    """Segments, calls and ledger once more for the warehouse; nothing where there is none."""


class ModelUdfs(NamedTuple):
    """What scores, as vectorised UDFs."""

    audio: Any
    """``signal`` to a ``WindowScore``, both as BYTES."""
    text: Any
    """``text, language, may_send_raw`` to a ``TextScore`` as BYTES."""


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
            hears_in_threads=settings.models_audio.is_remote,
        ),
        text=score_text_udf(
            partial(open_text_scorers, settings.text_backends(), with_embedding=with_embedding)
        ),
    )


def score(
    tables: StreamTableEnvironment, work: DataStream, settings: Settings, models: ModelUdfs
) -> DataStream:
    tables.create_temporary_function("score_audio", models.audio)
    tables.create_temporary_function("score_text", models.text)
    tables.create_temporary_view("work", tables.from_data_stream(work))
    num_tasks = 1 if settings.models_audio.is_remote else LOCAL_AUDIO_TASKS
    with _bundles_of(tables, settings.arrow_batch_size):  # a full batch goes at once
        with_text = tables.to_data_stream(
            tables.sql_query(
                "SELECT call_id, `work`, signal, "
                "score_text(`text`, `language`, may_send_raw) AS text_score FROM `work`"
            )
        )
        tables.create_temporary_view("work_with_text", tables.from_data_stream(with_text))
        views = [
            _calls_of_task(tables, "work_with_text", task, num_tasks) for task in range(num_tasks)
        ]
        scored = (
            f"SELECT call_id, ROW(`work`, score_audio(signal), text_score) AS scored FROM {view}"  # noqa: S608 - a name of ours
            for view in views
        )
        return tables.to_data_stream(tables.sql_query(" UNION ALL ".join(scored)))


def _calls_of_task(tables: StreamTableEnvironment, view: str, task: int, num_tasks: int) -> str:
    """A view of one task's share of the calls; what reads it runs in a task of its own."""
    name = f"{view}_of_task_{task}"
    calls = tables.to_data_stream(
        tables.sql_query(
            f"SELECT * FROM {view} WHERE ABS(MOD(HASH_CODE(call_id), {num_tasks})) = {task}"  # noqa: S608
        )
    )
    _unchain(calls)
    tables.create_temporary_view(name, tables.from_data_stream(calls))
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
