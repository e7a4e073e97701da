"""A secret key, from a local file or from Secrets Manager; never from the settings themselves."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws_errors import code_of
from udfs.pseudonyms import PseudonymKeyError


class KeySource(NamedTuple):
    """Where a key lies; both unset: there is none. Travels to the workers in the key's place."""

    file: str | None
    secret_arn: str | None
    region: str


NO_KEY = KeySource(None, None, "")


def read_key(source: KeySource) -> bytes | None:
    """The key's bytes; None where there is none.

    It is written as base64, as ``openssl rand -base64 32`` does; a secret may be binary, too.

    Raises:
        PseudonymKeyError: it cannot be read; the message never quotes it.
    """
    if source.file is not None:
        try:
            return _decoded(source.file, Path(source.file).read_bytes())
        except OSError as error:
            msg = f"{source.file}: {error.strerror or type(error).__name__}; name a readable file"
            raise PseudonymKeyError(msg) from None
    if source.secret_arn is not None:
        return _secret(source.secret_arn, source.region)
    return None


def _secret(arn: str, region: str) -> bytes:
    try:
        secret = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as error:
        msg = f"{arn}: {code_of(error)}; let the job's role read it (secretsmanager:GetSecretValue)"
        raise PseudonymKeyError(msg) from None
    if "SecretBinary" in secret:
        return bytes(secret["SecretBinary"])
    return _decoded(arn, secret["SecretString"].encode())


def _decoded(where: str, text: bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        msg = f"{where}: not base64; write the key with openssl rand -base64 32"
        raise PseudonymKeyError(msg) from None
