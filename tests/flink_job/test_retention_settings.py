"""One group of settings, and everything that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.deployment.templates import load_template
from flink_job.retention_settings import (
    CLASSES,
    LOG_GROUP_DAYS,
    RetentionSettings,
    retention_parameters,
)
from flink_job.settings import SettingsError, parse_settings

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "cloudformation"
REQUIRED = {"streams": {"audio.stream": "a", "text.stream": "t"}, "lake": {"root": "/lake"}}


def retention(**given: str) -> RetentionSettings:
    group = {key.replace("_", "."): value for key, value in given.items()}
    return parse_settings({**REQUIRED, "retention": group}).retention


def rules_of(bucket: str) -> dict[str, object]:
    resource = load_template(TEMPLATES / "storage.yaml")["Resources"][bucket]
    rules = resource["Properties"]["LifecycleConfiguration"]["Rules"]
    return {rule["Id"]: rule.get("ExpirationInDays") for rule in rules}


def test_every_setting_is_a_class_with_a_parameter():
    assert {one.setting for one in CLASSES} == set(RetentionSettings.model_fields)


def test_the_stacks_defaults_are_the_settings():
    known = load_template(TEMPLATES / "call-sentiment.yaml")["Parameters"]

    parameters = retention_parameters(retention(), {})

    assert {name: str(known[name]["Default"]) for name in parameters} == parameters
    assert tuple(known["LogDays"]["AllowedValues"]) == LOG_GROUP_DAYS


def test_the_settings_are_the_stacks_parameters():
    found = retention(segments_days="14", audio_stream_hours="24", logs_days="30")

    parameters = retention_parameters(found, {"Parallelism": "4", "SegmentDays": "14"})

    assert parameters["SegmentDays"] == "14"
    assert parameters["AudioStreamHours"] == "24"
    assert parameters["LogDays"] == "30"


def test_a_parameter_that_says_something_else_is_refused():
    with pytest.raises(SettingsError, match=r"'rejects\.days'.*RejectDays says 90; set this alone"):
        retention_parameters(retention(), {"RejectDays": "90"})


def test_every_class_has_a_lifecycle_of_its_own():
    parameters = {one.parameter for one in CLASSES}
    lake = rules_of("LakeBucket")

    assert lake["segments"] == {"Ref": "SegmentDays"}
    assert lake["calls"] == {"Ref": "SummaryDays"}
    assert lake["ledger"] == {"Ref": "LedgerDays"}
    assert lake["rejects"] == lake["replays"] == {"Ref": "RejectDays"}
    assert rules_of("StagingBucket")["loaded"] == {"Ref": "StagedDays"}
    assert rules_of("LogBucket")["access-logs"] == {"Ref": "LogDays"}
    streams = load_template(TEMPLATES / "streams.yaml")["Resources"]
    hours = [one["Properties"]["RetentionPeriodHours"] for one in streams.values()]
    assert hours == [{"Ref": "AudioStreamHours"}, {"Ref": "TextStreamHours"}]
    root = load_template(TEMPLATES / "call-sentiment.yaml")["Resources"]
    handed_on = {
        name
        for stack in ("Streams", "Storage", "Job")
        for name, value in root[stack]["Properties"]["Parameters"].items()
        if value == {"Ref": name}
    }
    assert parameters <= handed_on


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("segments_days", "0", "at least 1"),
        ("logs_days", "100", "CloudWatch keeps logs for: 1, 3, 5"),
        ("audio_stream_hours", "12", "at least 24"),
        ("text_stream_hours", "9000", "at most 8760"),
        ("ledgers_days", "500", "above summaries.days"),
    ],
)
def test_what_no_store_can_keep_is_refused(key, value, remedy):
    with pytest.raises(SettingsError, match=remedy):
        retention(**{key: value})
