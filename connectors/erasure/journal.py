"""What is known of an erasure that is under way, so that it can go on after a crash.

    erasures/<receipt id>/journal.json    while it is under way
    erasures/<receipt id>/receipt.json    once it is done

Neither names anybody. What an erasure is about stands in its file of the suppression list.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from connectors.lake_files import Lake, LakeError
from udfs.erasure import Place, ReceiptError, Scope, parsed_receipt
from udfs.suppression import Entry

FOLDER = "erasures"
_JOURNAL, _RECEIPT = "journal.json", "receipt.json"


class Journal(msgspec.Struct, omit_defaults=True):
    """One erasure under way."""

    receipt_id: str
    scope: Scope
    subject: Entry
    reason: str
    erased_by: str
    began_ms: int
    suppressed_ms: int | None = None
    """When the subject was on the suppression list first, epoch milliseconds."""
    before: list[Place] = []
    """What was found at each place, the first time that it was looked at."""


class Journals:
    """The erasures of one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def under_way(self) -> Iterator[Journal]:
        """Those that are not done, the oldest first.

        Raises:
            LakeError: one cannot be read.
        """
        files = [file for file in self._lake.files(FOLDER) if file.name == _JOURNAL]
        journals = [self._read(file.path) for file in files]
        yield from sorted(journals, key=lambda one: (one.began_ms, one.receipt_id))

    def keep(self, journal: Journal) -> None:
        """Write how far it is.

        Raises:
            LakeError: it could not be written.
        """
        self._lake.put_bytes(
            self._path(journal.receipt_id, _JOURNAL),
            msgspec.json.format(msgspec.json.encode(journal)),
        )

    def keep_receipt(self, receipt_id: str, receipt: bytes) -> str:
        """Put the receipt beside the journal; its path.

        Raises:
            LakeError: it could not be written.
        """
        path = self._path(receipt_id, _RECEIPT)
        self._lake.put_bytes(path, receipt)
        return path

    def receipt(self, receipt_id: str) -> tuple[str, bytes] | None:
        """Path and bytes of an erasure's receipt; None while there is none.

        Raises:
            LakeError: it cannot be read.
        """
        for file in self._lake.files(f"{FOLDER}/{receipt_id}"):
            if file.name == _RECEIPT:
                return file.path, self._lake.read_bytes(file.path)
        return None

    def subjects_told(self) -> list[Entry]:
        """What there are receipts of.

        Raises:
            LakeError: one cannot be read, or is none.
        """
        paths = [file.path for file in self._lake.files(FOLDER) if file.name == _RECEIPT]
        try:
            return [parsed_receipt(self._lake.read_bytes(one)).receipt.subject for one in paths]
        except ReceiptError as error:
            msg = f"{self._lake.base}/{FOLDER}: a file {_RECEIPT} {error}"
            raise LakeError(msg) from None

    def forget(self, receipt_id: str) -> None:
        """It is done.

        Raises:
            LakeError: the journal could not be removed.
        """
        self._lake.remove(self._path(receipt_id, _JOURNAL))

    def _path(self, receipt_id: str, name: str) -> str:
        return f"{self._lake.base}/{FOLDER}/{receipt_id}/{name}"

    def _read(self, path: str) -> Journal:
        try:
            return msgspec.json.decode(self._lake.read_bytes(path), type=Journal)
        except msgspec.DecodeError as error:
            msg = f"{path}: is no journal of an erasure; put back what was there"
            raise LakeError(msg) from error
