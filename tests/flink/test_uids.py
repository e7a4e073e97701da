"""The uids by which a savepoint finds the job's state, as ``savepoint.json`` tells them to whoever
updates a running job. A change there is *Breaking*."""

from __future__ import annotations

import pytest

from flink_job.local import local_groups
from flink_job.local_job import JAR
from flink_job.main import build_job, job_configuration
from flink_job.savepoint import own_manifest, uids_with
from flink_job.settings import parse_settings


@pytest.mark.parametrize("warehouse", [None, "postgresql://user@host/database"])
def test_every_operator_with_state_has_the_uid_it_had(warehouse: str | None) -> None:
    groups = local_groups({}, "http://127.0.0.1:1", "file:///tmp/none", warehouse)
    settings = parse_settings(groups)
    configuration = job_configuration(settings)
    configuration.set_string("pipeline.jars", JAR.resolve().as_uri())

    env = build_job(settings, configuration).env

    graph = env._j_stream_execution_environment.getStreamGraph(False)
    nodes = graph.getStreamNodes().toArray()
    uids = {node.getTransformationUID() for node in nodes} - {None}
    assert uids == uids_with(own_manifest(), groups)
    unpinned = [node.getOperatorName() for node in nodes if node.getTransformationUID() is None]
    assert not [name for name in unpinned if "Join" in name or "Aggregate" in name]
