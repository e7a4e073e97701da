"""S3, as far as the job itself does not write there: may we?"""

from __future__ import annotations

import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connectors.kinesis_client import is_local_endpoint


class ObjectStoreError(Exception):
    """The bucket cannot be written; the message says why and what to do."""


def check_writable(bucket: str, prefix: str, endpoint: str | None) -> None:
    """Write and delete an empty object under the prefix.

    Raises:
        ObjectStoreError: it could not be written.
    """
    dummies = (
        {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        if endpoint and is_local_endpoint(endpoint)
        else {}
    )
    config = Config(retries={"max_attempts": 2}, connect_timeout=5, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, config=config, **dummies)
    key = f"{prefix}/_check/{uuid.uuid4()}".lstrip("/")
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"")
        client.delete_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        msg = f"{code or 'refused'}; name a bucket that exists and that the role may write to"
        raise ObjectStoreError(msg) from error
    except BotoCoreError as error:
        msg = f"{type(error).__name__}; check region, endpoint and credentials"
        raise ObjectStoreError(msg) from error
