"""The calls of one round: recordings under new names, and the rows that they must leave.

One job lives through many rounds, so each round has calls of its own. Their rows are those of the
recordings, as ``offline`` gives them once, with name and time changed.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.lake_reader import read_rows
from udfs.call_folder import CallFolder, read_call_folders
from udfs.rows import CALLS, LEDGER, SEGMENTS, EpochMs, Table, newest

COMPARED = (SEGMENTS, CALLS, LEDGER)
ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ("sample-1-pleasant", "sample-2-turns-sour", "sample-3-chat")
DRAWN_BY_THE_REPLAY = ("chunks_duplicate",)


@dataclass(frozen=True, slots=True)
class RoundCalls:
    """What is replayed in one round."""

    folders: tuple[CallFolder, ...]
    originals: Mapping[str, str]
    """Of which recording each call is a copy."""
    shifts_ms: Mapping[str, int]
    """How much later each call began than its recording."""

    @property
    def call_ids(self) -> frozenset[str]:
        return frozenset(self.originals)


def copy_calls(recordings: Iterable[CallFolder], name: str, clock_off_ms: int = 0) -> RoundCalls:
    """Recordings as calls that begin now.

    Args:
        recordings: what to copy.
        name: of the round; each call's id begins with it.
        clock_off_ms: how far the clock of their producers is ahead, of every other one behind.
    """
    folders, originals, shifts_ms = [], {}, {}
    now_ms = time.time_ns() // 1_000_000
    for number, recording in enumerate(recordings):
        call_id = f"{name}-{recording.call_id}"
        started_at_ms = now_ms + (clock_off_ms if number % 2 == 0 else -clock_off_ms)
        folders.append(
            dataclasses.replace(
                recording,
                call_id=call_id,
                started_at_ms=started_at_ms,
                utterances=tuple(
                    msgspec.structs.replace(utterance, call_id=call_id)
                    for utterance in recording.utterances
                ),
            )
        )
        originals[call_id] = recording.call_id
        shifts_ms[call_id] = started_at_ms - recording.started_at_ms
    return RoundCalls(tuple(folders), originals, shifts_ms)


class Reference:
    """The newest rows of the recordings, as ``offline`` left them."""

    def __init__(self, root: Path) -> None:
        self._rows = {table.folder: newest(read_rows(root, table), table) for table in COMPARED}

    def rows(self, table: Table, calls: RoundCalls) -> list[Any]:
        """The rows that a round's calls must leave in a table."""
        return [
            _moved(row, table, call_id, calls.shifts_ms[call_id])
            for call_id, original in calls.originals.items()
            for row in self._rows[table.folder]
            if row.call_id == original
        ]

    def all_rows(self, table: Table) -> list[Any]:
        """The rows of all recordings as they are."""
        return list(self._rows[table.folder])

    def num_windows(self, calls: RoundCalls) -> int:
        return len(self.rows(SEGMENTS, calls))


def make_reference(output: Path, recordings: Path = ROOT / "samples") -> Reference:
    """The rows of recorded calls without a stream."""
    subprocess.run(
        [
            sys.executable, "-m", "flink_job.cli", "offline",
            "--calls", recordings, "--output", output,
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )  # fmt: skip
    return Reference(output)


def recordings(names: tuple[str, ...] = RECORDINGS) -> list[CallFolder]:
    """Some of the samples."""
    return [call for call in read_call_folders(ROOT / "samples") if call.call_id in names]


def _moved(row: Any, table: Table, call_id: str, shift_ms: int) -> Any:
    times = {
        column.name: EpochMs(value + shift_ms)
        for column in table.columns
        if column.type == "timestamp" and (value := getattr(row, column.name)) is not None
    }
    return dataclasses.replace(row, call_id=call_id, **times)
