"""``call-sentiment offline``: recorded calls to the four folders, without Flink."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from connectors.lake_reader import write_rows
from flink_job.settings import Settings
from udfs.call_folder import CallFolder
from udfs.models.audio import load_audio_model
from udfs.models.text import load_text_model
from udfs.offline import Scorers, score_call
from udfs.rows import TABLES, partition_date
from udfs.speech import SpeechDetector


class Progress(Protocol):
    def closed(self, num_closed: int, num_calls: int) -> None: ...


def load_scorers(settings: Settings) -> Scorers:
    """The models of the settings, as a worker loads them."""
    audio = settings.audio_spec()
    specs = settings.text_specs()
    text = load_text_model(settings.models_text.spec()) if specs else None
    return Scorers(
        detector=SpeechDetector(),
        audio=load_audio_model(audio) if audio else None,
        text=dict.fromkeys(specs, text) if text else {},
        fuser=settings.fusion.fuser(),
    )


def run_offline(
    folders: Sequence[CallFolder], settings: Settings, output: str, progress: Progress
) -> None:
    """Score every call and write its rows.

    Raises:
        CallFolderError: a sound file is damaged.
    """
    scorers = load_scorers(settings)
    rows: dict[type[Any], list[tuple[Any, str]]] = {table.row: [] for table in TABLES}
    for number, folder in enumerate(folders):
        progress.closed(number, len(folders))
        dt = partition_date(folder.started_at_ms)
        for row in score_call(folder, scorers, time.time_ns() // 1_000_000):
            rows[type(row)].append((row, dt))
    for table in TABLES:
        dates = {id(row): dt for row, dt in rows[table.row]}
        write_rows(output, table, [row for row, _ in rows[table.row]], _date_from(dates))
    progress.closed(len(folders), len(folders))


def _date_from(dates: dict[int, str]) -> Callable[[Any], str]:
    return lambda row: dates[id(row)]
