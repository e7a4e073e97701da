"""Rows of a table as Arrow has them: which of them go, and a digest of any set of them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from udfs.erasure import Target
from udfs.rows import REJECTS, Table

Mask = npt.NDArray[np.bool_]

_PRIME = np.uint64(1_099_511_628_211)  # of FNV-1a, 64 bits


def telling_columns(table: Table) -> list[str]:
    """The columns that tell whose a row is."""
    return ["call_id", "payload"] if table is REJECTS else ["call_id"]


def erased_mask(table: Table, rows: pa.Table, target: Target) -> Mask:
    """Which rows go.

    Args:
        table: what the rows are.
        rows: at least ``telling_columns``.
        target: whose rows go.
    """
    if table is REJECTS:
        pairs = zip(rows["call_id"].to_pylist(), rows["payload"].to_pylist(), strict=True)
        return np.array([target.is_reject(*pair) for pair in pairs], dtype=np.bool_)
    ids = rows["call_id"]
    erased = target.calls_among(pc.unique(ids).to_pylist())
    found: Any = pc.is_in(ids, value_set=pa.array(sorted(erased), pa.string()))
    return np.asarray(found.to_numpy(), dtype=np.bool_)


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
