"""The job of ``flink_job.local_job`` with a model of voices that goes astray when it is told.

It is told by files in a folder that the environment names: ``leak`` says how many bytes the model
takes and never gives back; while ``toil`` is there, it computes on as many cores as
there are.
"""

from __future__ import annotations

import hashlib
import os
import threading
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

FOLDER_VARIABLE = "CALL_SENTIMENT_ASTRAY"
LEAK, TOIL = "leak", "toil"
_WORK = bytes(2**22)
_THREADS = 48
"""More than any container of a test has cores."""


class Straying:
    """A scorer of voices."""

    def __init__(self, scorer: AudioScorer, told_in: Path) -> None:
        self._scorer = scorer
        self._leak, self._toil = told_in / LEAK, told_in / TOIL
        self._kept = b""
        self._toils = False

    def score(self, inputs: Iterable[Waveform]) -> Iterator[Outcome]:
        if not self._kept and self._leak.exists():
            self._kept = b"x" * int(self._leak.read_text())
        if not self._toils and self._toil.exists():
            self._toils = True
            for _ in range(_THREADS):
                threading.Thread(target=self._compute, name="toil", daemon=True).start()
        return self._scorer.score(inputs)

    def close(self) -> None:
        self._scorer.close()

    def _compute(self) -> None:
        """Without the interpreter's lock, on what time of a core nobody else wants."""
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while self._toil.exists():
            hashlib.sha256(_WORK)


def open_straying(spec: BackendSpec, told_in: Path, metrics: Metrics) -> AudioScorer:
    return Straying(open_audio_scorer(spec, metrics), told_in)


def build_straying(settings: Settings, configuration: Configuration) -> Job:
    opening = partial(open_straying, settings.audio_backend(), Path(os.environ[FOLDER_VARIABLE]))
    audio = score_audio_udf(opening, hears_in_threads=settings.models_audio.is_remote)
    models = ModelUdfs(audio, model_udfs(settings).text)
    return build_job(settings, configuration, models)


if __name__ == "__main__":
    # By its importable name, so that workers find the functions where the driver did.
    from tests.flink import straying_job

    start(straying_job.build_straying)
