"""capacity, as somebody calls it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flink_job import capacity_commands
from flink_job.capacity.figures import Bench, known_figures
from flink_job.cli import app


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["capacity", *arguments], env={"COLUMNS": "140"})
    assert isinstance(result.exception, SystemExit | None)
    return result.exit_code, result.output


def test_it_tells_needs_limits_and_price():
    code, output = call("--channels", "2000", "--backend", "sagemaker")

    assert code == 0
    for word in ("KPUs", "audio shards", "endpoint instances", "first to bend", "orchestration"):
        assert word in output


def test_json_has_the_same():
    code, output = call("--channels", "2000", "--json", "--price", "kpu_hour=1")

    found = json.loads(output)
    assert code == 0
    assert found["kpus"] >= 1
    assert {limit["name"] for limit in found["limits"]} >= {"KPUs of the application"}
    [kpus] = [one for one in found["monthly_dollars"] if one["what"] == "Flink: KPUs"]
    assert kpus["dollars"] == (found["kpus"] + 1) * 730
    assert found["monthly_dollars_all"] == pytest.approx(
        sum(one["dollars"] for one in found["monthly_dollars"])
    )


def test_what_is_beyond_a_quota_is_said():
    code, output = call("--channels", "20000")

    assert code == 0
    assert "beyond its limit: KPUs of the application" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--channels", "0"], "--channels"),
        (["--channels", "10", "--utilisation", "0"], "utilisation"),
        (["--channels", "10", "--call-min", "-1"], "call_min"),
        (["--channels", "10", "--price", "kpu=1"], "price 'kpu' is unknown"),
        (["--channels", "10", "--price", "kpu_hour=nan"], "0 or more"),
        (["--channels", "10", "--price", "kpu_hour=cheap"], "number of dollars"),
        (["--channels", "10", "--bench", "nowhere.json"], "run make bench"),
        (["--channels", "400", "--channels-per-call", "400"], "one call alone"),
        (["--channels", "10", "--backend", "azure"], "azure"),
    ],
)
def test_wrong_use_is_told_plainly(arguments, words):
    code, output = call(*arguments)

    assert code == 2
    assert words in output


def test_pyflinks_bundles_need_their_own_figures(monkeypatch):
    ours = known_figures().ours
    monkeypatch.setattr(capacity_commands, "known_figures", lambda: Bench(ours, None))
    assert "run make bench" in call("--channels", "10", "--default-bundles")[1]
    monkeypatch.setattr(capacity_commands, "known_figures", lambda: Bench(ours, ours))
    assert call("--channels", "10", "--default-bundles")[0] == 0
