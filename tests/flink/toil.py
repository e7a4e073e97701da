"""Computes on as many cores as nobody else wants, while a file is there and who started it lives.

python -m tests.flink.toil FILE
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path

THREADS = 48
"""More than any container of a test has cores."""
_WORK = bytes(2**22)


def compute_while(told: Path) -> None:
    # Or a machine of few cores would have nothing left for the job.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    while told.exists() and os.getppid() == parent:
        hashlib.sha256(_WORK)  # without the interpreter's lock


if __name__ == "__main__":
    for _ in range(THREADS):
        threading.Thread(target=compute_while, args=(Path(sys.argv[1]),)).start()
