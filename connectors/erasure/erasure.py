"""The order in which a call or a person is erased: nobody comes back, and a crash does no harm.

    journal ─► find ─► suppress ─► wait ─► find again ─► search ─► warehouse ─► staged objects
       ─► replay ledger ─► rejects, segments, ledger, summaries ─► search again ─► receipt ─► audit

1.  The **journal** says that an erasure is under way, and for whom, by digest.
2.  What is to go is **found**, and **suppressed first of all**: from then on the job takes nothing
    of it, and what is found next is all there will ever be.
3.  **Wait** until the job has obeyed: it looks at the list every few seconds, and what it had in
    hand then still comes with its next checkpoint and load. Then **find again**: a call may have
    closed meanwhile, and the job tells by the list of a person's calls that were still open, which
    no summary names.
4.  **Search**: how much is at each place, for the receipt. The journal keeps what was there the
    first time, since after a crash part of it is gone.
5.  **Remove.** Every step looks for what is still there and removes that, so that it can be done
    again. Summaries go last, in warehouse and lake: a person's calls are found by them.
    The replay ledger's lines go before the rejects that tell which they are.
6.  **Search again**, at the same places. What must wait (partitions with open calls, the job's last
    files) stays pending, with the journal; ``erase --pending`` goes on.
7.  The **receipt** is signed and written, the **audit log** told, the journal removed.

A compaction or another erasure may be at work beside it. What that has read before, and is about to
write, it gives up, or it is seen when all is searched again: see ``Lake.replace``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.finding import Finder
from connectors.erasure.journal import Journal, Journals
from connectors.erasure.lake_store import LakeRules, LakeStore, Partition
from connectors.erasure.parquet_rows import OfTarget
from connectors.erasure.records import Records, made_with
from connectors.erasure.replay_lines import ReplayLines
from connectors.erasure.signing import Signer
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.warehouse_store import WarehouseStore
from connectors.suppression import SuppressionFiles
from udfs.erasure import Place, Receipt, Target
from udfs.pseudonyms import Pseudonyms
from udfs.suppression import Digester, Entry, SuppressionList


@dataclass(frozen=True, slots=True)
class Request:
    """Who is to be erased, and who asks why."""

    scope: Literal["call", "person"]
    subject_id: str
    """A call's id or a person's, as the producer writes it."""
    reason: str
    erased_by: str


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is ours."""

    lake: CountedLake
    warehouse: WarehouseStore | None
    staged: StagedObjects
    keys: tuple[bytes, ...]
    """Of the pseudonyms, the current one first."""
    rules: LakeRules = field(default_factory=LakeRules)
    whole_lake: bool = False
    """Look for calls in the lake even where the warehouse knows some."""


@dataclass(slots=True)
class Outcome:
    """How an erasure ended."""

    receipt: Receipt | None = None
    receipt_path: str | None = None
    pending: dict[str, str] = field(default_factory=dict)
    """By place, why it must wait."""


