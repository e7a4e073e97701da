"""A lake that counts what it does, and can remove a file with every version of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake_files import Lake, Root
from connectors.object_store import is_object_store
from connectors.object_versions import ObjectVersion, ObjectVersions


class CountedLake(Lake):
    """The files under an output root, and how many were read, written and removed."""

    def __init__(self, root: Root, kms_key_arn: str | None = None) -> None:
        super().__init__(root, kms_key_arn)
        self.work: Counter[str] = Counter(objects_read=0, objects_written=0, objects_removed=0)
        self._versions = (
            ObjectVersions(self.base.partition("/")[0]) if is_object_store(str(root)) else None
        )

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        self.work["objects_read"] += 1
        return super().read(path, columns)

    def read_bytes(self, path: str) -> bytes:
        self.work["objects_read"] += 1
        return super().read_bytes(path)

    def put_bytes(self, path: str, data: bytes) -> None:
        self.work["objects_written"] += 1
        super().put_bytes(path, data)

    def remove_for_good(self, path: str) -> None:
        """Take a file away with every version of it.

        Raises:
            LakeError: it could not be removed.
        """
        self.work["objects_removed"] += 1
        if self._versions is None:
            self.remove(path)
            return
        key = path.partition("/")[2]
        for version in list(self._versions.under(key)):
            if version.key == key:
                self._versions.delete(version)

    def hidden_versions(self, folder: str) -> Iterator[ObjectVersion]:
        """Of the objects in a folder under the root: versions that no reader of the lake sees.

        Raises:
            LakeError: they cannot be listed.
        """
        if self._versions is None:
            return
        prefix = f"{self.base.partition('/')[2]}/{folder}/".lstrip("/")
        for version in self._versions.under(prefix):
            if not (version.is_latest or version.is_delete_marker):
                yield version

    def hidden_dates(self, folder: str) -> set[str]:
        """The partitions of a table that have versions which no reader of the lake sees.

        Raises:
            LakeError: they cannot be listed.
        """
        folders = (PurePosixPath(one.key).parent.name for one in self.hidden_versions(folder))
        return {name.removeprefix("dt=") for name in folders if name.startswith("dt=")}

    def read_version(self, version: ObjectVersion, columns: list[str]) -> pa.Table | None:
        """Some columns of a hidden version; None: it is no Parquet file.

        Raises:
            LakeError: it cannot be read.
        """
        assert self._versions is not None  # noqa: S101 - where there are versions
        self.work["objects_read"] += 1
        return parquet_columns(self._versions.read(version), columns)

    def remove_version(self, version: ObjectVersion) -> None:
        """Take a hidden version away for good.

        Raises:
            LakeError: it could not be removed.
        """
        assert self._versions is not None  # noqa: S101 - where there are versions
        self.work["objects_removed"] += 1
        self._versions.delete(version)


def parquet_columns(data: bytes, columns: list[str]) -> pa.Table | None:
    """Some columns of a Parquet file's bytes; None: it is none, or has none of them."""
    try:
        return pq.ParquetFile(BytesIO(data)).read(columns)
    except pa.ArrowInvalid:
        return None
