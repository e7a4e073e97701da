"""The audit log under ``<root>/audit/``: append-only, one line an object, chained by digests.

    audit/000000000001.json   audit/000000000002.json   …   audit/head

An object store cannot append, so each line is an object of its own, written only where none of its
number is: of two writers at once one takes the number, the other the next. ``head`` names the
last line, so that its removal shows; it may lag where a writer died, and is then a head of before.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final, NamedTuple, TypeVar

from connectors.lake_files import Lake, LakeError
from udfs.audit_chain import (
    NOTHING_BEFORE,
    AuditEntry,
    Head,
    Line,
    decode,
    digest,
    encode,
    flaws,
)

FOLDER: Final = "audit"
_HEAD: Final = "head"
_LINE: Final = re.compile(r"(\d{12})\.json")
_TRIES: Final = 100
"""So many others may take the number before us; each of them has then appended a line."""

_Entry = TypeVar("_Entry", bound=AuditEntry)


class Verified(NamedTuple):
    """What a look through the whole log found."""

    head: Head | None
    """The last line that is there; None: there is none."""
    flaws: tuple[str, ...]
    """What shows that it was tampered with, each in one line."""


class AuditLog:
    """The log of one lake; reads and writes at each call, keeps nothing."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._folder = f"{lake.base}/{FOLDER}"

    def append(self, entry: AuditEntry, at_ms: int) -> Head:
        """Add a line; the log's head with it, for a receipt.

        Args:
            entry: what happened; ids only as digests.
            at_ms: when, epoch milliseconds.

        Raises:
            LakeError: it could not be written.
        """
        for _ in range(_TRIES):
            last = max(self._numbers(), default=0)
            before = self._lake.read_bytes(self._path(last)) if last else None
            previous = NOTHING_BEFORE if before is None else digest(before)
            line = encode(Line(number=last + 1, previous=previous, at_ms=at_ms, entry=entry))
            if self._takes(last + 1, line):
                head = Head(last + 1, digest(line))
                self._note(head)
                return head
        msg = f"{self._folder}: other writers took {_TRIES} numbers in a row; run again"
        raise LakeError(msg)

    def lines(self) -> list[Line]:
        """All lines in order.

        Raises:
            LakeError: one cannot be read, or is none.
        """
        return [self._line(number) for number in self._numbers()]

    def last(self, kind: type[_Entry]) -> _Entry | None:
        """The newest entry of a kind; None where there is none.

        Raises:
            LakeError: as ``lines``.
        """
        for number in reversed(self._numbers()):
            entry = self._line(number).entry
            if isinstance(entry, kind):
                return entry
        return None

    def verify(self, expected: Head | None = None) -> Verified:
        """Look through the whole log for signs that it was changed.

        Args:
            expected: a head that was kept elsewhere, which must be in the log still.

        Raises:
            LakeError: the log cannot be read.
        """
        # Before the lines are listed: what is appended meanwhile must not seem to be missing.
        noted = self._noted()
        heads = [head for head in (noted, expected) if head is not None]
        lines = {number: self._lake.read_bytes(self._path(number)) for number in self._numbers()}
        found = [
            f"{name} is no file of this log"
            for name in self._names()
            if name != _HEAD and not _LINE.fullmatch(name)
        ]
        if noted is None and len(lines) > 1:
            found.append(f"{_HEAD}, which names the last line, is gone or was changed")
        found += flaws(lines, heads)
        last = max(lines, default=0)
        return Verified(Head(last, digest(lines[last])) if last else None, tuple(found))

    def _takes(self, number: int, line: bytes) -> bool:
        """Whether the number is ours; also where it was written and the answer was lost."""
        path = self._path(number)
        return self._lake.create_bytes(path, line) or self._lake.read_bytes(path) == line

    def _note(self, head: Head) -> None:
        noted = self._noted()
        if noted is None or noted.number < head.number:
            self._lake.put_bytes(f"{self._folder}/{_HEAD}", f"{head}\n".encode())

    def _noted(self) -> Head | None:
        """What ``head`` says; None where there is none, or none that says anything."""
        if _HEAD not in self._names():
            return None
        try:
            return Head.parse(self._lake.read_bytes(f"{self._folder}/{_HEAD}").decode().strip())
        except ValueError:
            return None

    def _line(self, number: int) -> Line:
        path = self._path(number)
        try:
            return decode(self._lake.read_bytes(path))
        except ValueError:
            msg = f"{path}: is no line of the audit log; see audit verify"
            raise LakeError(msg) from None

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:012d}.json"

    def _numbers(self) -> list[int]:
        """Of the lines that are there, in order."""
        return sorted(int(match[1]) for name in self._names() if (match := _LINE.fullmatch(name)))

    def _names(self) -> list[str]:
        return [
            str(PurePosixPath(file.path).relative_to(self._folder))
            for file in self._lake.files(FOLDER)
        ]
