"""Settings: what is wrong stops the start with one line of group, key, value and remedy."""

from __future__ import annotations

import json

import pytest

from connectors.remote_models.spec import BackendSpec
from connectors.secret_key import KeySource
from flink_job.preflight import check_policy, check_pseudonyms
from flink_job.settings import (
    FOREIGN_GROUPS,
    Settings,
    SettingsError,
    describe_settings,
    parse_settings,
    read_properties,
)
from udfs.envelope import Limits
from udfs.fusion import PriorFusion
from udfs.intake import IntakeRules
from udfs.models.contract import ModelSpec

REQUIRED = {
    "streams": {"audio.stream": "call-audio", "text.stream": "call-text"},
    "lake": {"root": "s3a://bucket/prefix"},
}


def settings(**groups: dict[str, str]) -> Settings:
    """With the required ones; ``calls=...`` changes group ``calls``; ``models_text`` is dotted."""
    given = {name: dict(group) for name, group in REQUIRED.items()}
    for name, group in groups.items():
        given.setdefault(name.replace("_", "."), {}).update(group)
    return parse_settings(given)


def wrong(**groups: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**groups)
    return str(caught.value)


# --- right -------------------------------------------------------------------------------------


def test_only_streams_and_root_are_required():
    found = settings()

    assert found.streams.audio_stream == "call-audio"
    assert found.streams.initial_position == "LATEST"
    assert found.lake.root == "s3a://bucket/prefix"


def test_the_defaults_are_the_designs():
    found = settings()

    assert found.calls.rules() == IntakeRules()
    assert found.limits.limits() == Limits()
    assert found.fusion.fuser() == PriorFusion()
    assert (found.calls.text_wait_ms, found.calls.tombstone_ms) == (3_000, 86_400_000)
    assert (found.time.start_hold_ms, found.time.silent_shard_ms) == (30_000, 60_000)
    assert found.audio_backend() == BackendSpec(local=ModelSpec())
    assert found.text_backends() == {"en": BackendSpec(local=ModelSpec())}
    assert found.arrow_batch_size == 16


def test_every_value_is_a_string_and_becomes_what_it_means():
    found = settings(
        calls={"gap.wait.ms": "0", "late.audio.ms": "20000"},
        lake={"auto.compaction": "false"},
        models_text={"languages": "en, de ,*", "operating.prior": "0.2,0.6,0.2"},
        models_audio={
            "label.map": "hap=positive,ang=negative",
            "precision": "bfloat16",
            "runtime": "torch",
        },
        fusion={"text.trust": "0.5"},
    )

    assert found.calls.rules().gap_wait_ms == 0
    assert found.calls.rules().late_audio_ms == 20_000
    assert found.lake.auto_compaction is False
    assert list(found.text_backends()) == ["en", "de", "*"]
    assert found.text_backends()["de"].local.operating_prior == (0.2, 0.6, 0.2)
    local = found.audio_backend().local
    assert local.label_map == {"hap": "positive", "ang": "negative"}
    assert (local.precision, local.runtime) == ("bfloat16", "torch")
    assert found.fusion.fuser().text_trust == 0.5


def test_a_modality_can_be_left_out():
    found = settings(models_audio={"backend": "none"}, models_text={"backend": "none"})

    assert found.audio_backend() == BackendSpec()
    assert found.text_backends() == {"*": BackendSpec()}


def test_an_empty_optional_value_is_unset():
    found = settings(streams={"endpoint": ""}, models_text={"operating.prior": ""})

    assert found.streams.endpoint is None
    assert found.models_text.operating_prior is None


@pytest.mark.parametrize("group", sorted(FOREIGN_GROUPS))
def test_groups_of_the_service_are_not_ours_to_judge(group):
    parse_settings({**REQUIRED, group: {"python": "main.py", "jarfile": "lib/x.jar"}})


