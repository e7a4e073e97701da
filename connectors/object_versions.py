"""All versions of objects in S3, also those that a newer one or a deletion hides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws_errors import code_of
from connectors.lake_files import LakeError


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or the mark of its deletion."""

    bucket: str
    key: str
    version_id: str
    is_latest: bool
    is_delete_marker: bool


class ObjectVersions:
    """The versions of one bucket; in one that keeps none, each object is its only version."""

    def __init__(self, bucket: str, client: Any = None) -> None:
        """Ask nothing yet."""
        self._bucket = bucket
        self._s3 = client or boto3.client("s3")

    def under(self, prefix: str) -> Iterator[ObjectVersion]:
        """Every version of every object whose key begins so.

        Raises:
            LakeError: they cannot be listed.
        """
        with _explained(f"{self._bucket}/{prefix}"):
            pages = self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for page in pages:
                for kind, is_marker in (("Versions", False), ("DeleteMarkers", True)):
                    for one in page.get(kind, ()):
                        yield ObjectVersion(
                            self._bucket, one["Key"], one["VersionId"], one["IsLatest"], is_marker
                        )

    def read(self, version: ObjectVersion) -> bytes:
        """Its bytes.

        Raises:
            LakeError: they cannot be read.
        """
        with _explained(f"{version.bucket}/{version.key}"):
            answer = self._s3.get_object(
                Bucket=version.bucket, Key=version.key, VersionId=version.version_id
            )
            return bytes(answer["Body"].read())

    def delete(self, version: ObjectVersion) -> None:
        """Take it away for good; one that is gone already is no error.

        Raises:
            LakeError: it could not be removed.
        """
        with _explained(f"{version.bucket}/{version.key}"):
            self._s3.delete_object(
                Bucket=version.bucket, Key=version.key, VersionId=version.version_id
            )


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        msg = f"{path}: {code_of(error)}; let us list, read and delete versions of its objects"
        raise LakeError(msg) from error
