"""The job of ``flink_job.local_job`` with a model of voices that goes astray when it is told.

It is told by files in a folder that the environment names: ``leak`` says how many bytes the model
takes and never gives back; while ``toil`` is there, it computes in a process of its own
(``tests.flink.toil``).
"""

from __future__ import annotations

import os
import subprocess
import sys
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
from tests.flink import toil
from udfs.metrics import Metrics
from udfs.model_udfs import score_audio_udf
from udfs.models.scorer import AudioScorer, Outcome, Waveform

FOLDER_VARIABLE = "CALL_SENTIMENT_ASTRAY"
LEAK, TOIL = "leak", "toil"


class Straying:
    """A scorer of voices."""

    def __init__(self, scorer: AudioScorer, told_in: Path) -> None:
        self._scorer = scorer
        self._leak, self._toil = told_in / LEAK, told_in / TOIL
        self._kept = b""
        self._toiling: subprocess.Popen[bytes] | None = None

    def score(self, inputs: Iterable[Waveform]) -> Iterator[Outcome]:
        if not self._kept and self._leak.exists():
            self._kept = b"x" * int(self._leak.read_text())
        if self._toiling is None and self._toil.exists():
            self._toiling = subprocess.Popen([sys.executable, "-m", toil.__name__, self._toil])
        return self._scorer.score(inputs)

    def close(self) -> None:
        self._scorer.close()


def open_straying(spec: BackendSpec, told_in: Path, metrics: Metrics) -> AudioScorer:
    return Straying(open_audio_scorer(spec, metrics), told_in)


def build_straying(settings: Settings, configuration: Configuration) -> Job:
    opening = partial(open_straying, settings.audio_backend(), Path(os.environ[FOLDER_VARIABLE]))
    audio = score_audio_udf(opening, is_remote=settings.models_audio.is_remote)
    models = ModelUdfs(audio, model_udfs(settings).text)
    return build_job(settings, configuration, models)


if __name__ == "__main__":
    # By its importable name, so that workers find the functions where the driver did.
    from tests.flink import straying_job

    start(straying_job.build_straying)
