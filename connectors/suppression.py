"""The suppression list under ``<root>/suppression/``, written by erasures, obeyed by the job.

    suppression/<erasure>.jsonl    what one erasure put there
    suppression/job-<digest>.jsonl    a call that the job found to be a suppressed person's

A file is written whole, and no two writers write the same, so none can undo another's. The job
looks at the folder every few seconds, from one thread of each of its processes, and reads what is
new. It does not start without having read it; later, a list that cannot be read is said in the log
and tried again, and the one known before holds on.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache

from connectors.lake_files import Lake, LakeError
from connectors.secret_key import KeySource, read_key
from connectors.suppression_source import SuppressionSource
from udfs.events import SUPPRESSION_KEY_LACKING, SUPPRESSION_UNREAD
from udfs.pseudonyms import PseudonymKeyError
from udfs.suppression import (
    NO_SUPPRESSION,
    Digester,
    Entry,
    Suppression,
    SuppressionList,
    SuppressionListError,
    digester,
    entry_lines,
    parsed_entries,
)

FOLDER = "suppression"
_OF_THE_JOB = "job-"
_SUFFIX = ".jsonl"
_SALT_BYTES = 32


class SuppressionFiles:
    """The files of the list; remembers those that it has read."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[str, tuple[int, int, list[Entry]]] = {}
        """By path: size, when it was finished, and what is in it."""

    def read(self) -> dict[str, list[Entry]]:
        """Everything on the list, by file name without its ending.

        Raises:
            LakeError: it cannot be read.
        """
        files = [file for file in self._lake.files(FOLDER) if file.name.endswith(_SUFFIX)]
        for file in files:
            known = self._known.get(file.path)
            if known is None or known[:2] != (file.num_bytes, file.finished_ns):
                self._known[file.path] = (file.num_bytes, file.finished_ns, self._read(file.path))
        return {file.name.removesuffix(_SUFFIX): self._known[file.path][2] for file in files}

    def write(self, name: str, entries: Iterable[Entry]) -> None:
        """Put a file there, or another in its place.

        Raises:
            LakeError: it could not be written.
        """
        path = f"{self._lake.base}/{FOLDER}/{name}{_SUFFIX}"
        self._lake.put_bytes(path, entry_lines(entries))

    def noted_by_job(self) -> list[Entry]:
        """The calls that the job put on the list.

        Raises:
            LakeError: it cannot be read.
        """
        return [
            entry
            for name, entries in self.read().items()
            if name.startswith(_OF_THE_JOB)
            for entry in entries
        ]

    def note(self, entry: Entry) -> None:
        """Put a call on the list that the job has found.

        Raises:
            LakeError: it could not be written.
        """
        self.write(f"{_OF_THE_JOB}{entry.digest}", [entry])

    def _read(self, path: str) -> list[Entry]:
        try:
            return parsed_entries(self._lake.read_bytes(path))
        except SuppressionListError:
            msg = f"{path}: is no file of the suppression list; put back what was there"
            raise LakeError(msg) from None


def new_digester(entries: Iterable[Entry], keys: tuple[bytes, ...]) -> Digester:
    """What new entries are made with; without a key, under the salt of those there are."""
    salts = sorted(
        one.under.removeprefix("salt:") for one in entries if one.under.startswith("salt:")
    )
    return digester(keys, bytes.fromhex(salts[0]) if salts else secrets.token_bytes(_SALT_BYTES))


class SuppressionWatch:
    """The list as it was when it was last looked at; look again with ``refresh``."""

    def __init__(self, files: SuppressionFiles, read_keys: Callable[[], tuple[bytes, ...]]) -> None:
        """Read the list.

        Args:
            files: where it lies.
            read_keys: the keys of the pseudonyms; asked once there are entries.

        Raises:
            LakeError: it cannot be read.
            PseudonymKeyError: a key cannot be.
        """
        self._files = files
        self._read_keys = read_keys
        self._keys: tuple[bytes, ...] | None = None
        self._added: set[Entry] = set()
        self._list = SuppressionList((), ())
        self.refresh()

    @property
    def has_persons(self) -> bool:
        return self._list.has_persons

    def has_call(self, call_id: str) -> bool:
        return self._list.has_call(call_id)

    def person_before_ms(self, person_id: str | None, person_key: str | None) -> int | None:
        return self._list.person_before_ms(person_id, person_key)

    def add_call(self, call_id: str, dt: str | None) -> None:
        """Put a call on the list, at once for this process, for all others within a minute.

        Raises:
            LakeError: it could not be written.
        """
        entry = new_digester(self._list.entries, self._known_keys()).call(call_id, dt)
        self._files.note(entry)
        self._added.add(entry)
        self._list = SuppressionList(self._list.entries | {entry}, self._known_keys())

    def refresh(self) -> None:
        """Read what is new.

        Raises:
            LakeError: the list cannot be read.
            PseudonymKeyError: a key cannot be.
        """
        on_file = {entry for entries in self._files.read().values() for entry in entries}
        entries = on_file | self._added
        if entries == self._list.entries:
            return
        self._list = SuppressionList(entries, self._known_keys())
        if self._list.unknown_keys:
            SUPPRESSION_KEY_LACKING.log(keys=len(self._list.unknown_keys))

    def _known_keys(self) -> tuple[bytes, ...]:
        if self._keys is None:
            self._keys = self._read_keys()
        return self._keys


def read_keys(sources: Iterable[KeySource]) -> tuple[bytes, ...]:
    """The keys that there are.

    Raises:
        PseudonymKeyError: one cannot be read.
    """
    return tuple(key for source in sources if (key := read_key(source)) is not None)


def read_list(source: SuppressionSource) -> SuppressionList:
    """The list as it is now.

    Raises:
        LakeError: it cannot be read.
        PseudonymKeyError: a key cannot be.
    """
    files = SuppressionFiles(Lake(source.root, source.kms_key_arn, source.region)).read()
    entries = [entry for listed in files.values() for entry in listed]
    return SuppressionList(entries, read_keys(source.keys) if entries else ())


def suppression_of(source: SuppressionSource | None) -> Suppression:
    """The list as this process obeys it; None: a run without one.

    Raises:
        LakeError: it cannot be read.
        PseudonymKeyError: a key cannot be.
    """
    return NO_SUPPRESSION if source is None else _watched(source)


@cache
def _watched(source: SuppressionSource) -> SuppressionWatch:
    """One a process, however many steps of the job it runs: each look is a request to S3."""
    lake = Lake(source.root, source.kms_key_arn, source.region)
    watch = SuppressionWatch(SuppressionFiles(lake), lambda: read_keys(source.keys))
    threading.Thread(
        target=_keep_looking, args=(watch, source.refresh_s), name="suppression", daemon=True
    ).start()
    return watch


def _keep_looking(watch: SuppressionWatch, refresh_s: float) -> None:
    while True:
        time.sleep(refresh_s)
        try:
            watch.refresh()
        except (LakeError, PseudonymKeyError) as error:
            SUPPRESSION_UNREAD.log(error=str(error))
