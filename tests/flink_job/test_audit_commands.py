"""``audit`` as an auditor uses it, and what the job and a replay leave in the log."""

import json

import pytest
from typer.testing import CliRunner

from connectors.audit_log import AuditLog
from connectors.lake_files import Lake
from flink_job.audit import record_policy
from flink_job.cli import app
from flink_job.local import local_groups
from flink_job.settings import parse_settings
from udfs.audit_chain import Erasure, PolicyInForce, Replay
from udfs.policy import DEFAULT_POLICY


def audit(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def settings(root, policy=None):
    given = {"policy": {"path": str(policy)}} if policy else {}
    return parse_settings(local_groups(given, "http://127.0.0.1", str(root)))


@pytest.fixture
def log(tmp_path):
    log = AuditLog(Lake(tmp_path))
    log.append(PolicyInForce(version="one", sha256="ab" * 32), 1_760_000_000_000)
    log.append(Replay(rejects=5, sent=3, left=1), 1_760_000_001_000)
    log.append(
        Erasure(
            scope="person",
            receipt_id="r-1",
            subject_sha256="cd" * 32,
            receipt_sha256="ef" * 32,
            erased={"lake": 7},
        ),
        1_760_000_002_000,
    )
    return log


def test_the_log_is_listed(log, tmp_path):
    listed = audit("list", tmp_path)
    assert listed.exit_code == 0
    assert listed.output.splitlines() == [
        f"1 2025-10-09T08:53:20+00:00 policy one in force, SHA-256 {'ab' * 32}",
        "2 2025-10-09T08:53:21+00:00 dead letters replayed: 5 seen, 3 sent, 1 left",
        '3 2025-10-09T08:53:22+00:00 person erased, receipt r-1: {"lake":7}',
        "3 lines",
    ]


def test_the_log_is_listed_as_json_lines(log, tmp_path):
    lines = [json.loads(line) for line in audit("list", tmp_path, "--json").output.splitlines()]
    assert [line["entry"]["kind"] for line in lines] == ["policy", "replay", "erasure"]


def test_a_whole_log_is_verified_and_its_head_told(log, tmp_path):
    verified = audit("verify", tmp_path)
    assert verified.exit_code == 0
    head = verified.output.splitlines()[-1].removeprefix("head ")
    assert audit("verify", tmp_path, "--expect", head).exit_code == 0


def test_a_changed_line_fails(log, tmp_path):
    line = tmp_path / "audit" / "000000000002.json"
    line.write_bytes(line.read_bytes().replace(b'"sent":3', b'"sent":4'))
    verified = audit("verify", tmp_path)
    assert verified.exit_code == 1
    assert "line 3 does not follow line 2" in verified.output


def test_a_wrong_head_is_wrong_use(tmp_path):
    assert audit("verify", tmp_path, "--expect", "3").exit_code == 2


def test_a_start_records_its_policy_once_until_it_changes(tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(DEFAULT_POLICY.read_text().replace("version: default-1", "version: mine-2"))
    for number, policy in enumerate([None, None, other, other, None]):
        record_policy(settings(tmp_path, policy), number)

    recorded = [(line.at_ms, line.entry.version) for line in AuditLog(Lake(tmp_path)).lines()]
    assert recorded == [(0, "default-1"), (2, "mine-2"), (4, "default-1")]


def test_a_policy_that_changed_under_its_old_name_is_recorded(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(DEFAULT_POLICY.read_bytes())
    record_policy(settings(tmp_path, policy), 0)
    policy.write_text(DEFAULT_POLICY.read_text().replace("audio: score", "audio: withhold"))
    record_policy(settings(tmp_path, policy), 1)
    first, second = AuditLog(Lake(tmp_path)).lines()
    assert first.entry.version == second.entry.version
    assert first.entry.sha256 != second.entry.sha256
