"""Rows of a table as Arrow has them: which of them go, and a digest of any set of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from udfs.erasure import Target
from udfs.rows import CALLS, REJECTS, SEGMENTS, Table
from udfs.suppression import Digester, Entry
from udfs.withdrawal import has_voice

Mask = npt.NDArray[np.bool_]

_PRIME = np.uint64(1_099_511_628_211)  # of FNV-1a, 64 bits


class Goes(Protocol):
    """Which rows of a table go."""

    def columns(self, table: Table) -> list[str]:
        """What of a row tells it."""

    def mask(self, table: Table, rows: pa.Table) -> Mask:
        """Which of some rows go; they have at least these columns."""

    def calls_among(self, call_ids: Iterable[str | None]) -> set[str]:
        """The calls whose rows these are: for none of them is waited."""


class OfTarget:
    """All rows of a call or a person."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def columns(self, table: Table) -> list[str]:
        return ["call_id", "payload"] if table is REJECTS else ["call_id"]

    def mask(self, table: Table, rows: pa.Table) -> Mask:
        if table is REJECTS:
            pairs = zip(rows["call_id"].to_pylist(), rows["payload"].to_pylist(), strict=True)
            return np.array([self._target.is_reject(*pair) for pair in pairs], dtype=np.bool_)
        return is_in(rows["call_id"], self.calls_among(pc.unique(rows["call_id"]).to_pylist()))

    def calls_among(self, call_ids: Iterable[str | None]) -> set[str]:
        return self._target.calls_among(call_ids)


class Superseded:
    """Revisions of some rows that are older than those named."""

    def __init__(self, revisions: Mapping[Table, Mapping[tuple[Any, ...], int]]) -> None:
        """Take, by table and key, the revision that stays."""
        self._revisions = revisions
        self._calls = {key[0] for of_table in revisions.values() for key in of_table}

    def columns(self, table: Table) -> list[str]:
        return [*table.key, "revision"]

    def mask(self, table: Table, rows: pa.Table) -> Mask:
        goes = is_in(rows["call_id"], self._calls)
        newest = self._revisions.get(table, {})
        for index in np.flatnonzero(goes):
            *key, revision = (rows[name][index].as_py() for name in self.columns(table))
            goes[index] = revision < newest.get(tuple(key), 0)
        return goes

    def calls_among(self, call_ids: Iterable[str | None]) -> set[str]:
        return {call_id for call_id in call_ids if call_id in self._calls and call_id is not None}


class OfVoice:
    """Rows that rest on a voice, which only a receipt tells of."""

    def __init__(self, subject: Entry, made_with: Digester) -> None:
        """Take what a receipt is about, and what that was made with."""
        self._subject = subject
        self._made_with = made_with
        self._from_ms = subject.from_ms or 0

    def is_of(self, call_id: str, participant_id: str) -> bool:
        """Whether it is this participant's voice in this call."""
        subject = self._subject
        told = self._made_with.voice(call_id, participant_id, subject.dt, self._from_ms)
        return told.digest == subject.digest

    def columns(self, table: Table) -> list[str]:
        if table is SEGMENTS:
            return ["call_id", "participant_id", "window_start_ms", "missing"]
        if table is CALLS:
            return ["call_id", "participant_id", "talk_ms"]
        return ["call_id"]

    def mask(self, table: Table, rows: pa.Table) -> Mask:
        columns = zip(*(rows[name].to_pylist() for name in self.columns(table)), strict=True)
        if table is SEGMENTS:
            told = [
                start_ms >= self._from_ms and has_voice(missing) and self.is_of(*who)
                for *who, start_ms, missing in columns
            ]
        elif table is CALLS:
            told = [talk_ms is not None and self.is_of(*who) for *who, talk_ms in columns]
        else:
            told = [False] * len(rows)
        return np.array(told, dtype=np.bool_)

    def calls_among(self, call_ids: Iterable[str | None]) -> set[str]:
        return set()


def is_in(ids: pa.ChunkedArray, wanted: Iterable[str]) -> Mask:
    """Which of some texts are among the wanted."""
    found: Any = pc.is_in(ids, value_set=pa.array(sorted(wanted), pa.string()))
    return np.array(found.to_numpy(), dtype=np.bool_)


def count_and_digest(rows: pa.Table) -> tuple[int, str]:
    """How many different rows there are, and a digest of them, whatever their order."""
    told = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.columns:
        told = told * _PRIME + _numbers(column)
    different = np.unique(told)
    return len(different), hashlib.sha256(different.astype("<u8").tobytes()).hexdigest()


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """A number for each value, the same for the same value."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    encoded = column.combine_chunks().dictionary_encode()
    of_value = [_number(value) for value in encoded.dictionary.to_pylist()]
    places = pc.fill_null(encoded.indices, len(of_value)).to_numpy()
    return np.array([*of_value, _number(None)], dtype=np.uint64)[places]


def _number(value: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "little")
