"""Namespaces of Linux: mounts, processes and a network of this rehearsal's own.

Inside there is no network but the loopback, which kinesalite, moto and PostgreSQL share with the
cluster. All that was mounted and started is gone when the first process inside ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_WORK_DIR = "CALL_SENTIMENT_REHEARSAL"
_UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")


class IsolationError(RuntimeError):
    """This machine allows no such surroundings; the message says which."""


def work_dir_inside() -> Path | None:
    """The folder that was given to ``run_inside``; None outside."""
    given = os.environ.get(_WORK_DIR)
    return Path(given) if given else None


def run_inside(arguments: Sequence[str], work_dir: Path) -> int:
    """Run this program again in namespaces of its own, and return its exit code.

    Args:
        arguments: of the command line.
        work_dir: for all that it makes. Outside no mount is seen in it, so that it can be removed.

    Raises:
        IsolationError: the machine does not allow it.
    """
    for program in ("unshare", "mount"):
        if shutil.which(program) is None:
            msg = f"{program} (util-linux) is missing; install it"
            raise IsolationError(msg)
    unshare = [*_UNSHARE, *([] if os.geteuid() == 0 else ["--map-root-user"])]
    tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        reason = " ".join(tried.stderr.split())
        msg = f"this machine allows no namespaces ({reason}); run as root, or allow them"
        raise IsolationError(msg)
    return subprocess.run(
        [*unshare, sys.executable, "-m", "tests.rehearsal", *arguments],
        env={**os.environ, _WORK_DIR: str(work_dir)},
        check=False,
    ).returncode


def raise_loopback() -> None:
    """Bring up 127.0.0.1, the only address in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
