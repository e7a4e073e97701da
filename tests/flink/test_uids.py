"""The uids by which a savepoint finds the job's state. A change here is *Breaking*."""

from __future__ import annotations

import pytest

from flink_job.local import local_groups
from flink_job.local_job import JAR
from flink_job.main import build_job, job_configuration
from flink_job.settings import parse_settings

PINNED = {
    "audio-source",
    "text-source",
    "open-audio",
    "open-text",
    "pulses-LocalWindowAggregate",
    "pulses-GlobalWindowAggregate",
    "intake",
    "assembly",
    *(
        f"{table}-{operator}"
        for table in ("segments", "calls", "ledger", "rejects")
        for operator in ("streaming-writer", "compact-coordinator", "compact-operator", "end")
    ),
}


@pytest.mark.parametrize(
    ("warehouse", "pinned"),
    [(None, PINNED), ("postgresql://user@host/database", PINNED | {"warehouse"})],
)
def test_every_operator_with_state_has_the_uid_it_had(
    warehouse: str | None, pinned: set[str]
) -> None:
    groups = local_groups({}, "http://127.0.0.1:1", "file:///tmp/none", warehouse)
    settings = parse_settings(groups)
    configuration = job_configuration(settings)
    configuration.set_string("pipeline.jars", JAR.resolve().as_uri())

    env = build_job(settings, configuration).env

    graph = env._j_stream_execution_environment.getStreamGraph(False)
    nodes = graph.getStreamNodes().toArray()
    assert {node.getTransformationUID() for node in nodes} - {None} == pinned
    unpinned = [node.getOperatorName() for node in nodes if node.getTransformationUID() is None]
    assert not [name for name in unpinned if "Join" in name or "Aggregate" in name]
