"""The job of ``flink_job.local_job`` with a model of voices that begins to leak when it is told.

It is told by a file, which says how many bytes it takes and never gives back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from pyflink.common import Configuration

from connectors.remote_models.opening import open_audio_scorer
from connectors.remote_models.spec import BackendSpec
from flink_job.local_job import start
from flink_job.main import Job, build_job
from flink_job.settings import Settings
from flink_job.topology import ModelUdfs, model_udfs
from udfs.metrics import Metrics
from udfs.model_udfs import score_audio_udf
from udfs.models.scorer import AudioScorer, Outcome, Waveform

LEAK_VARIABLE = "CALL_SENTIMENT_LEAK"


class Leaking:
    """A scorer of voices."""

    def __init__(self, scorer: AudioScorer, leak: Path) -> None:
        self._scorer = scorer
        self._leak = leak
        self._kept = b""

    def score(self, inputs: Iterable[Waveform]) -> Iterator[Outcome]:
        if not self._kept and self._leak.exists():
            self._kept = b"x" * int(self._leak.read_text())
        return self._scorer.score(inputs)

    def close(self) -> None:
        self._scorer.close()


def open_leaking(spec: BackendSpec, leak: Path, metrics: Metrics) -> AudioScorer:
    return Leaking(open_audio_scorer(spec, metrics), leak)


def build_leaking(settings: Settings, configuration: Configuration) -> Job:
    opening = partial(open_leaking, settings.audio_backend(), Path(os.environ[LEAK_VARIABLE]))
    audio = score_audio_udf(opening, hears_in_threads=settings.models_audio.is_remote)
    models = ModelUdfs(audio, model_udfs(settings).text)
    return build_job(settings, configuration, models)


if __name__ == "__main__":
    # By its importable name, so that workers find the functions where the driver did.
    from tests.flink import leaking_job

    start(leaking_job.build_leaking)
