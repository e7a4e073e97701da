"""The models as vectorised UDFs: Arrow batches in, scores out.

The two skins of this folder that know PyFlink. A batch saves calls and overlaps those to a remote
model; each window and each text is scored alone, so batching changes no number.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pandas as pd
from pyflink.table import DataTypes, FunctionContext, ScalarFunction
from pyflink.table.udf import udf

from udfs.ahead import map_ahead
from udfs.begun_work import BegunWork, finish
from udfs.flink_metrics import metrics_in
from udfs.metrics import MODELS, Metrics, Modality
from udfs.models.scorer import AudioScorer, Text, TextScorer
from udfs.score_text import score_texts
from udfs.score_window import HearAll, score_signals
from udfs.speech import SpeechDetector
from udfs.windows import WindowSignal
from udfs.worker_process import tune_worker

MOST_UNFINISHED = 512
"""Rows of one step: enough to keep a remote model busy, few enough to hold their sound."""
HEARING_THREADS = min(8, os.cpu_count() or 1)
_encode = msgspec.msgpack.Encoder().encode
_decode_signal = msgspec.msgpack.Decoder(WindowSignal).decode

OpenAudioScorer = Callable[[Metrics], AudioScorer]
OpenTextScorers = Callable[[Metrics], Mapping[str, TextScorer]]
"""Made in the worker, so what they hold is never pickled; they may be."""


class ScoreAudio(ScalarFunction):
    """``signal BYTES`` to ``WindowScore`` as BYTES; NULL to NULL."""

    def __init__(self, open_scorer: OpenAudioScorer, *, hears_in_threads: bool = False) -> None:
        """Pickled into the worker.

        Args:
            open_scorer: makes what finds the feeling.
            hears_in_threads: look for speech on several cores at once: for a remote scorer,
                which waits more than it computes.
        """
        self._open_scorer = open_scorer
        self._hears_in_threads = hears_in_threads

    def open(self, function_context: FunctionContext) -> None:
        tune_worker()
        self._metrics = _metrics(function_context)
        self._scorer = self._open_scorer(self._metrics)
        self._detector = SpeechDetector()
        self._threads = ThreadPoolExecutor(HEARING_THREADS, thread_name_prefix="hear")
        in_threads = partial(map_ahead, threads=self._threads, depth=2 * HEARING_THREADS)
        self._hear_all: HearAll = in_threads if self._hears_in_threads else map

    def eval(self, signals: pd.Series) -> pd.Series:
        given = [signal for signal in signals if signal is not None]
        decoded = map(_decode_signal, given)
        with _timed(self._metrics, "audio", len(given)):
            scored = iter(score_signals(decoded, self._detector, self._scorer, self._hear_all))
        return _column(None if signal is None else next(scored) for signal in signals)

    def close(self) -> None:
        self._scorer.close()
        self._threads.shutdown(wait=False)


class ScoreText(ScalarFunction):
    """``text, language STRING, may_send_raw BOOLEAN`` to ``TextScore`` as BYTES; NULL to NULL."""

    def __init__(self, open_scorers: OpenTextScorers) -> None:
        self._open_scorers = open_scorers

    def open(self, function_context: FunctionContext) -> None:
        tune_worker()
        self._metrics = _metrics(function_context)
        self._scorers = self._open_scorers(self._metrics)

    def eval(self, texts: pd.Series, languages: pd.Series, may_send_raw: pd.Series) -> pd.Series:
        given = [
            Text(text, language or "", bool(may))
            for text, language, may in zip(texts, languages, may_send_raw, strict=True)
            if text is not None
        ]
        with _timed(self._metrics, "text", len(given)):
            scored = iter(score_texts(given, self._scorers))
        return _column(None if text is None else next(scored) for text in texts)

    def close(self) -> None:
        for scorer in self._scorers.values():
            scorer.close()


class Begin(ScalarFunction):
    """What another UDF does, begun: a ticket as BYTES; NULL where its first column is."""

    def __init__(self, function: ScalarFunction) -> None:
        """Pickled into the worker.

        Args:
            function: its ``eval`` is safe to call from several threads, and gives BYTES.
        """
        self._function = function

    def open(self, function_context: FunctionContext) -> None:
        self._function.open(function_context)
        self._work = BegunWork(MOST_UNFINISHED)

    def eval(self, *columns: pd.Series) -> pd.Series:
        places = [place for place, one in enumerate(columns[0]) if one is not None]
        tickets: list[bytes | None] = [None] * len(columns[0])
        begun = self._work.begin(lambda: list(self._function.eval(*columns)), places)
        for place, ticket in zip(places, begun, strict=True):
            tickets[place] = ticket
        return pd.Series(tickets, dtype=object)

    def close(self) -> None:
        self._work.close()
        self._function.close()


class Finish(ScalarFunction):
    """What ``Begin`` began: its ticket to the result, both as BYTES; NULL to NULL."""

    def eval(self, tickets: pd.Series) -> pd.Series:
        results = [None if ticket is None else finish(ticket) for ticket in tickets]
        return pd.Series(results, dtype=object)


def _column(scores: Any) -> pd.Series:
    return pd.Series([None if one is None else _encode(one) for one in scores], dtype=object)


def _metrics(function_context: FunctionContext) -> Metrics:
    try:
        return metrics_in(function_context.get_metric_group())
    except RuntimeError:  # python.metric.enabled is false
        return metrics_in(None)


@contextmanager
def _timed(metrics: Metrics, modality: Modality, num_inputs: int) -> Iterator[None]:
    """Count a batch that is worked on within; one without inputs is none."""
    begun_ns = time.monotonic_ns()
    yield
    if num_inputs:
        model = MODELS[modality]
        metrics.count(model.batches)
        metrics.count(model.batch_inputs, num_inputs)
        metrics.count(model.batch_us, (time.monotonic_ns() - begun_ns) // 1_000)


class ScoringUdf(NamedTuple):
    """How a modality is scored, as vectorised UDFs that give BYTES."""

    score: Any
    """To a score; or to a ticket for it, where there is ``finish``."""
    finish: Any | None = None
    """A ticket to the score."""


def score_audio_udf(open_scorer: OpenAudioScorer, *, is_remote: bool) -> ScoringUdf:
    return _scoring(ScoreAudio(open_scorer, hears_in_threads=is_remote), is_remote=is_remote)


def score_text_udf(open_scorers: OpenTextScorers, *, is_remote: bool) -> ScoringUdf:
    return _scoring(ScoreText(open_scorers), is_remote=is_remote)


def _scoring(function: ScalarFunction, *, is_remote: bool) -> ScoringUdf:
    if not is_remote:
        return ScoringUdf(bytes_udf(function))
    return ScoringUdf(bytes_udf(Begin(function)), bytes_udf(Finish()))


def bytes_udf(function: ScalarFunction) -> Any:
    return udf(function, result_type=DataTypes.BYTES(), func_type="pandas")
