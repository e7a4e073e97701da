"""A settings file with one mistake in it, given to ``call-sentiment check``: one line tells of it.

Group, key, value and what to do; no stack trace, and no secret on the screen.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from typer.testing import CliRunner

from flink_job.cli import app
from flink_job.settings import SettingsError, parse_settings, settings_problems

Groups = dict[str, dict[str, Any]]
PASSWORD = "hunter2-of-the-warehouse"  # noqa: S105 - of nothing
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYyE="


class Mistake(NamedTuple):
    """One wrong setting."""

    name: str
    group: str
    key: str
    value: Any
    shown: str
    """The value as the line quotes it."""
    remedy: str
    """Words that the line must hold."""
    also: dict[str, str]
    """Other keys of the group, each right alone."""


def mistake(
    name: str, group: str, key: str, value: Any, remedy: str, shown: str | None = None, **also: str
) -> Mistake:
    quoted = repr(value) if shown is None else shown
    others = {other.replace("_", "."): text for other, text in also.items()}
    return Mistake(name, group, key, value, quoted, remedy, others)


HIDDEN_URL = "'postgresql://(hidden)@host/calls'"

IN_THE_FILE = [
    mistake("a store nobody knows", "lake", "root", "gs://bucket/x", "s3a://bucket/prefix"),
    mistake("a root that is no URL", "lake", "root", "s3a://[bucket/x", "s3a://bucket/prefix"),
    mistake("a number in words", "calls", "text.wait.ms", "3 s", "whole number"),
    mistake("a broken number", "calls", "end.wait.ms", "1.5", "whole number"),
    mistake("a negative time", "calls", "idle.wait.ms", "-1", "at least 0"),
    mistake("a time of years", "calls", "tombstone.ms", "99999999999", "at most 86400000"),
    mistake("a number that is none", "fusion", "text.trust", "nan", "at most 1"),
    mistake("a share above one", "fusion", "audio.trust", "1.5", "at most 1"),
    mistake("neither true nor false", "lake", "auto.compaction", "perhaps", "true or false"),
    mistake("a JSON number", "calls", "gap.wait.ms", 3000, "string in quotes"),
    mistake("a JSON null", "warehouse", "url", None, "string in quotes"),
    mistake("a JSON list", "models.text", "languages", ["en"], "string in quotes"),
    mistake("an unknown key", "calls", "text.wait", "3000", "do you mean text.wait.ms?"),
    mistake("a position of another system", "streams", "initial.position", "earliest", "LATEST"),
    mistake(
        "a position without its time",
        "streams",
        "initial.timestamp",
        "",
        "is required",
        initial_position="AT_TIMESTAMP",
    ),
    mistake("a time that is none", "streams", "initial.timestamp", "yesterday", "2026-11-23T"),
    mistake("an empty stream", "streams", "text.stream", "", "is empty; set it"),
    mistake("an empty root", "lake", "root", "", "is empty; set it"),
    mistake("too many records a poll", "streams", "get.records.max", "10001", "at most 10000"),
    mistake("a backend nobody knows", "models.audio", "backend", "azure", "'sagemaker'"),
    mistake("words' backend for voices", "models.audio", "backend", "bedrock", "'sagemaker'"),
    mistake(
        "an endpoint without a name",
        "models.audio",
        "endpoint.name",
        "",
        "name the endpoint",
        backend="sagemaker",
    ),
    mistake(
        "a language Comprehend lacks",
        "models.text",
        "backend",
        "comprehend",
        "does not know fi",
        languages="fi",
    ),
    mistake("a locale for a language", "models.text", "languages", "en-US", "such as en,de"),
    mistake("shares of no whole", "models.text", "operating.prior", "0.5,0.5,0.5", "sum to 1"),
    mistake("a label nobody knows", "models.audio", "label.map", "happy=joyful", "'positive'"),
    mistake("a fusion without a file", "fusion", "path", "", "is required", kind="late"),
    mistake(
        "rates the wrong way round",
        "limits",
        "min.sample.rate.hz",
        "16000",
        "lower it",
        shown="16000",
        max_sample_rate_hz="8000",
    ),
    mistake("a schema with a quote", "warehouse", "db.schema", 'a"b', "[a-z_]"),
    mistake("a warehouse nobody knows", "warehouse", "url", "mysql://host/calls", "redshift://"),
    mistake("a URL that is none", "warehouse", "url", "postgresql://[host/calls", "redshift://"),
    mistake(
        "Redshift without staging",
        "warehouse",
        "staging.root",
        "",
        "name s3://bucket/prefix",
        url="redshift://workgroup/calls/calls",
    ),
    mistake(
        "a password in a URL",
        "warehouse",
        "url",
        f"postgresql://me:{PASSWORD}@host/calls",
        "PGPASSWORD",
        HIDDEN_URL,
    ),
    mistake(
        "a password with signs of a URL",
        "warehouse",
        "url",
        f"postgresql://me:{PASSWORD}/@1@host/calls",
        "PGPASSWORD",
        HIDDEN_URL,
    ),
    mistake(
        "a password after the URL",
        "warehouse",
        "url",
        f"postgresql://host/calls?password={PASSWORD}",
        "PGPASSWORD",
        "'postgresql://host/calls?password=(hidden)'",
    ),
    mistake("a password of its own", "warehouse", "password", PASSWORD, "unknown key", "(hidden)"),
    mistake("a key in place of its file", "pseudonyms", "key.file", KEY, "keep it", "'(hidden)'"),
    mistake(
        "two places for a key",
        "pseudonyms",
        "secret.arn",
        "arn:aws:x",
        "keep one",
        key_file="key.txt",
    ),
    mistake("a value too long", "lake", "root", "s" * 2_049, "2048", f"'{'s' * 20}…'"),
    mistake("a key too long", "calls", "k" * 2_049, "1", "2048"),
    mistake("an empty key", "calls", "", "1", "1 to 2048 characters"),
]

IN_THE_WORLD = [
    mistake("an unknown stream", "streams", "audio.stream", "nowhere", "create the stream"),
    mistake("no endpoint", "streams", "endpoint", "kinesis.local", "http://"),
    mistake("no such bucket", "lake", "root", "s3a://no-such-bucket/x", "name a bucket"),
    mistake("a folder under a file", "lake", "root", "/dev/null/x", "name a folder"),
    mistake(
        "a host nobody knows",
        "warehouse",
        "url",
        "postgresql://nowhere.invalid/calls",
        "correct its url",
    ),
    mistake("no policy", "policy", "path", "/nowhere.yaml", "No such file"),
    mistake("no key", "pseudonyms", "key.file", "/nowhere.key", "name a readable file"),
    mistake("no model", "models.audio", "path", "/nowhere", "folder"),
    mistake("no fusion", "fusion", "path", "/nowhere.json", "No such file", kind="early"),
]


@pytest.fixture
def right(tmp_path) -> Groups:
    """Settings with nothing wrong in the file itself."""
    return {
        "streams": {"audio.stream": "audio", "text.stream": "text"},
        "lake": {"root": str(tmp_path / "lake")},
    }


@pytest.fixture
def right_here(right, aws_on_s3) -> Groups:
    """Nothing wrong on this machine either: the streams are there."""
    kinesis = boto3.client("kinesis", endpoint_url=aws_on_s3)
    for name in ("audio", "text"):
        # moto keeps one Kinesis a process, and its list of names ends after ten.
        with suppress(kinesis.exceptions.ResourceInUseException):
            kinesis.create_stream(StreamName=name, ShardCount=1)
    right["streams"]["endpoint"] = aws_on_s3
    return right


@pytest.fixture
def check(tmp_path):
    """Calls the command on property groups, or on the text of a file; exit code and output."""

    def run(given: Groups | str | bytes) -> tuple[int, str]:
        path: Path = tmp_path / "application_properties.json"
        if isinstance(given, dict):
            given = json.dumps(
                [{"PropertyGroupId": name, "PropertyMap": group} for name, group in given.items()]
            )
        path.write_bytes(given.encode() if isinstance(given, str) else given)
        result = CliRunner().invoke(app, ["check", "--properties", str(path)])
        assert isinstance(result.exception, SystemExit | None)
        return result.exit_code, result.output

    return run


def with_mistake(right: Groups, wrong: Mistake) -> Groups:
    group = {**right.get(wrong.group, {}), **wrong.also, wrong.key: wrong.value}
    return {**right, wrong.group: group}


def lines_of(output: str) -> list[str]:
    """What is wrong, without the findings that are right."""
    lines = output.rstrip("\n").split("\n")
    return [line.removeprefix("✘ ") for line in lines if not line.startswith("✔")]


def test_what_is_right_is_told_as_right(right_here, check):
    code, output = check(right_here)

    assert (code, lines_of(output)) == (0, [])


@pytest.mark.parametrize("wrong", IN_THE_FILE, ids=lambda wrong: wrong.name)
def test_a_mistake_is_one_line_of_group_key_value_and_remedy(right, check, wrong):
    code, output = check(with_mistake(right, wrong))

    assert code == 2
    assert_told(wrong, output)


@pytest.mark.parametrize("wrong", IN_THE_WORLD, ids=lambda wrong: wrong.name)
def test_what_is_not_there_is_one_line_of_group_key_value_and_remedy(right_here, check, wrong):
    code, output = check(with_mistake(right_here, wrong))

    assert code == 2
    assert_told(wrong, output)


def assert_told(wrong: Mistake, output: str) -> None:
    [line] = lines_of(output)
    key = repr(wrong.key) if len(wrong.key) < 100 else f"'{wrong.key[:20]}…'"
    assert line.startswith(f"settings: group {wrong.group!r}, key {key}, value {wrong.shown}: ")
    assert wrong.remedy in line
    assert len(line) < 400
    assert PASSWORD not in output
    assert KEY not in output


def test_there_are_thirty_and_more():
    assert len({wrong.name for wrong in IN_THE_FILE + IN_THE_WORLD}) >= 30


GROUP_MISTAKES = {
    "an unknown group": ({"stream": {"region": "x"}}, "'stream'", "do you mean streams?"),
    "51 keys": ({"calls": {f"k{n}": "1" for n in range(51)}}, "'(keys)', value 51", "50 keys"),
    "51 groups": ({f"g{n}": {"k": "1"} for n in range(51)}, "'(groups)', value 53", "50 groups"),
    "a group's name too long": ({"g" * 51: {"k": "1"}}, "'" + "g" * 51, "1 to 50 letters"),
    "a group's name with a blank": ({"my calls": {"k": "1"}}, "'my calls'", "rename it"),
    "a language of no code": (
        {"models.text.x": {"path": "m"}},
        "'models.text.x'",
        "unknown group",
    ),
}


@pytest.mark.parametrize("name", GROUP_MISTAKES)
def test_a_mistake_of_whole_groups_is_told_first(right, check, name):
    groups, what, remedy = GROUP_MISTAKES[name]

    code, output = check({**right, **groups})

    first = lines_of(output)[0]
    assert code == 2
    assert what in first
    assert remedy in first


def test_a_group_that_is_absent_is_asked_for(right, check):
    code, output = check({"lake": right["lake"]})

    assert code == 2
    assert [line.partition(" value")[0] for line in lines_of(output)] == [
        "settings: group 'streams', key 'audio.stream',",
        "settings: group 'streams', key 'text.stream',",
    ]


BROKEN_FILES = {
    "nothing": ("", "line 1, column 1"),
    "half of one": ('[{"PropertyGroupId": "lake",', "not JSON at line 1"),
    "another format": ('{"lake": {"root": "x"}}', "PropertyGroupId"),
    "no text": (b"\xff\xfe\x00", "UTF-8"),
    "a nest": ("[" * 100_000, "not JSON"),
    "a group twice": (
        '[{"PropertyGroupId": "lake", "PropertyMap": {}},'
        ' {"PropertyGroupId": "lake", "PropertyMap": {}}]',
        "group 'lake', key '(group)', value 'lake': stands twice",
    ),
    "a key twice": (
        '[{"PropertyGroupId": "lake", "PropertyMap": {"root": "a", "root": "b"}}]',
        "group 'lake', key 'root', value 'b': stands twice",
    ),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_file_that_is_none_is_one_line(check, name):
    content, remedy = BROKEN_FILES[name]

    code, output = check(content)

    [line] = lines_of(output)
    assert code == 2
    assert line.startswith("settings: group ")
    assert remedy in line


def test_every_mistake_of_a_file_is_told_at_once(right, check):
    wrong = {one.group: one for one in IN_THE_FILE if not one.also and one.value}
    groups = right
    for one in wrong.values():
        groups = with_mistake(groups, one)

    code, output = check(groups)

    assert code == 2
    assert len(wrong) > 5
    assert len(lines_of(output)) == len(wrong)
    assert all(
        any(f"group {one.group!r}, key " in line for line in lines_of(output))
        for one in wrong.values()
    )


def test_what_check_tells_first_is_what_stops_the_start(right):
    groups = with_mistake(right, IN_THE_FILE[0])

    [problem] = settings_problems(groups)

    with pytest.raises(SettingsError) as stopped:
        parse_settings(groups)
    assert str(stopped.value) == str(problem)
