"""``requirements.lock``: which packages, in which version, by which hashes, and who wants them.

The lock is what ``uv pip compile`` writes. Its comments ``# via`` say for each package which others
require it, extras and this platform considered; so what a package needs can be told from the file
alone, with nothing installed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[.*\])?==(?P<version>[^\s\\]+)")
_WANTED_BY = re.compile(r"    #(?: via|  )(?: (?P<name>\S+).*)?")

Edge = tuple[str, str]
"""A package and one that it requires."""


class LockError(ValueError):
    """The lock cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One package."""

    name: str
    version: str
    requirement: str
    """What pip and uv take: name, version and hashes."""
    wanted_by: frozenset[str]


class Lock:
    """All packages of a lock."""

    def __init__(self, packages: Iterable[Locked]) -> None:
        self._packages = {package.name: package for package in packages}

    def __getitem__(self, name: str) -> Locked:
        """A package by its name.

        Raises:
            LockError: it is not locked.
        """
        try:
            return self._packages[name]
        except KeyError:
            msg = f"requirements.lock: has no {name}; write it anew by `make lock`"
            raise LockError(msg) from None

    def required_by(self, name: str) -> frozenset[str]:
        """What a package requires itself."""
        return frozenset(one.name for one in self._packages.values() if name in one.wanted_by)

    def closure(
        self,
        roots: Iterable[str],
        left_out: Collection[str] = (),
        not_followed: Collection[Edge] = (),
    ) -> list[Locked]:
        """Packages and all that they require, by name.

        Args:
            roots: where to begin.
            left_out: neither these nor what only they require.
            not_followed: requirements that are none to us.

        Raises:
            LockError: a root is not locked.
        """
        found: set[str] = set()
        waiting = [name for name in roots if name not in left_out]
        while waiting:
            name = self[waiting.pop()].name
            found.add(name)
            waiting += [
                required
                for required in self.required_by(name) - found
                if required not in left_out and (name, required) not in not_followed
            ]
        return [self[name] for name in sorted(found)]


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        LockError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        msg = (
            f"{path}: {error.strerror or type(error).__name__}; run this in a clone of the project"
        )
        raise LockError(msg) from error
    return Lock(_packages(lines))


def _packages(lines: Iterable[str]) -> Iterator[Locked]:
    block: list[str] = []
    for line in [*lines, "end==0"]:
        if _REQUIREMENT.match(line) and block:
            yield _package(block)
            block = []
        if block or _REQUIREMENT.match(line):
            block.append(line)


def _package(block: list[str]) -> Locked:
    head = _REQUIREMENT.match(block[0])
    assert head is not None  # noqa: S101 - it began the block
    comments = [match["name"] for line in block[1:] if (match := _WANTED_BY.fullmatch(line))]
    return Locked(
        name=head["name"],
        version=head["version"],
        requirement="\n".join(line for line in block if not line.lstrip().startswith("#")),
        wanted_by=frozenset(name for name in comments if name is not None),
    )