# --- wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("streams", "audio.stream", ""),
        ("streams", "initial.position", "earliest"),
        ("streams", "get.records.max", "0"),
        ("streams", "get.records.max", "10001"),
        ("streams", "get.records.interval.ms", "0"),
        ("streams", "initial.timestamp", "yesterday"),
        ("lake", "root", ""),
        ("lake", "auto.compaction", "perhaps"),
        ("calls", "text.wait.ms", "-1"),
        ("calls", "text.wait.ms", "3 s"),
        ("calls", "text.wait.ms", "1.5"),
        ("calls", "text.wait.ms", ""),
        ("calls", "idle.wait.ms", "1e3"),
        ("calls", "tombstone.ms", "0"),
        ("calls", "end.wait.ms", "99999999999"),
        ("time", "start.hold.ms", "nan"),
        ("limits", "id.characters", "0"),
        ("limits", "started.at.past.days", "9999999"),
        ("models.audio", "precision", "int8"),
        ("models.audio", "runtime", "tensorflow"),
        ("models.audio", "backend", "comprehend"),
        ("models.audio", "backend", "azure"),
        ("models.audio", "content.type", "audio/mp3"),
        ("models.audio", "concurrency", "0"),
        ("models.audio", "concurrency", "513"),
        ("models.audio", "inputs.per.call", "17"),
        ("models.audio", "time.limit.ms", "99"),
        ("models.audio", "retries", "11"),
        ("models.audio", "price.input", "nan"),
        ("models.text", "fallback", "bedrock"),
        ("models.audio", "path", ""),
        ("models.audio", "label.map", "happy"),
        ("models.audio", "label.map", "happy=joyful"),
        ("models.audio", "training.prior", "0.5,0.5"),
        ("models.audio", "training.prior", "0.5,0.5,0.5"),
        ("models.audio", "training.prior", "0,0.5,0.5"),
        ("models.audio", "training.prior", "a,b,c"),
        ("models.text", "operating.prior", "nan,0.5,0.5"),
        ("models.text", "operating.prior", "-0.5,1,0.5"),
        ("models.text", "languages", ""),
        ("models.text", "languages", "en,,de"),
        ("models.text", "languages", "en-US"),
        ("models.text", "languages", "English"),
        ("fusion", "text.trust", "0"),
        ("fusion", "text.trust", "1.1"),
        ("fusion", "audio.trust", "nan"),
        ("flink", "bundle.size", "0"),
        ("flink", "parallelism", "257"),
    ],
)
def test_an_impossible_value_is_one_line_of_group_key_value_and_remedy(group, key, value):
    line = wrong(**{group: {key: value}})

    head = f"settings: group {group!r}, key {key!r}, value {value!r}: "
    assert line.startswith(head)
    assert len(line) > len(head) + 5
    assert "\n" not in line


def test_an_unknown_key_names_the_known_ones():
    line = wrong(calls={"text_wait_ms": "3000"})

    assert "'text_wait_ms'" in line
    assert "text.wait.ms" in line


def test_an_unknown_group_names_the_known_ones():
    line = wrong(call={"text.wait.ms": "3000"})

    assert "group 'call'" in line
    assert "calls" in line


@pytest.mark.parametrize(("missing_group", "key"), [("streams", "audio.stream"), ("lake", "root")])
def test_what_is_required_is_asked_for(missing_group, key):
    groups = {name: group for name, group in REQUIRED.items() if name != missing_group}

    with pytest.raises(SettingsError, match=f"group '{missing_group}', key '{key}'.*required"):
        parse_settings(groups)


def test_a_missing_stream_is_asked_for():
    with pytest.raises(SettingsError, match=r"group 'streams', key 'text\.stream'.*required"):
        parse_settings({**REQUIRED, "streams": {"audio.stream": "a"}})


def test_a_value_that_is_no_string_is_refused_as_the_service_would():
    with pytest.raises(SettingsError, match=r"key 'text\.wait\.ms', value 3000: .*quotes"):
        parse_settings({**REQUIRED, "calls": {"text.wait.ms": 3000}})


def test_reading_from_a_time_needs_the_time():
    assert "'initial.timestamp'" in wrong(streams={"initial.position": "AT_TIMESTAMP"})
    found = settings(
        streams={
            "initial.position": "AT_TIMESTAMP",
            "initial.timestamp": "2026-11-23T12:00:00.000-00:00",
        }
    )
    assert found.streams.initial_timestamp == "2026-11-23T12:00:00.000-00:00"


def test_rates_must_leave_room():
    line = wrong(limits={"min.sample.rate.hz": "16000", "max.sample.rate.hz": "8000"})

    assert "'min.sample.rate.hz'" in line


# --- the service's limits ----------------------------------------------------------------------


def test_a_value_may_have_as_many_characters_as_the_service_takes():
    settings(lake={"root": "s" * 2_048})
    line = wrong(lake={"root": "s" * 2_049})

    assert "2048" in line
    assert len(line) < 200


