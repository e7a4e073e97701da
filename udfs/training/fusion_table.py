"""The table that a fusion is trained and measured on: a row for each window.

CSV or Parquet. ``group`` (call or speaker: rows of one are never split), ``label``,
``text_probabilities`` and ``audio_probabilities`` (negative, neutral, positive; empty where the
side is missing) are required; ``text_embedding``, ``audio_embedding`` for early fusion. How
reliable each side is: ``word_count``, ``confidence``, ``speech_ratio``, ``snr_db``.
``text_model_id`` and ``audio_model_id`` name the models. A list in a CSV is ``[0.1, 0.2, 0.7]``.
``offline --features`` writes such a table. Further columns are let be; rows without a label are
left out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import ArrowException

from udfs.fusion import LABELS, AudioEvidence, Embedding, TextEvidence
from udfs.fusion_file import TrainedFor
from udfs.models.contract import Triple
from udfs.training.errors import TrainingError

REQUIRED = ("group", "label", "text_probabilities", "audio_probabilities")
EMBEDDINGS = ("text_embedding", "audio_embedding")
MANY_WORDS, ALL_SPEECH = 10.0, 1.0
"""Stand in where a table does not tell how reliable a side is."""


@dataclass(frozen=True)
class Example:
    """One labelled window."""

    group: str
    label: int
    """0 negative, 1 neutral, 2 positive."""
    text: TextEvidence | None
    audio: AudioEvidence | None

    @property
    def has_both(self) -> bool:
        return self.text is not None and self.audio is not None


@dataclass(frozen=True)
class FusionTable:
    path: Path
    digest: str
    """SHA-256 of the file."""
    examples: tuple[Example, ...]
    trained_for: TrainedFor
    unlabelled: int
    """Rows left out for want of a label."""

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.array([example.label for example in self.examples], dtype=np.int64)

    @property
    def group_names(self) -> list[str]:
        return sorted({example.group for example in self.examples})


def read_fusion_table(path: Path, *, with_embeddings: bool) -> FusionTable:
    """Read and check a table.

    Args:
        path: CSV or Parquet.
        with_embeddings: whether each side that is there needs its embedding.

    Raises:
        TrainingError: what is wrong, in which column and row, and what to do.
    """
    frame = _read(path)
    for column in (*REQUIRED, *(EMBEDDINGS if with_embeddings else ())):
        if column not in frame.columns:
            known = ", ".join(map(str, frame.columns))
            msg = f"table {path} lacks the column {column!r} (it has {known}): add it"
            raise TrainingError(msg)
    rows = _Rows(path, frame)
    examples = []
    for number in range(len(frame)):
        label = rows.label(number)
        if label is not None:
            example = rows.example(number, label, with_embeddings=with_embeddings)
            if example.text is not None or example.audio is not None:
                examples.append(example)
    if not examples:
        msg = f"table {path} has no row with a label and the probabilities of a side: add rows"
        raise TrainingError(msg)
    _check_lengths(path, examples)
    return FusionTable(
        path=path,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        examples=tuple(examples),
        trained_for=TrainedFor(text=rows.ids("text_model_id"), audio=rows.ids("audio_model_id")),
        unlabelled=sum(rows.label(number) is None for number in range(len(frame))),
    )


def check_spread(table: FusionTable, *, all_labels: bool) -> None:
    """Whether there is something to tell apart, and somebody to hold out.

    Raises:
        TrainingError: one label or one group only, or, with ``all_labels``, one label without rows.
    """
    found = [LABELS[label] for label in sorted({example.label for example in table.examples})]
    if len(found) == 1:
        msg = f"table {table.path} has one label only ({found[0]}): add rows of the others"
        raise TrainingError(msg)
    if all_labels and len(found) < len(LABELS):
        absent = next(label for label in LABELS if label not in found)
        msg = f"table {table.path} has no row labelled {absent}: a fusion needs all of {_either()}"
        raise TrainingError(msg)
    if len(table.group_names) == 1:
        msg = (
            f"table {table.path} has one group only, so none can be held out: "
            "add rows of other calls or speakers"
        )
        raise TrainingError(msg)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        msg = f"table {path} does not exist: name a CSV or Parquet file"
        raise TrainingError(msg) from None
    except (OSError, ValueError, ArrowException) as error:
        # pandas' own parser errors are ValueErrors; their texts may quote the file
        msg = f"table {path} is no CSV or Parquet table ({type(error).__name__}): write it anew"
        raise TrainingError(msg) from None


class _Rows:
    """A frame's cells as evidence; errors count rows from 1."""

    def __init__(self, path: Path, frame: pd.DataFrame) -> None:
        self._path = path
        self._columns: Mapping[str, list[Any]] = {
            str(column): frame[column].tolist() for column in frame.columns
        }

    def label(self, number: int) -> int | None:
        word = _word(self._columns["label"][number])
        if not word:
            return None
        if word.lower() not in LABELS:
            raise self._wrong("label", number, f"is none of {_either()}", "mend or empty it")
        return LABELS.index(word.lower())

    def example(self, number: int, label: int, *, with_embeddings: bool) -> Example:
        group = _word(self._columns["group"][number])
        if not group:
            raise self._wrong("group", number, "is empty", "name the call or speaker")
        return Example(
            group,
            label,
            self._text(number, with_embeddings=with_embeddings),
            self._audio(number, with_embeddings=with_embeddings),
        )

    def ids(self, column: str) -> tuple[str, ...]:
        """The values of a column of names."""
        return tuple(sorted({_word(value) for value in self._columns.get(column, [])} - {""}))

    def _text(self, number: int, *, with_embeddings: bool) -> TextEvidence | None:
        triple = self._triple("text_probabilities", number)
        if triple is None:
            return None
        words = self._number("word_count", number)
        return TextEvidence(
            triple,
            MANY_WORDS if words is None else words,
            self._number("confidence", number),
            self._embedding("text_embedding", number) if with_embeddings else None,
        )

    def _audio(self, number: int, *, with_embeddings: bool) -> AudioEvidence | None:
        triple = self._triple("audio_probabilities", number)
        if triple is None:
            return None
        speech_ratio = self._number("speech_ratio", number)
        return AudioEvidence(
            triple,
            ALL_SPEECH if speech_ratio is None else speech_ratio,
            self._number("snr_db", number),
            self._embedding("audio_embedding", number) if with_embeddings else None,
        )

    def _triple(self, column: str, number: int) -> Triple | None:
        shares = self._numbers(column, number)
        if not shares:
            return None
        total = sum(shares)
        # so that NaN, of which nothing is true, fails
        is_right = all(0.0 <= share <= 1.0 for share in shares) and abs(total - 1.0) <= 0.01  # noqa: PLR2004
        if len(shares) != len(LABELS) or not is_right:
            raise self._wrong(
                column,
                number,
                "is no distribution",
                "give three shares that sum to 1, for negative, neutral and positive",
            )
        return Triple(*(share / total for share in shares))

    def _embedding(self, column: str, number: int) -> Embedding:
        numbers = np.array(self._numbers(column, number), dtype=np.float32)
        if not len(numbers):
            raise self._wrong(
                column, number, "is empty beside probabilities", "add it, or train --kind late"
            )
        if not np.isfinite(numbers).all():
            raise self._wrong(column, number, "has a number that is not finite", "mend it")
        return numbers

    def _number(self, column: str, number: int) -> float | None:
        if column not in self._columns:
            return None
        value = self._columns[column][number]
        if _is_empty(value):
            return None
        try:
            known = float(value)
        except (TypeError, ValueError):
            known = math.nan
        if not math.isfinite(known):
            raise self._wrong(column, number, "is no number", "mend or empty it")
        return known

    def _numbers(self, column: str, number: int) -> list[float]:
        value = self._columns[column][number]
        if _is_empty(value):
            return []
        if isinstance(value, str):
            value = value.strip().strip("[]()").replace(",", " ").replace(";", " ").split()
        try:
            return [float(one) for one in value]
        except (TypeError, ValueError):
            raise self._wrong(
                column, number, "is no list of numbers", "write [0.1, 0.2, 0.7]"
            ) from None

    def _wrong(self, column: str, number: int, what: str, remedy: str) -> TrainingError:
        return TrainingError(f"table {self._path}: {column} of row {number + 1} {what}: {remedy}")


def _check_lengths(path: Path, examples: list[Example]) -> None:
    for column, side in (("text_embedding", "text"), ("audio_embedding", "audio")):
        evidence = [getattr(example, side) for example in examples]
        embeddings = [one.embedding for one in evidence if one is not None]
        lengths = sorted({len(one) for one in embeddings if one is not None})
        if len(lengths) > 1:
            told = " and ".join(map(str, lengths[:3]))
            msg = (
                f"table {path}: {column} has lists of unequal length ({told}): "
                "give rows of one model only"
            )
            raise TrainingError(msg)


def _word(value: object) -> str:
    return "" if _is_empty(value) else str(value).strip()


def _is_empty(value: object) -> bool:
    if value is None or isinstance(value, float):
        return value is None or math.isnan(value)
    return isinstance(value, str) and not value.strip()


def _either() -> str:
    return ", ".join(LABELS)
