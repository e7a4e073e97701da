"""The bucket of zips and templates, where everything lies under its own SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from connectors.deployment.errors import explained, is_missing
from connectors.deployment.job_zip import sha256_of
from connectors.deployment.templates import Uploaded


class Artifacts:
    """Puts and gets what a stack is made of."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def put(self, folder: str, suffix: str, body: bytes) -> Uploaded:
        """Keep some bytes, if they are not there yet.

        Raises:
            DeployError: the bucket cannot be written.
        """
        key = f"{folder}/{hashlib.sha256(body).hexdigest()}{suffix}"
        with explained(f"s3://{self.bucket}/{key}"):
            if not self._has(key):
                self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self._uploaded(key)

    def put_zip(self, path: Path, manifest: bytes) -> Uploaded:
        """Keep the job's zip, and beside it what says which savepoints it reads.

        Raises:
            DeployError: the bucket cannot be written.
        """
        key = f"code/{sha256_of(path)}.zip"
        with explained(f"s3://{self.bucket}/{key}"):
            self._s3.put_object(Bucket=self.bucket, Key=_manifest_key(key), Body=manifest)
            if not self._has(key):
                self._s3.upload_file(str(path), self.bucket, key)
        return self._uploaded(key)

    def manifest_of(self, key: str) -> bytes | None:
        """What lies beside a zip; None where nothing does.

        Raises:
            DeployError: the bucket cannot be read.
        """
        manifest_key = _manifest_key(key)
        with explained(f"s3://{self.bucket}/{manifest_key}"):
            if not self._has(manifest_key):
                return None
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=manifest_key)["Body"].read()
        return body

    def _has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True

    def _uploaded(self, key: str) -> Uploaded:
        region = self._s3.meta.region_name
        return Uploaded(self.bucket, key, f"https://{self.bucket}.s3.{region}.amazonaws.com/{key}")


def delete_bucket(s3: Any, bucket: str) -> None:
    """Delete a bucket with every version of all that is in it; none is no error.

    Raises:
        DeployError: it cannot be deleted.
    """
    with explained(f"bucket {bucket}"):
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
                if keys:
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            s3.delete_bucket(Bucket=bucket)
        except ClientError as error:
            if not is_missing(error):
                raise


def _manifest_key(key: str) -> str:
    return f"{key.removesuffix('.zip')}.savepoint.json"