class Eraser:
    """Erases, in steps; each may be the last before a crash."""

    def __init__(
        self,
        stores: Stores,
        signer: Signer | None,
        settle_s: float,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Do nothing yet.

        Args:
            stores: where to erase.
            signer: vouches for the receipt; None: only a preview is wanted.
            settle_s: how long the job needs to obey the suppression list.
            now_ms: the clock, epoch milliseconds.
            sleep: waits so many seconds.
        """
        self._stores = stores
        self._records = Records(stores.lake, signer)
        self._settle_s = settle_s
        self._now_ms = now_ms
        self._sleep = sleep
        self._journals = Journals(stores.lake)
        self._suppression = SuppressionFiles(stores.lake)
        self._finder = Finder(stores.lake, stores.warehouse, whole_lake=stores.whole_lake)
        self._searcher = Searcher(stores)

    def preview(self, request: Request) -> list[Place]:
        """What would go, as far as it is known now; changes nothing.

        Raises:
            LakeError: the lake cannot be read.
            WarehouseError: the warehouse cannot be asked.
        """
        return self._searcher.search(self._target(self._entries(request, self._now_ms())))

    def erase(self, request: Request, outcome: Outcome) -> Iterator[str]:
        """Erase, or go on with what was broken off; yields each step when it is done.

        Args:
            request: who is to be erased.
            outcome: told how it ended.

        Raises:
            LakeError: the lake cannot be read or written; run again.
            WarehouseError: the warehouse cannot be asked; run again.
            SigningError: the receipt cannot be signed; run again.
        """
        journal = self._begin(request)
        yield "journal"
        self._suppress(journal, self._entries(request, journal.began_ms))
        yield "suppressed"
        self._settle(journal)
        self._suppress(journal, self._entries(request, journal.began_ms))
        yield "found again"
        yield from self._remove(journal, outcome)

    def go_on(self, outcome_of: Callable[[Journal], Outcome]) -> Iterator[str]:
        """Go on with every erasure that is under way, by what stands on the suppression list.

        Raises:
            LakeError: as ``erase``, as the other errors.
        """
        for journal in self._journals.under_way():
            # Else it was broken off before it knew of whom, or it is a withdrawal's.
            if journal.suppressed_ms is not None:
                self._settle(journal)
                yield from self._remove(journal, outcome_of(journal))

    def _begin(self, request: Request) -> Journal:
        subject = self._subject(request)
        for journal in self._journals.under_way():
            told = (journal.subject.kind, journal.subject.under, journal.subject.digest)
            if told == (subject.kind, subject.under, subject.digest):
                return journal
        journal = Journal(
            receipt_id=uuid.uuid4().hex,
            scope=request.scope,
            subject=subject,
            reason=request.reason,
            erased_by=request.erased_by,
            began_ms=self._now_ms(),
        )
        self._journals.keep(journal)
        return journal

    def _subject(self, request: Request) -> Entry:
        digester = self._made_with
        return Entry(
            request.scope, digester.under, digester.digest(request.scope, request.subject_id)
        )

    @cached_property
    def _made_with(self) -> Digester:
        """What new entries are made with; a salt stays the same, that who is erased is known."""
        return made_with(self._stores.lake, self._stores.keys)

    def _entries(self, request: Request, before_ms: int) -> list[Entry]:
        """What is to be suppressed for a request, as far as it can be found now."""
        digester = self._made_with
        persons: list[Entry] = []
        if request.scope == "call":
            calls = self._finder.call(request.subject_id)
        else:
            person_keys = [
                person_key
                for key in self._stores.keys
                if (person_key := Pseudonyms(key).person_key(request.subject_id)) is not None
            ]
            persons = digester.person(request.subject_id, person_keys, before_ms)
            calls = self._finder.calls_of(person_keys)
        return [*persons, *(digester.call(call_id, dt) for call_id, dt in calls.items())]

    def _suppress(self, journal: Journal, entries: Sequence[Entry]) -> None:
        known = self._suppression.read().get(journal.receipt_id, [])
        entries = merged([*known, *entries])
        if entries != merged(known):
            self._suppression.write(journal.receipt_id, entries)
        if journal.suppressed_ms is None:
            journal.suppressed_ms = self._now_ms()
            self._journals.keep(journal)

    def _settle(self, journal: Journal) -> None:
        waited_s = (self._now_ms() - (journal.suppressed_ms or 0)) / 1_000
        if waited_s < self._settle_s:
            self._sleep(self._settle_s - waited_s)

    def _target(self, entries: Iterable[Entry]) -> Target:
        """The calls that the job has found are anybody's who was erased: they go with each.

        One without a date had not begun when it was found, so it has no rows.
        """
        noted = [one for one in self._suppression.noted_by_job() if one.dt is not None]
        return Target(SuppressionList(merged([*entries, *noted]), self._stores.keys))

    def _remove(self, journal: Journal, outcome: Outcome) -> Iterator[str]:
        entries = self._suppression.read().get(journal.receipt_id, [])
        if self._journals.receipt(journal.receipt_id) is None:
            target = self._target(entries)
            found = self._searcher.search(target, {place.name for place in journal.before})
            known = {place.name for place in journal.before}
            journal.before += [place for place in found if place.name not in known]
            self._journals.keep(journal)
            yield "searched"
            yield from self._remove_rows(target, outcome)
            after = self._searcher.search(target, {place.name for place in journal.before})
            for place in after:
                if place.rows:
                    outcome.pending.setdefault(place.name, "something was still there; run again")
            if outcome.pending:
                return
            yield "searched again"
            outcome.receipt = self._records.receipt(journal, entries, after, self._now_ms())
            yield "receipt"
        outcome.receipt_path = self._records.audit(journal, self._now_ms())
        yield "audit log"
        self._journals.forget(journal.receipt_id)
        yield "done"

    def _remove_rows(self, target: Target, outcome: Outcome) -> Iterator[str]:
        stores = self._stores
        if stores.warehouse is not None:
            stores.warehouse.erase(stores.warehouse.calls_among(target, everywhere=False))
            yield "warehouse"
        lake_store, goes = LakeStore(stores.lake, stores.rules), OfTarget(target)
        stores.staged.erase(goes)
        yield "staged objects"
        partitions = list(lake_store.partitions(target, everywhere=False))
        replayed = ReplayLines(stores.lake)
        replayed.erase(replayed.keys(partitions, goes))
        yield "replay ledger"
        for partition in partitions:
            why = lake_store.erase(partition, goes)
            if why is not None:
                outcome.pending[partition.name] = why
            yield partition.name


class Searcher:
    """Looks for what of a target is still anywhere."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def search(
        self, target: Target, told: Iterable[str] = (), *, everywhere: bool = False
    ) -> list[Place]:
        """What is there, place by place.

        Args:
            target: whose rows.
            told: places that are told of even where nothing is, with what else is there.
            everywhere: look also where nothing should be.

        Raises:
            LakeError: the lake cannot be read.
            WarehouseError: the warehouse cannot be asked.
        """
        stores, told = self._stores, set(told)
        places: list[Place] = []
        if stores.warehouse is not None:
            call_ids = stores.warehouse.calls_among(target, everywhere=everywhere)
            places += stores.warehouse.search(call_ids)
        lake_store, goes = LakeStore(stores.lake, stores.rules), OfTarget(target)
        places += stores.staged.search(goes)
        partitions: list[Partition] = list(lake_store.partitions(target, everywhere=everywhere))
        replayed = ReplayLines(stores.lake)
        places += replayed.search(replayed.keys(partitions, goes))
        for partition in partitions:
            places += lake_store.search(partition, goes, with_kept=partition.name in told)
        return places


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """Each entry once; of a call's the one that knows its date."""
    by_digest: dict[tuple[str, str, str], Entry] = {}
    for entry in sorted(entries, key=lambda one: one.dt or ""):
        by_digest[entry.kind, entry.under, entry.digest] = entry
    return sorted(by_digest.values(), key=lambda one: (one.kind, one.digest))
