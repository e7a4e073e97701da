"""A secret key from a file or from Secrets Manager."""

from __future__ import annotations

import base64

import boto3
import pytest
from moto import mock_aws

from connectors.secret_key import NO_KEY, KeySource, read_key
from udfs.pseudonyms import PseudonymKeyError

KEY = bytes(range(32))
BASE64 = base64.b64encode(KEY).decode()
REGION = "eu-central-1"


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def test_without_a_source_there_is_no_key():
    assert read_key(NO_KEY) is None


@pytest.mark.parametrize("text", [BASE64, f"{BASE64}\n", f"  {BASE64}\r\n"])
def test_a_file_holds_the_key_in_base64(tmp_path, text):
    file = tmp_path / "key"
    file.write_text(text)

    assert read_key(KeySource(str(file), None, REGION)) == KEY


@pytest.mark.parametrize("content", [b"not base64!", b"\xff\xfe", b"abc"])
def test_a_file_that_holds_none_is_refused_and_not_quoted(tmp_path, content):
    file = tmp_path / "key"
    file.write_bytes(content)

    with pytest.raises(PseudonymKeyError, match="openssl rand") as refused:
        read_key(KeySource(str(file), None, REGION))

    assert "not base64!" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PseudonymKeyError, match="nowhere: No such file"):
        read_key(KeySource(str(tmp_path / "nowhere"), None, REGION))


@pytest.mark.parametrize("content", [{"SecretString": BASE64}, {"SecretBinary": KEY}])
def test_a_secret_holds_the_key(secrets, content):
    arn = secrets.create_secret(Name="key", **content)["ARN"]

    assert read_key(KeySource(None, arn, REGION)) == KEY


def test_a_secret_that_cannot_be_read_is_named(secrets):
    with pytest.raises(PseudonymKeyError, match="ResourceNotFoundException") as refused:
        read_key(KeySource(None, "missing", REGION))

    assert "secretsmanager:GetSecretValue" in str(refused.value)