def test_a_group_may_have_as_many_keys_as_the_service_takes():
    line = wrong(calls={f"k{n}": "1" for n in range(51)})

    assert "50 keys" in line


def test_there_may_be_as_many_groups_as_the_service_takes():
    with pytest.raises(SettingsError, match="50 groups"):
        parse_settings({f"g{n}": {} for n in range(51)})


def test_our_own_groups_fit_the_services_limits():
    by_group: dict[str, int] = {}
    for doc in describe_settings():
        by_group[doc.group] = by_group.get(doc.group, 0) + 1

    assert len(by_group) <= 50
    assert max(by_group.values()) <= 50


# --- the table ---------------------------------------------------------------------------------


def test_the_table_has_every_setting_with_its_meaning():
    docs = list(describe_settings())

    known = {
        (group.replace("_", "."), name.replace("_", "."))
        for group, field in Settings.model_fields.items()
        if group != "models_text_of_language"
        for name in field.annotation.model_fields
    } | {("models.text.<language>", "…")}
    assert {(doc.group, doc.key) for doc in docs} == known
    assert len(docs) == len(known)
    assert all(doc.meaning for doc in docs)
    assert {doc.key for doc in docs if doc.default == "required"} == {
        "audio.stream",
        "text.stream",
        "root",
    }


def test_every_default_of_the_table_can_be_written_as_a_value():
    groups: dict[str, dict[str, str]] = {name: dict(group) for name, group in REQUIRED.items()}
    for doc in describe_settings():
        if doc.default not in ("required", ""):
            groups.setdefault(doc.group, {})[doc.key] = doc.default

    assert parse_settings(groups) == settings()


# --- the file ----------------------------------------------------------------------------------


def test_a_file_in_the_services_format(tmp_path):
    path = tmp_path / "application_properties.json"
    path.write_text(
        json.dumps([{"PropertyGroupId": g, "PropertyMap": m} for g, m in REQUIRED.items()])
    )

    assert read_properties(path) == REQUIRED


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "{}",
        "17",
        "[17]",
        '[{"PropertyGroupId": "lake"}]',
        '[{"PropertyMap": {}}]',
        '[{"PropertyGroupId": 3, "PropertyMap": {}}]',
        '[{"PropertyGroupId": "lake", "PropertyMap": []}]',
        '[{"PropertyGroupId": "lake", "PropertyMap": {}},'
        ' {"PropertyGroupId": "lake", "PropertyMap": {}}]',
    ],
)
def test_a_file_of_another_format_is_one_line(tmp_path, content):
    path = tmp_path / "p.json"
    path.write_text(content)

    with pytest.raises(SettingsError) as caught:
        read_properties(path)

    assert "\n" not in str(caught.value)


def test_a_file_that_is_absent_or_no_text_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match="--properties FILE"):
        read_properties(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError):
        read_properties(tmp_path / "binary")
    with pytest.raises(SettingsError):
        read_properties(tmp_path)


# --- policy and pseudonyms ---------------------------------------------------------------------


def test_the_shipped_policy_holds_unless_another_is_named(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("{version: own-1, rules: [{id: a, text: score, reason: ours}]}")

    assert settings().policy.policy().version == "default-1"
    assert settings(policy={"path": str(own)}).policy.policy().version == "own-1"


def test_a_policy_that_cannot_be_used_is_told_in_one_line(tmp_path):
    path = str(tmp_path / "nowhere.yaml")

    with pytest.raises(SettingsError, match=r"policy.*path.*nowhere\.yaml.*No such file"):
        check_policy(settings(policy={"path": path}))


def test_the_key_of_the_pseudonyms_comes_from_one_place():
    found = settings(pseudonyms={"secret.arn": "arn:x"}, streams={"region": "eu-west-1"})

    assert found.pseudonym_key() == KeySource(None, "arn:x", "eu-west-1")
    both = {"secret.arn": "arn:x", "key.file": "key"}
    assert "keep one" in wrong(pseudonyms=both)


@pytest.mark.parametrize("content", ["AAAA", "no key"])
def test_a_key_that_cannot_be_used_is_told_and_not_quoted(tmp_path, content):
    file = tmp_path / "key"
    file.write_text(content)

    with pytest.raises(SettingsError, match=r"pseudonyms.*key\.file") as refused:
        check_pseudonyms(settings(pseudonyms={"key.file": str(file)}))

    assert content not in str(refused.value)


def test_without_a_key_there_is_nothing_to_check():
    check_pseudonyms(settings())
