"""The replay ledger: the lines of rejects that go. A line names a record of Kinesis, and nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pyarrow as pa

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.lake_store import Partition
from connectors.erasure.parquet_rows import Goes
from connectors.lake_files import LakeFile
from connectors.replay_ledger import FOLDER
from udfs.dead_letters import RejectKey
from udfs.erasure import Place
from udfs.rows import REJECTS

PLACE = f"lake/{FOLDER}"


class ReplayLines:
    """The lines of one lake's replay ledger."""

    def __init__(self, lake: CountedLake) -> None:
        self._lake = lake

    def keys(self, partitions: Iterable[Partition], goes: Goes) -> set[RejectKey]:
        """The rejects that go.

        Raises:
            LakeError: a file cannot be read.
        """
        found: set[RejectKey] = set()
        for partition in partitions:
            if partition.table is not REJECTS:
                continue
            for file in partition.files:
                rows = self._lake.read(file.path, [*REJECTS.key, *goes.columns(REJECTS)])
                gone = rows.filter(pa.array(goes.mask(REJECTS, rows)))
                found.update(zip(*(gone[name].to_pylist() for name in REJECTS.key), strict=True))
        return found

    def search(self, keys: set[RejectKey]) -> list[Place]:
        """How many lines name one of these rejects; empty where none does.

        Raises:
            LakeError: a file cannot be read.
        """
        if not keys:
            return []
        num = sum(line_key(line) in keys for file in self._files() for line in self._lines(file))
        return [Place(PLACE, num)] if num else []

    def erase(self, keys: set[RejectKey]) -> None:
        """Write the files again without these lines.

        Raises:
            LakeError: a file cannot be read or written.
        """
        if not keys:
            return
        for file in self._files():
            lines = self._lines(file)
            kept = [line for line in lines if line_key(line) not in keys]
            if not kept:
                self._lake.remove_for_good(file.path)
            elif len(kept) < len(lines):
                self._lake.put_bytes(file.path, b"".join(line + b"\n" for line in kept))

    def _files(self) -> list[LakeFile]:
        return self._lake.files(FOLDER)

    def _lines(self, file: LakeFile) -> list[bytes]:
        return self._lake.read_bytes(file.path).splitlines()


def line_key(line: bytes) -> RejectKey:
    """The record of Kinesis that a line is about."""
    entry = json.loads(line)
    return entry["stream"], entry["shard"], entry["sequence_number"]
