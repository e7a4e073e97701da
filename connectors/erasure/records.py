"""What is left of an erasure for those who must answer: its signed receipt, its audit entry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from connectors.audit_log import AuditLog
from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.journal import Journal, Journals
from connectors.erasure.signing import Signer
from connectors.suppression import SuppressionFiles, new_digester
from udfs.audit_chain import Erasure
from udfs.erasure import EXPIRES, Place, Receipt, receipt_file
from udfs.suppression import Digester, Entry


class Records:
    """Writes receipts and audit entries; each once, however often it is broken off."""

    def __init__(self, lake: CountedLake, signer: Signer | None) -> None:
        """Write nothing yet.

        Args:
            lake: where.
            signer: vouches for receipts; None: none will be written.
        """
        self._lake = lake
        self._signer = signer
        self._journals = Journals(lake)

    def receipt(
        self, journal: Journal, entries: Iterable[Entry], after: Sequence[Place], now_ms: int
    ) -> Receipt:
        """Sign what was erased, and keep it beside the journal.

        Args:
            journal: with what was there before.
            entries: what stands on the suppression list for it.
            after: what is there now.
            now_ms: epoch milliseconds.

        Raises:
            LakeError: it could not be written.
            SigningError: it cannot be signed.
        """
        told = {place.name: place for place in after}
        receipt = Receipt(
            receipt_id=journal.receipt_id,
            scope=journal.scope,
            subject=journal.subject,
            reason=journal.reason,
            erased_by=journal.erased_by,
            began_ms=journal.began_ms,
            suppressed_ms=journal.suppressed_ms or journal.began_ms,
            erased_ms=now_ms,
            suppressed=tuple(sorted(entries, key=lambda one: (one.kind, one.digest))),
            before=tuple(journal.before),
            after=tuple(told.get(one.name, Place(one.name, 0)) for one in journal.before),
            work=dict(self._lake.work),
            expires=EXPIRES,
        )
        assert self._signer is not None  # noqa: S101 - this is no preview
        self._journals.keep_receipt(journal.receipt_id, receipt_file(self._signer.sign(receipt)))
        return receipt

    def audit(self, journal: Journal, now_ms: int) -> str:
        """Tell the audit log of an erasure that has its receipt; the receipt's path.

        Raises:
            LakeError: the log cannot be read or written.
        """
        kept = self._journals.receipt(journal.receipt_id)
        assert kept is not None  # noqa: S101 - it was written before
        path, data = kept
        log = AuditLog(self._lake)
        if not any(
            isinstance(line.entry, Erasure) and line.entry.receipt_id == journal.receipt_id
            for line in log.lines()
        ):
            entry = Erasure(
                scope=journal.scope,
                receipt_id=journal.receipt_id,
                subject_sha256=journal.subject.digest,
                receipt_sha256=hashlib.sha256(data).hexdigest(),
                erased={place.name: place.rows for place in journal.before},
            )
            log.append(entry, now_ms)
        return path


def made_with(lake: CountedLake, keys: tuple[bytes, ...]) -> Digester:
    """What new entries are made with; a salt stays the same, that who is erased is known.

    Raises:
        LakeError: the suppression list or a journal cannot be read.
    """
    files = SuppressionFiles(lake).read()
    listed = [entry for entries in files.values() for entry in entries]
    subjects = [journal.subject for journal in Journals(lake).under_way()]
    return new_digester([*listed, *subjects], keys)
