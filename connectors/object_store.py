"""S3 and what stands in for it: where it is, and whether we may write there.

On AWS nothing is to be set. A local stand-in is named as AWS' own tools name it, by the environment
variable ``AWS_ENDPOINT_URL_S3``; credentials come from where those tools look for them.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_S3"
SCHEMES = ("s3a", "s3")


class ObjectStoreError(Exception):
    """The bucket cannot be written; the message says why and what to do."""


def is_object_store(root: str) -> bool:
    """Whether an output root is in S3 and not a folder."""
    return root.partition("://")[0] in SCHEMES


def arrow_filesystem(region: str | None = None) -> fs.S3FileSystem:
    """S3 for pyarrow.

    Args:
        region: the bucket's; None: from where AWS' tools look for it, which a worker lacks.

    Raises:
        OSError: at its first use, where the bucket cannot be reached.
    """
    endpoint = os.environ.get(ENDPOINT_VARIABLE)
    return fs.S3FileSystem(endpoint_override=endpoint, region=region)


def encryption(kms_key_arn: str | None) -> dict[str, str]:
    """How boto3 is told to have an object encrypted; None leaves it to the bucket."""
    if kms_key_arn is None:
        return {}
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_arn}


def flink_options(kms_key_arn: str | None = None) -> dict[str, str]:
    """S3 for Flink's plugin, where there is no service to set it.

    Args:
        kms_key_arn: the KMS key that objects are encrypted with; None leaves it to the bucket.
    """
    endpoint = os.environ.get(ENDPOINT_VARIABLE)
    options = {"s3.endpoint": endpoint, "s3.path.style.access": "true"} if endpoint else {}
    if "AWS_ACCESS_KEY_ID" in os.environ:
        options["s3.access-key"] = os.environ["AWS_ACCESS_KEY_ID"]
        options["s3.secret-key"] = os.environ["AWS_SECRET_ACCESS_KEY"]
    if kms_key_arn is not None:
        # Flink hands Hadoop's S3A what begins with s3. under its own prefix fs.s3a.
        options["s3.server-side-encryption-algorithm"] = "SSE-KMS"
        options["s3.server-side-encryption.key"] = kms_key_arn
    return options


def install_plugin(jar: Path, plugins: Path) -> None:
    """Put Flink's S3 file system, which is in our one jar, where Flink looks for plugins.

    The environment variable FLINK_PLUGINS_DIR must name ``plugins`` before the JVM starts.
    """
    folder = plugins / "s3-fs-hadoop"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / jar.name).symlink_to(jar.resolve())


def load_plugin(gateway: Any, configuration: Any) -> None:
    """Make the JVM know S3: a local job reads the ``s3.*`` options at no other time."""
    flink = gateway.jvm.org.apache.flink.core
    java_configuration = configuration._j_configuration  # noqa: SLF001 - no public way
    manager = flink.plugin.PluginUtils.createPluginManagerFromRootFolder(java_configuration)
    flink.fs.FileSystem.initialize(java_configuration, manager)


def check_writable(bucket: str, prefix: str, kms_key_arn: str | None = None) -> None:
    """Write and delete an empty object under the prefix.

    Args:
        bucket: which.
        prefix: where in it.
        kms_key_arn: the KMS key that the object is encrypted with; None leaves it to the bucket.

    Raises:
        ObjectStoreError: it could not be written.
    """
    config = Config(retries={"max_attempts": 2}, connect_timeout=5)
    key = f"{prefix}/_check/{uuid.uuid4()}".lstrip("/")
    try:
        client = boto3.client("s3", config=config)
        client.put_object(Bucket=bucket, Key=key, Body=b"", **encryption(kms_key_arn))
        client.delete_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        msg = f"{code or 'refused'}; name a bucket that exists and that the role may write to"
        raise ObjectStoreError(msg) from error
    except BotoCoreError as error:
        msg = f"{type(error).__name__}; check region, endpoint and credentials"
        raise ObjectStoreError(msg) from error
