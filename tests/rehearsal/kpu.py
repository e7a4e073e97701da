"""One KPU, 1 vCPU and 4 GB, as control groups of Linux (version 2, or 1) where it allows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY_BYTES = 4 * 1024**3
_CGROUPS = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
_JOIN = 'for g in $GROUPS_TO_JOIN; do echo $$ >"$g/cgroup.procs"; done; exec "$@"'


@dataclass(frozen=True, slots=True)
class Kpu:
    """The limits of one KPU."""

    groups: tuple[Path, ...]
    """Control groups to join."""
    unlimited: tuple[str, ...]
    """What this machine does not let us limit."""

    @property
    def entered_by(self) -> tuple[str, ...]:
        """What a command begins with, to be limited."""
        groups = " ".join(map(str, self.groups))
        return ("/bin/sh", "-c", f"GROUPS_TO_JOIN='{groups}'; {_JOIN}", "kpu")

    def peak_memory_bytes(self) -> int | None:
        """The most memory that was used, page cache included; None where nobody counted."""
        for group in self.groups:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                with suppress(OSError):
                    return int((group / name).read_text())
        return None


@contextmanager
def one_kpu(name: str, root: Path = _CGROUPS) -> Iterator[Kpu]:
    """Make the groups of one KPU, and remove them once they are empty.

    Args:
        name: of the groups.
        root: where control groups are mounted.
    """
    limits = _limits_v2(root, name) if (root / "cgroup.controllers").exists() else _limits_v1(root)
    groups, unlimited = [], []
    for what, (parent, settings) in limits.items():
        group = parent / name
        try:
            group.mkdir(exist_ok=True)
            for key, value in settings.items():
                (group / key).write_text(value)
            groups.append(group)
        except OSError as error:
            unlimited.append(f"{what} ({error.strerror})")
    kpu = Kpu(tuple(dict.fromkeys(groups)), tuple(unlimited))
    try:
        yield kpu
    finally:
        for group in kpu.groups:
            with suppress(OSError):  # a process of it still ends
                group.rmdir()


Limits = dict[str, tuple[Path, dict[str, str]]]


def _limits_v2(root: Path, name: str) -> Limits:
    with suppress(OSError):
        (root / "cgroup.subtree_control").write_text("+memory +cpu")
    return {
        "memory": (root, {"memory.max": str(MEMORY_BYTES)}),
        "processor": (root, {"cpu.max": f"{_PERIOD_US} {_PERIOD_US}"}),
    }


def _limits_v1(root: Path) -> Limits:
    return {
        "memory": (root / "memory", {"memory.limit_in_bytes": str(MEMORY_BYTES)}),
        "processor": (
            root / "cpu",
            {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(_PERIOD_US)},
        ),
    }
