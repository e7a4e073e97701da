"""The newest rows of the lake, gathered by call, and what a reader asks of a call first.

In: the newest segments, summaries, ledgers and the rejects. Out: one ``Call`` for each call id,
the one whose customer fared worst first. A call that is not closed yet has segments and nothing
else; its score is then the mean of what is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from flink_job.report import wording
from udfs.rows import ALL_PARTICIPANTS, Ledger, Reject, Segment, Summary


@dataclass(frozen=True)
class Participant:
    participant_id: str
    label: str
    """``customer``, or ``agent 2`` where a call has several."""
    role: str
    segments: tuple[Segment, ...]
    """By window."""
    summary: Summary | None
    ledger: Ledger | None

    @cached_property
    def score(self) -> float | None:
        """Mean score of the windows: the summary's, or of the windows so far."""
        if self.summary is not None:
            return wording.known(self.summary.score)
        scores = [s for row in self.segments if (s := wording.known(row.score)) is not None]
        return fmean(scores) if scores else None

    @property
    def score_change(self) -> float | None:
        return wording.known(self.summary.score_change) if self.summary else None


@dataclass(frozen=True)
class Call:
    call_id: str
    participants: tuple[Participant, ...]
    """Customers first, then in the order in which they are first heard."""
    overall: Summary | None
    """The summary of all."""
    overall_ledger: Ledger | None
    reject_count: int

    @cached_property
    def customer(self) -> Participant | None:
        """The customer, of several the one who fared worst."""
        customers = [p for p in self.participants if p.role == "customer"]
        return min(customers, key=_worst_first, default=None)

    @cached_property
    def length_ms(self) -> int:
        last_window_ms = max(
            (row.window_end_ms for p in self.participants for row in p.segments), default=0
        )
        if self.overall is not None and self.overall.ended_at is not None:
            return self.overall.ended_at - self.overall.started_at
        return last_window_ms

    @cached_property
    def started_at_ms(self) -> int | None:
        if self.overall is not None:
            return self.overall.started_at
        for participant in self.participants:
            for row in participant.segments:
                return row.window_start_at - row.window_start_ms
        return None

    @property
    def is_closed(self) -> bool:
        return self.overall_ledger is not None

    @property
    def is_complete(self) -> bool:
        return self.overall_ledger is not None and self.overall_ledger.complete

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What is missing, in words; empty for a complete call."""
        if self.overall_ledger is None:
            return ("not closed yet",)
        if self.overall_ledger.complete:
            return ()
        found = [
            f"{p.label}: {problem}"
            for p in self.participants
            if p.ledger is not None
            for problem in _problems(p.ledger)
        ]
        found.extend(_call_problems(self.overall_ledger))
        return tuple(found) or ("incomplete",)


def gather(
    segments: Iterable[Segment],
    summaries: Iterable[Summary],
    ledgers: Iterable[Ledger],
    rejects: Iterable[Reject],
) -> list[Call]:
    """Calls from the newest rows, who fared worst first.

    Order: the lowest score of the customer, then the biggest fall from the first quarter to the
    last; calls without a score come last.
    """
    segments_of: defaultdict[str, defaultdict[str, list[Segment]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for segment in segments:
        segments_of[segment.call_id][segment.participant_id].append(segment)
    summaries_of: defaultdict[str, dict[str, Summary]] = defaultdict(dict)
    for summary in summaries:
        summaries_of[summary.call_id][summary.participant_id] = summary
    ledgers_of: defaultdict[str, dict[str, Ledger]] = defaultdict(dict)
    for ledger in ledgers:
        ledgers_of[ledger.call_id][ledger.participant_id] = ledger
    rejects_of: defaultdict[str | None, int] = defaultdict(int)
    for reject in rejects:
        rejects_of[reject.call_id] += 1

    calls = [
        Call(
            call_id=call_id,
            participants=_participants(
                segments_of.get(call_id, {}),
                summaries_of.get(call_id, {}),
                ledgers_of.get(call_id, {}),
            ),
            overall=summaries_of.get(call_id, {}).get(ALL_PARTICIPANTS),
            overall_ledger=ledgers_of.get(call_id, {}).get(ALL_PARTICIPANTS),
            reject_count=rejects_of.get(call_id, 0),
        )
        for call_id in {**segments_of, **summaries_of, **ledgers_of}
    ]
    return sorted(calls, key=lambda call: (*_worst_first(call.customer), call.call_id))


def _worst_first(participant: Participant | None) -> tuple[bool, float, float]:
    if participant is None or participant.score is None:
        return (True, 0.0, 0.0)
    return (False, participant.score, participant.score_change or 0.0)


def _participants(
    segments_of: dict[str, list[Segment]],
    summaries: dict[str, Summary],
    ledgers: dict[str, Ledger],
) -> tuple[Participant, ...]:
    ids = list(dict.fromkeys([*segments_of, *summaries, *ledgers]))
    roles = {
        id_: _role(segments_of.get(id_, ()), summaries.get(id_))
        for id_ in ids
        if id_ != ALL_PARTICIPANTS
    }
    ordered = sorted(roles, key=lambda id_: (*_rank(roles[id_], segments_of.get(id_, ())), id_))
    labels: dict[str, str] = {}
    for role in dict.fromkeys(roles.values()):
        same = [id_ for id_ in ordered if roles[id_] == role]
        for number, id_ in enumerate(same, start=1):
            labels[id_] = role if len(same) == 1 else f"{role} {number}"
    return tuple(
        Participant(
            participant_id=id_,
            label=labels[id_],
            role=roles[id_],
            segments=tuple(sorted(segments_of.get(id_, ()), key=lambda row: row.window_start_ms)),
            summary=summaries.get(id_),
            ledger=ledgers.get(id_),
        )
        for id_ in ordered
    )


def _role(segments: Sequence[Segment], summary: Summary | None) -> str:
    if summary is not None and summary.role:
        return summary.role
    return segments[0].role if segments else "participant"


def _rank(role: str, segments: Sequence[Segment]) -> tuple[bool, float]:
    first_ms = min((row.window_start_ms for row in segments), default=None)
    return (role != "customer", float("inf") if first_ms is None else float(first_ms))


def _problems(ledger: Ledger) -> list[str]:
    found = []
    if ledger.missing_sequences:
        found.append(f"{wording.sequences(ledger.missing_sequences)} never came")
    elif ledger.chunks_expected is not None and ledger.chunks_seen < ledger.chunks_expected:
        lacking = ledger.chunks_expected - ledger.chunks_seen
        found.append(f"{wording.count(lacking, 'chunk')} fewer than expected")
    if ledger.windows_lost:
        found.append(f"{wording.count(ledger.windows_lost, 'window')} lost")
    found.extend(
        f"{words} windows"
        for words in wording.counted_reasons(ledger.windows_missing)
        if "error" in words
    )
    if ledger.utterances_partial_only:
        n = ledger.utterances_partial_only
        found.append(f"{wording.count(n, 'utterance')} without a final text")
    return found


def _call_problems(ledger: Ledger) -> list[str]:
    found = []
    expected, seen = ledger.utterances_expected, ledger.utterances_seen
    if expected is not None and seen < expected:
        found.append(f"{seen} of {wording.count(expected, 'utterance')} came")
    if ledger.closed_by == "timeout":
        found.append("closed by timeout")
    return found
