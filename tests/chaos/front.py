"""A front before PostgreSQL's socket: a port for the job, and a trap on what it sends.

Bytes pass both ways. When a trap is set and its text comes by, what the trap does is done first:
so the server can be killed between two statements of a load.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65_536


class Front:
    """A running front; leaving the context ends it."""

    def __init__(self, server: Path) -> None:
        """Listen on a free port of 127.0.0.1.

        Args:
            server: PostgreSQL's Unix socket; while nobody listens there, clients are hung up on.
        """
        self._server = str(server)
        self._trap: tuple[bytes, Callable[[], None]] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="front", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    def trap(self, text: bytes, act: Callable[[], None]) -> None:
        """Act once, before the next statement with this text goes on to the server."""
        self._trap = (text, act)

    def _accept(self) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._server)
                except OSError:
                    client.close()
                    continue
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._pump, args=(one, other, one is client), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(_CHUNK_BYTES):
                if is_client and self._trap is not None and self._trap[0] in data:
                    (_, act), self._trap = self._trap, None
                    act()
                target.sendall(data)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
