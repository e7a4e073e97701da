"""``offline --features``: the table that ``train fusion`` takes, labels joined to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from udfs.features import FeatureRow
from udfs.fusion import LABELS
from udfs.training.errors import TrainingError

Key = tuple[str, str, int]
"""Call, participant, start of the window in ms."""

KEY_COLUMNS = ("call_id", "participant_id", "window_start_ms")
_LISTS = {
    "text_probabilities": pa.list_(pa.float64()),
    "audio_probabilities": pa.list_(pa.float64()),
    "text_embedding": pa.list_(pa.float32()),
    "audio_embedding": pa.list_(pa.float32()),
}
_NUMBERS = {
    "window_start_ms": pa.int64(),
    "word_count": pa.float64(),
    "confidence": pa.float64(),
    "speech_ratio": pa.float64(),
    "snr_db": pa.float64(),
}
_COLUMNS = tuple(field.name for field in fields(FeatureRow))


def read_labels(path: Path) -> dict[Key, str]:
    """Labels by window, of a CSV with ``call_id, participant_id, window_start_ms, label``.

    Raises:
        TrainingError: it cannot be read, lacks a column, or labels a window in two ways.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        msg = f"labels {path} do not exist: name a CSV file"
        raise TrainingError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"labels {path} are no CSV table ({type(error).__name__}): write them anew"
        raise TrainingError(msg) from None
    for column in (*KEY_COLUMNS, "label"):
        if column not in frame:
            known = ", ".join(map(str, frame.columns))
            msg = f"labels {path} lack the column {column!r} (they have {known}): add it"
            raise TrainingError(msg)
    labels: dict[Key, str] = {}
    columns = (frame[column] for column in (*KEY_COLUMNS, "label"))
    for number, (call_id, participant_id, start, given) in enumerate(zip(*columns, strict=True)):
        label = given.strip().lower()
        if label not in LABELS or not start.strip().isdigit():
            msg = (
                f"labels {path}: row {number + 1} needs whole milliseconds as window_start_ms and "
                f"one of {', '.join(LABELS)} as label: mend it"
            )
            raise TrainingError(msg)
        key = (call_id, participant_id, int(start))
        if labels.setdefault(key, label) != label:
            msg = f"labels {path}: row {number + 1} labels a window again, otherwise: keep one"
            raise TrainingError(msg)
    return labels


def labelled(rows: Sequence[FeatureRow], labels: Mapping[Key, str]) -> list[FeatureRow]:
    """Rows with their labels; a label without a row is left out."""
    return [
        replace(row, label=labels.get((row.call_id, row.participant_id, row.window_start_ms), ""))
        for row in rows
    ]


def write_features(path: Path, rows: Sequence[FeatureRow]) -> None:
    """Parquet, or CSV with lists as JSON, by the name's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [getattr(row, name) for row in rows] for name in _COLUMNS}
    if path.suffix.lower() in (".parquet", ".pq"):
        types = {name: _LISTS.get(name) or _NUMBERS.get(name) or pa.string() for name in _COLUMNS}
        arrays = {name: pa.array(columns[name], types[name]) for name in _COLUMNS}
        parquet.write_table(pa.table(arrays), path)
        return
    for name in _LISTS:
        columns[name] = [
            None if one is None else json.dumps([float(number) for number in one])
            for one in columns[name]
        ]
    pd.DataFrame(columns).to_csv(path, index=False)
