"""The lake's files: which are finished, in which order, and how one is put there or taken away.

Order matters: of two equal revisions of a row the later file's wins. A file counts from when it was
finished, which is its last change; a compacted one from when the newest file that it stands for
was, which its name tells. All timestamps are stored as INT96, as the job's sink does: DuckDB
reads files of two kinds together as times that are off by the user's zone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs

from connectors.aws_errors import code_of
from connectors.object_store import arrow_filesystem, encryption, is_object_store

Root: TypeAlias = str | Path
"""A local folder, or a URI that pyarrow knows (``file:///…``, ``s3://bucket/prefix``)."""

_DRAFT: Final = "_draft-"
"""No reader looks at a file whose name begins with an underscore."""
_NOT_THERE: Final = ("404", "NoSuchKey")
_COMPACTED: Final = re.compile(r"compacted-(\d{20})-[0-9a-f]{16}\.parquet")


class LakeError(Exception):
    """What is under the output root cannot be used; says which file or folder, and why."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A finished file."""

    path: str
    num_bytes: int
    finished_ns: int
    """Epoch nanoseconds at which its rows became visible."""

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def is_compacted(self) -> bool:
        return _COMPACTED.fullmatch(self.name) is not None

    @property
    def dt(self) -> str | None:
        """The date of the partition it lies in; None outside of any."""
        partition, _, date = PurePosixPath(self.path).parent.name.partition("=")
        return date if partition == "dt" else None


def compacted_name(finished_ns: int, digest: str) -> str:
    """The name of a file that stands for others, the newest of them finished at ``finished_ns``.

    Args:
        finished_ns: epoch nanoseconds.
        digest: of what it stands for, 16 hexadecimal digits.
    """
    return f"compacted-{finished_ns:020d}-{digest}.parquet"


class Lake:
    """The files under an output root."""

    def __init__(
        self, root: Root, kms_key_arn: str | None = None, region: str | None = None
    ) -> None:
        """Look nowhere yet.

        Args:
            root: the output root.
            kms_key_arn: the KMS key that objects are encrypted with; None leaves it to the bucket.
            region: the bucket's; None: from where AWS' tools look for it, which a worker lacks.
        """
        self._in_object_store = is_object_store(str(root))
        self._encryption = encryption(kms_key_arn)
        self._filesystem, self.base = _open_root(root, region)

    def files(self, folder: str) -> list[LakeFile]:
        """All finished files of a table's folder, in their order.

        Raises:
            LakeError: the folder cannot be listed.
        """
        return sorted(self._finished(f"{self.base}/{folder}"), key=_order)

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """A Parquet file, whole or some columns of it; its instants in milliseconds.

        Raises:
            LakeError: it is none, or is no longer there.
        """
        try:
            with self._filesystem.open_input_file(path) as source:
                return pq.ParquetFile(source, coerce_int96_timestamp_unit="ms").read(columns)
        except pa.ArrowInvalid as error:
            msg = f"{path}: not a whole Parquet file"
            raise LakeError(msg) from error
        except OSError as error:
            msg = f"{path}: cannot be read ({type(error).__name__}); run again"
            raise LakeError(msg) from error

    def num_rows(self, path: str) -> int:
        """How many rows a Parquet file says that it holds.

        Raises:
            LakeError: as ``read``.
        """
        try:
            with self._filesystem.open_input_file(path) as source:
                return int(pq.ParquetFile(source).metadata.num_rows)
        except (pa.ArrowInvalid, OSError) as error:
            msg = f"{path}: cannot be read ({type(error).__name__}); run again"
            raise LakeError(msg) from error

    def make_folder(self, folder: str) -> None:
        """Make a table's folder where there are folders."""
        if not self._in_object_store:
            self._filesystem.create_dir(f"{self.base}/{folder}", recursive=True)

    def put(self, path: str, rows: pa.Table) -> None:
        """Write a Parquet file, whole or not at all; one of that name is replaced.

        Raises:
            LakeError: it could not be written.
        """
        buffer = BytesIO()
        pq.write_table(rows, buffer, use_deprecated_int96_timestamps=True)
        self.put_bytes(path, buffer.getvalue())

    def replace(self, old: Sequence[str], path: str, rows: pa.Table) -> bool:
        """Write a Parquet file that is to stand for others, only while each of them is there.

        Whether it was so; where not, nothing has changed. The others stay: they are the caller's
        to remove. Rows can be taken out beside this: who removes one of ``old``, then all
        ``drafts``, either finds the new file when it looks again, or none will come.

        Args:
            old: the files that the rows were read from.
            path: of the new file, in the same folder; one of that name is replaced.
            rows: what it holds.

        Raises:
            LakeError: it could not be written, or does not hold what was written.
        """
        folder = path.rpartition("/")[0]
        draft = f"{folder}/{_DRAFT}{uuid.uuid4().hex}.parquet"
        self.put(draft, rows)
        there = {info.path for info in self._infos(folder)}
        is_done = there.issuperset(old) and self._publish(draft, path)
        self._discard(draft)
        if is_done and self.num_rows(path) != len(rows):
            msg = f"{path}: does not hold what was written; nothing was removed, run again"
            raise LakeError(msg)
        return is_done

    def drafts(self, folder: str) -> list[str]:
        """What ``replace`` is about to put in a folder, or has left there where it died.

        To remove one makes that ``replace`` give up.

        Raises:
            LakeError: the folder cannot be listed.
        """
        paths = (info.path for info in self._infos(f"{self.base}/{folder}"))
        return [path for path in paths if PurePosixPath(path).name.startswith(_DRAFT)]

    def _publish(self, draft: str, path: str) -> bool:
        """Show a draft to all readers at once; False where it is gone."""
        with _explained(path):
            if not self._in_object_store:
                try:
                    self._filesystem.move(draft, path)
                except FileNotFoundError:
                    return False
                return True
            bucket, _, key = path.partition("/")
            return _copy_object(bucket, draft.partition("/")[2], key, self._encryption)

    def _discard(self, draft: str) -> None:
        """Take away what is left of a draft, with no hidden version of it."""
        if not self._in_object_store:
            self.remove(draft)
            return
        with _explained(draft):
            bucket, _, key = draft.partition("/")
            _delete_only_version(bucket, key)

    def _infos(self, folder: str) -> list[fs.FileInfo]:
        """Everything that lies in a folder."""
        with _explained(folder):
            infos = self._filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return [info for info in infos if info.type == fs.FileType.File]

    def put_bytes(self, path: str, data: bytes) -> None:
        """Write any file, whole or not at all.

        Raises:
            LakeError: it could not be written.
        """
        with _explained(path):
            if self._in_object_store:
                bucket, _, key = path.partition("/")
                # An object is there once all of it is.
                boto3.client("s3").upload_fileobj(
                    BytesIO(data), bucket, key, ExtraArgs=self._encryption
                )
                return
            folder, _, name = path.rpartition("/")
            self._filesystem.create_dir(folder, recursive=True)
            # A name of its own: two writers may put the same file at once.
            unfinished = f"{folder}/.{name}.{uuid.uuid4().hex}.inprogress"
            with self._filesystem.open_output_stream(unfinished) as stream:
                stream.write(data)
            self._filesystem.move(unfinished, path)

    def create_bytes(self, path: str, data: bytes) -> bool:
        """Write any file, whole or not at all, only where none of that name is; whether it was so.

        After an answer that was lost False may be said of what was written nevertheless.

        Raises:
            LakeError: it could not be written.
        """
        with _explained(path):
            if self._in_object_store:
                bucket, _, key = path.partition("/")
                return _create_object(bucket, key, data, self._encryption)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            unfinished = Path(path).with_name(f".{Path(path).name}.{uuid.uuid4().hex}.inprogress")
            try:
                unfinished.write_bytes(data)
                Path(path).hardlink_to(unfinished)  # fails where one is, as a rename does not
            except FileExistsError:
                return False
            finally:
                unfinished.unlink(missing_ok=True)
            return True

    def read_bytes(self, path: str) -> bytes:
        """The whole of any file.

        Raises:
            LakeError: it cannot be read.
        """
        with _explained(path), self._filesystem.open_input_stream(path) as stream:
            return bytes(stream.read())

    def remove(self, path: str) -> None:
        """Take a file away; one that is gone already is no error.

        Raises:
            LakeError: it could not be removed.
        """
        with _explained(path):
            if self._in_object_store:
                # pyarrow would leave an empty object in place of an empty folder.
                bucket, _, key = path.partition("/")
                boto3.client("s3").delete_object(Bucket=bucket, Key=key)
            elif self._filesystem.get_file_info(path).type != fs.FileType.NotFound:
                self._filesystem.delete_file(path)

    def _finished(self, folder: str) -> Iterator[LakeFile]:
        selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
        with _explained(folder):
            infos = self._filesystem.get_file_info(selector)
        for info in infos:
            in_table = PurePosixPath(info.path).relative_to(folder)
            if info.type == fs.FileType.File and info.size > 0 and not _is_unfinished(in_table):
                told = _COMPACTED.fullmatch(in_table.name)
                finished_ns = int(told[1]) if told else info.mtime_ns or 0
                yield LakeFile(info.path, info.size, finished_ns)


def _order(file: LakeFile) -> tuple[int, bool, str]:
    # A compacted file has all rows of those it stands for, so it comes after what is left of them.
    return file.finished_ns, file.is_compacted, file.path


def _open_root(root: Root, region: str | None) -> tuple[fs.FileSystem, str]:
    if is_object_store(str(root)):
        return arrow_filesystem(region), str(root).partition("://")[2].rstrip("/")
    if "://" in str(root):
        filesystem, path = fs.FileSystem.from_uri(str(root))
        return filesystem, path.rstrip("/")
    return fs.LocalFileSystem(), str(Path(root).absolute())


def _is_unfinished(path_in_table: PurePosixPath) -> bool:
    return ".inprogress" in path_in_table.name or any(
        part.startswith((".", "_")) for part in path_in_table.parts
    )


def _create_object(bucket: str, key: str, data: bytes, encrypted: dict[str, str]) -> bool:
    client = boto3.client("s3")
    for is_last in (False, False, True):
        try:
            client.put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*", **encrypted)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "PreconditionFailed":
                return False
            if code != "ConditionalRequestConflict" or is_last:  # another writes it just now
                raise
        else:
            break
    return True


def _copy_object(bucket: str, source: str, key: str, encrypted: dict[str, str]) -> bool:
    """Whether there was something to copy."""
    client = boto3.client("s3")
    try:
        client.copy({"Bucket": bucket, "Key": source}, bucket, key, ExtraArgs=encrypted)
    except ClientError as error:
        if code_of(error) not in _NOT_THERE:
            raise
        return False
    return True


def _delete_only_version(bucket: str, key: str) -> None:
    client = boto3.client("s3")
    try:
        told = client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) not in _NOT_THERE:
            raise
        return
    version = {"VersionId": told["VersionId"]} if "VersionId" in told else {}
    client.delete_object(Bucket=bucket, Key=key, **version)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, BotoCoreError, ClientError, boto3.exceptions.Boto3Error) as error:
        code = code_of(error.__cause__ or error)
        msg = f"{path}: {code}; check that it is there and may be read and written"
        raise LakeError(msg) from error
