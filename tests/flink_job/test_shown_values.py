"""A value as a message may quote it: short, one line, no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flink_job.shown_values import MAX_CHARACTERS, shown, without_secrets

SECRET = "tr0ub4dor"  # noqa: S105 - of nothing


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", SECRET),
        ("db.password", SECRET),
        ("aws.secret.access.key", SECRET),
        ("api-key", SECRET),
        ("url", f"postgresql://me:{SECRET}@host/calls"),
        ("url", f"postgresql://me:{SECRET}/{SECRET}@{SECRET}@host/calls"),
        ("url", f"https://:{SECRET}@host"),
        ("url", f"postgresql://host/calls?user=me&password={SECRET}&x=1"),
        ("url", f"host=h user=me password={SECRET} dbname=calls"),
        ("endpoint", f"see jdbc:redshift://me:{SECRET}@host"),
        ("url", {"password": SECRET}),
        ("url", [f"postgresql://me:{SECRET}@host"]),
    ],
)
def test_a_secret_is_hidden(key, value):
    assert SECRET not in shown(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("secret.arn", "arn:aws:secretsmanager:eu-west-1:1:secret:calls"),
        ("key.file", "keys/pseudonyms"),
        ("url", "postgresql://me@host:5432/calls"),
        ("url", "redshift://workgroup/calls/calls"),
        ("endpoint", "http://localhost:4567"),
        ("root", "s3a://bucket/prefix"),
    ],
)
def test_what_is_no_secret_is_shown(key, value):
    assert shown(key, value) == repr(value)


@given(st.text(min_size=1), st.text())
def test_any_value_is_one_short_line(key, value):
    line = shown(key, value)

    assert len(line.splitlines()) == 1
    # an escape may take ten characters
    assert len(line) <= 10 * MAX_CHARACTERS + 2


def test_a_text_about_a_url_keeps_its_words():
    text = f"cannot connect to postgresql://me:{SECRET}@host/calls"

    assert without_secrets(text) == "cannot connect to postgresql://(hidden)@host/calls"
