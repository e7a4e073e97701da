"""``call-sentiment offline``: recorded calls to the four folders, without Flink."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from connectors.lake_reader import write_rows
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.secret_key import read_key
from flink_job.preflight import check_fusion, check_pseudonyms
from flink_job.settings import Settings
from udfs.call_folder import CallFolder
from udfs.features import FeatureRow, feature_rows
from udfs.metrics import NoMetrics
from udfs.offline import Scorers, fuse_call, score_windows
from udfs.pseudonyms import Pseudonyms
from udfs.rows import TABLES, partition_date
from udfs.speech import SpeechDetector


class Progress(Protocol):
    def closed(self, num_closed: int, num_calls: int) -> None: ...


def load_scorers(settings: Settings, *, with_embeddings: bool = False) -> Scorers:
    """The models of the settings, as a worker loads them.

    Raises:
        ModelError: a model cannot be used.
        SettingsError: the fusion, the policy or the key of the pseudonyms cannot be used.
    """
    check_fusion(settings)
    check_pseudonyms(settings)
    with_embedding = with_embeddings or settings.fusion.needs_embeddings
    audio, text = settings.audio_backend(), settings.text_backends()
    return Scorers(
        detector=SpeechDetector(),
        audio=open_audio_scorer(audio, NoMetrics(), with_embedding=with_embedding),
        text=open_text_scorers(text, NoMetrics(), with_embedding=with_embedding),
        fuser=settings.fusion.fuser(),
        policy=settings.policy.policy(),
        pseudonyms=Pseudonyms(read_key(settings.pseudonym_key())),
    )


def run_offline(
    folders: Sequence[CallFolder],
    settings: Settings,
    output: str,
    progress: Progress,
    features: list[FeatureRow] | None = None,
) -> None:
    """Score every call and write its rows.

    Args:
        folders: the calls.
        settings: models, fusion, policy and pseudonyms.
        output: the root of the rows.
        progress: is told of each call.
        features: takes what fusion sees of each window, embeddings too.

    Raises:
        CallFolderError: a sound file is damaged.
    """
    scorers = load_scorers(settings, with_embeddings=features is not None)
    rows: dict[type[Any], list[tuple[Any, str]]] = {table.row: [] for table in TABLES}
    for number, folder in enumerate(folders):
        progress.closed(number, len(folders))
        dt = partition_date(folder.started_at_ms)
        now_ms = time.time_ns() // 1_000_000
        scored = score_windows(folder, scorers, now_ms)
        if features is not None:
            features.extend(feature_rows(scored))
        for row in fuse_call(scored, scorers.fuser, now_ms):
            rows[type(row)].append((row, dt))
    for table in TABLES:
        dates = {id(row): dt for row, dt in rows[table.row]}
        write_rows(
            output,
            table,
            [row for row, _ in rows[table.row]],
            _date_from(dates),
            kms_key_arn=settings.lake.kms_key_arn,
        )
    progress.closed(len(folders), len(folders))


def _date_from(dates: dict[int, str]) -> Callable[[Any], str]:
    return lambda row: dates[id(row)]
