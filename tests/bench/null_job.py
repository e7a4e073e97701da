"""The job with models that cost nothing: constants in place of what ``udfs.model_udfs`` scores.

python -m tests.bench.null_job PROPERTIES WORK_DIR REST_PORT
"""

from __future__ import annotations

import msgspec
import pandas as pd
from pyflink.common import Configuration
from pyflink.table import ScalarFunction

from flink_job.local_job import start
from flink_job.main import Job, build_job
from flink_job.settings import Settings
from flink_job.topology import ModelUdfs
from udfs.model_udfs import ScoringUdf, bytes_udf
from udfs.models.contract import Triple
from udfs.score_text import TextScore
from udfs.score_window import WindowScore
from udfs.windows import WINDOW_MS

_encode = msgspec.msgpack.Encoder().encode
_NEUTRAL = Triple(0.2, 0.6, 0.2)
_HEARD = _encode(
    WindowScore(
        triple=_NEUTRAL,
        missing=None,
        model_id="null",
        speech_ms=((0, WINDOW_MS),),
        speech_ratio=1.0,
        loudness_dbfs=-20.0,
        snr_db=20.0,
    )
)
_READ = _encode(TextScore(triple=_NEUTRAL, missing=None, model_id="null"))


class NullAudio(ScalarFunction):
    def eval(self, signals: pd.Series) -> pd.Series:
        return pd.Series([None if one is None else _HEARD for one in signals], dtype=object)


class NullText(ScalarFunction):
    def eval(self, texts: pd.Series, languages: pd.Series, may_send_raw: pd.Series) -> pd.Series:
        return pd.Series([None if one is None else _READ for one in texts], dtype=object)


def build_null_job(settings: Settings, configuration: Configuration) -> Job:
    audio, text = (ScoringUdf(bytes_udf(function)) for function in (NullAudio(), NullText()))
    return build_job(settings, configuration, ModelUdfs(audio, text))


if __name__ == "__main__":
    # By its importable name, so that workers find the functions where the driver did.
    from tests.bench import null_job

    start(null_job.build_null_job)
