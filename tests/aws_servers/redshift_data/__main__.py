"""The server as a process, for faults that a thread cannot have.

    python -m tests.aws_servers.redshift_data --data FOLDER [--port PORT]

Prints its URL in one line and runs until SIGTERM. S3 is found by ``AWS_ENDPOINT_URL_S3``. Started
again with the same folder (after a kill as well), it has the same tables and knows none of the
earlier statements.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from tests.aws_servers.redshift_data import Redshift, serving


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with Redshift(arguments.data).running() as redshift, serving(redshift, arguments.port) as url:
        print(url, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
