"""policy explain, check and schema, as somebody calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flink_job.cli import app
from tests.policies import rule
from udfs.policy import policy_schema


def call(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["policy", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def write(path: Path, *rules: dict) -> Path:
    path.write_text(json.dumps({"version": "mine-7", "rules": rules}))
    return path


def test_explain_names_the_rule_its_reason_and_its_sources():
    code, said = call("explain", "--role", "agent", "--jurisdiction", "DE", "--consent", "given")

    assert code == 0
    assert "audio: withhold, by rule agent-voice-eea" in said
    assert "Art. 5(1)(f)" in said
    assert "text: score, by rule words" in said


def test_explain_says_what_of_a_place_is_not_understood():
    _, said = call("explain", "--role", "agent", "--jurisdiction", "Germany")

    assert "Germany is no ISO 3166 code: the jurisdiction is taken as unknown" in said
    assert "by rule agent-voice-unknown-place" in said
    assert "no ISO" not in call("explain", "--role", "agent", "--jurisdiction", "eu")[1]


def test_explain_of_a_chat_says_nothing_of_a_voice():
    _, said = call("explain", "--role", "customer", "--channel", "chat")

    assert "audio" not in said


def test_explain_by_a_file_of_ones_own(tmp_path):
    file = write(tmp_path / "own.yaml", rule("r1", text="score", keep_rejects=False))

    _, said = call("explain", "--role", "customer", "--policy", file)

    assert "policy mine-7" in said
    assert "audio: withhold, by rule (no rule)" in said
    assert "what no rule decides is withheld" in said
    assert "must not be stored" in said


def test_check_is_content_with_the_shipped_policy():
    assert call("check") == (0, "policy default-1: 5 rules, each decides somewhere")


def test_check_finds_hidden_rules_and_gaps(tmp_path):
    file = write(
        tmp_path / "own.yaml",
        rule("wide", audio="score"),
        rule("hidden", when={"role": ["agent"]}, audio="withhold"),
        rule("words", when={"consent": ["given"]}, text="score"),
    )

    code, said = call("check", file)

    assert code == 1
    assert "rule hidden never decides about audio: hidden behind wide" in said
    assert "no rule decides about text, so it is withheld: agent in unknown, consent ref" in said
    assert "3 more" in said


@pytest.mark.parametrize("command", [["check"], ["explain", "--role", "agent", "--policy"]])
def test_a_file_that_is_no_policy_is_wrong_use(tmp_path, command):
    file = tmp_path / "broken.yaml"
    file.write_text("rules: 7")

    code, said = call(*command, file)

    assert code == 2
    assert "broken.yaml" in said


def test_schema_is_the_published_one():
    result = CliRunner().invoke(app, ["policy", "schema"])

    assert result.output == policy_schema()
