"""A manifest: a table of examples with their labels and whom they come from.

CSV or Parquet. ``path`` (a WAV or FLAC beside the manifest; with ``start_ms`` and ``end_ms`` a span
of it) or ``text``; ``label``; ``split`` (``train``, ``dev``, ``test``, or any other name for
testing) where the split is given. Every further column is a group: speaker, sentence, gender,
language, whatever there is. Texts and people are never quoted in an error, rows are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray
from pyarrow import ArrowException

from udfs.training.errors import TrainingError
from udfs.training.recipe import Modality
from udfs.training.sounds import Waveform, read_sound

SPEAKER = "speaker"
_CONTENT: Mapping[Modality, str] = {"audio": "path", "text": "text"}
_SPAN = ("start_ms", "end_ms")
Words = NDArray[np.str_]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Manifest:
    """Examples in the order of the file; all columns have one entry an example."""

    file: Path
    modality: Modality
    contents: Words
    """Texts, or paths of sound files."""
    spans: tuple[tuple[int, int | None], ...]
    """Start and end within the sound in ms; (0, None) is all of it."""
    labels: Words
    groups: Mapping[str, Words]
    split: Words | None

    def __len__(self) -> int:
        return len(self.contents)

    def where(self, rows: Mask) -> Manifest:
        """Only some examples."""
        return replace(
            self,
            contents=self.contents[rows],
            spans=tuple(span for span, keep in zip(self.spans, rows, strict=True) if keep),
            labels=self.labels[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
            split=None if self.split is None else self.split[rows],
        )

    def in_split(self, *names: str) -> Manifest:
        """The examples of some splits; all where the manifest has none."""
        return self if self.split is None else self.where(np.isin(self.split, names))

    def sound(self, row: int) -> Waveform:
        """The waveform of an audio example.

        Raises:
            TrainingError: it cannot be read.
        """
        return read_sound(Path(self.contents[row]), *self.spans[row])

    @property
    def speakers(self) -> Words | None:
        return self.groups.get(SPEAKER)


def joined(first: Manifest, *others: Manifest) -> Manifest:
    """One after the other; a group column that one lacks is empty there, and all is one split."""
    parts = (first, *others)
    names = dict.fromkeys(name for part in parts for name in part.groups)
    return replace(
        first,
        contents=np.concatenate([part.contents for part in parts]),
        spans=tuple(span for part in parts for span in part.spans),
        labels=np.concatenate([part.labels for part in parts]),
        groups={
            name: np.concatenate(
                [part.groups.get(name, _words([""] * len(part))) for part in parts]
            )
            for name in names
        },
        split=None,
    )


def read_manifest(file: Path, modality: Modality, *, labelled: bool = True) -> Manifest:
    """Read and check a manifest; sounds are opened, not decoded.

    Raises:
        TrainingError: one line on what is wrong and what to do.
    """
    table = _read_table(file)
    content = _CONTENT[modality]
    for column in (content, "label") if labelled else (content,):
        if column not in table:
            columns = ", ".join(map(str, table.columns)) or "none"
            msg = f"manifest {file} lacks the column {column!r} (it has {columns}): add it"
            raise TrainingError(msg)
    if table.empty:
        msg = f"manifest {file} has no rows: add examples"
        raise TrainingError(msg)
    required = [content, "label"] if labelled else [content]
    for column in required:
        empty = np.flatnonzero(table[column].str.strip() == "")
        if len(empty):
            msg = f"manifest {file}: {column} is empty in {_rows(empty)}: fill or drop them"
            raise TrainingError(msg)
    manifest = Manifest(
        file=file,
        modality=modality,
        contents=_contents(file, table[content], modality),
        spans=_spans(file, table),
        labels=_words(table["label"].str.strip()) if labelled else _words([""] * len(table)),
        groups={
            str(column): _words(table[column])
            for column in table
            if column not in (content, "label", "split", *_SPAN)
        },
        split=_words(table["split"].str.strip()) if "split" in table else None,
    )
    if modality == "audio":
        _check_sounds(manifest)
    return manifest


def _read_table(file: Path) -> pd.DataFrame:
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(file)
        else:
            table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        msg = f"manifest {file} does not exist: name a CSV or Parquet file"
        raise TrainingError(msg) from None
    except (OSError, ValueError, ArrowException) as error:
        # pandas' own parser errors are ValueErrors; their texts may quote the file
        msg = f"manifest {file} is no CSV or Parquet table ({type(error).__name__}): write it anew"
        raise TrainingError(msg) from None
    return table.apply(lambda column: column.map(_as_word))


def _as_word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # an integer column of Parquet with a gap comes as floats
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 (NaN)


def _words(values: Sequence[str] | pd.Series) -> Words:
    return np.array(list(values), dtype=np.str_)


def _contents(file: Path, column: pd.Series, modality: Modality) -> Words:
    if modality == "text":
        return _words(column)
    return _words([str(file.parent / path) for path in column])


def _spans(file: Path, table: pd.DataFrame) -> tuple[tuple[int, int | None], ...]:
    starts = table["start_ms"] if "start_ms" in table else [""] * len(table)
    ends = table["end_ms"] if "end_ms" in table else [""] * len(table)
    spans: list[tuple[int, int | None]] = []
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        try:
            span = (int(start or 0), int(end) if end else None)
        except ValueError:
            span = (-1, None)
        if span[0] < 0 or (span[1] is not None and span[1] <= span[0]):
            msg = (
                f"manifest {file}: start_ms and end_ms of {_rows([row])} are no span: "
                "give whole milliseconds, the end after the start"
            )
            raise TrainingError(msg)
        spans.append(span)
    return tuple(spans)


def _check_sounds(manifest: Manifest) -> None:
    unreadable = []
    for path in dict.fromkeys(manifest.contents):
        try:
            frames = soundfile.info(path).frames
        except (soundfile.SoundFileError, OSError):
            frames = 0
        if not frames:
            unreadable.append(path)
    if unreadable:
        more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        msg = (
            f"manifest {manifest.file}: {unreadable[0]}{more}: no such file, or no sound in it: "
            "give WAV or FLAC by paths relative to the manifest"
        )
        raise TrainingError(msg)


def _rows(rows: Sequence[int] | NDArray[np.int64]) -> str:
    """Rows as a person counts them, the header being line 1."""
    first = ", ".join(str(row + 1) for row in rows[:3])
    word = "row" if len(rows) == 1 else "rows"
    return f"{word} {first}" + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")  # noqa: PLR2004
