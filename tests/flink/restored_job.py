"""The job of ``flink_job.local_job``, begun from the savepoint that the environment names."""

from __future__ import annotations

import os
from typing import Any

from flink_job.local_job import start

SAVEPOINT_VARIABLE = "CALL_SENTIMENT_SAVEPOINT"


def build_restored(settings: Any, configuration: Any) -> Any:
    from flink_job.main import build_job  # noqa: PLC0415 - after the environment is set

    configuration.set_string("execution.state-recovery.path", os.environ[SAVEPOINT_VARIABLE])
    return build_job(settings, configuration)


if __name__ == "__main__":
    start(build_restored)
