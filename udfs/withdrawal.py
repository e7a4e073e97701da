"""A consent that was withdrawn after its call had closed: the rows as they must be from then on.

The job refuses such a withdrawal as ``consent_withdrawn``, an order to erase. From its window to
the call's end the voice goes out of every row of the participant: its columns are null, what was
fused is from the words alone, and what rests on the voice (the rolling score, the summary, who
spoke when) is made anew from what is left. These are the rows that the job would have written had
the withdrawal come before the close, but for two things that closed rows do not tell: quarters are
cut by the call's end as told, and of chunks only all can be told to be withheld, not some.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import fsum
from typing import Any, NamedTuple

from udfs.call_rows import QUARTERS, format_counts, mean, quarter_of
from udfs.fusion import LABELS, Fuser, TextEvidence, label_of, score_of
from udfs.loudness import decibels
from udfs.models.contract import Triple
from udfs.rows import (
    ALL_PARTICIPANTS,
    CALLS,
    LEDGER,
    SEGMENTS,
    EpochMs,
    Ledger,
    Reject,
    Segment,
    Summary,
    Table,
)
from udfs.segments import ROLLING_WINDOWS
from udfs.windows import WINDOW_MS, window_of

NO_AUDIO, WITHHELD = "audio:no_audio", "audio:withheld"


class Withdrawal(NamedTuple):
    """Whose voice of which call goes, from which window on."""

    call_id: str
    participant_id: str
    from_window: int


class CallRows(NamedTuple):
    """The newest rows of one call."""

    segments: list[Segment]
    summaries: list[Summary]
    ledgers: list[Ledger]

    def by_table(self) -> dict[Table, list[Any]]:
        """Segments last: by them is told whether a withdrawal is carried out."""
        return {CALLS: self.summaries, LEDGER: self.ledgers, SEGMENTS: self.segments}


def withdrawal_of(reject: Reject) -> Withdrawal | None:
    """The order in a reject; None where it is none."""
    if reject.reason != "consent_withdrawn" or reject.payload is None:
        return None
    change = json.loads(reject.payload)
    from_window = 0 if change["retroactive"] else window_of(change["at_ms"])
    return Withdrawal(change["call_id"], change["participant_id"], from_window)


def rests_on(withdrawal: Withdrawal, row: Segment) -> bool:
    """Whether a segment is one of those that the withdrawal changes."""
    return (
        row.participant_id == withdrawal.participant_id
        and row.window_start_ms >= withdrawal.from_window * WINDOW_MS
    )


def has_voice(missing: str) -> bool:
    """Whether a segment rests on a voice, as the reasons in its column ``missing`` tell."""
    return not {NO_AUDIO, WITHHELD} & {*missing.split(",")}


def is_carried_out(withdrawal: Withdrawal, rows: CallRows) -> bool:
    """Whether the newest rows have no more of the voice."""
    return not any(rests_on(withdrawal, row) and has_voice(row.missing) for row in rows.segments)


def withdrawn(withdrawal: Withdrawal, rows: CallRows, fuser: Fuser, now_ms: int) -> CallRows:
    """The rows that change, as they must be; each a revision newer.

    Args:
        withdrawal: whose voice goes.
        rows: the newest of the call, all participants'.
        fuser: as the job has it; is given words alone.
        now_ms: epoch milliseconds.
    """
    changed = [row for row in rows.segments if rests_on(withdrawal, row)]
    without = [_without_voice(row, fuser, now_ms) for row in changed]
    others = [row for row in rows.segments if row not in changed]
    by_window = {
        row.window_start_ms: row
        for row in [*others, *without]
        if row.participant_id == withdrawal.participant_id
    }
    segments = [replace(row, rolling_30s_score=_rolling(row, by_window)) for row in without]
    all_rows = [*others, *segments]
    return CallRows(
        segments,
        [_summary(withdrawal, row, all_rows) for row in rows.summaries],
        [
            _ledger(withdrawal, row, all_rows)
            for row in rows.ledgers
            if row.participant_id in (withdrawal.participant_id, ALL_PARTICIPANTS)
        ],
    )


def _without_voice(row: Segment, fuser: Fuser, now_ms: int) -> Segment:
    reasons = {*filter(None, row.missing.split(","))}
    if NO_AUDIO not in reasons:
        reasons = {reason for reason in reasons if not reason.startswith("audio:")} | {WITHHELD}
    text = _text(row)
    fused = fuser.fuse(text, None) if text else None
    return replace(
        row,
        revision=row.revision + 1,
        audio_negative=None,
        audio_neutral=None,
        audio_positive=None,
        fused_negative=fused.triple.negative if fused else None,
        fused_neutral=fused.triple.neutral if fused else None,
        fused_positive=fused.triple.positive if fused else None,
        fused_label=label_of(fused.triple) if fused else None,
        score=score_of(fused.triple) if fused else None,
        text_weight=fused.text_weight if fused else None,
        audio_weight=fused.audio_weight if fused else None,
        disagreement=None,
        missing=",".join(sorted(reasons)),
        speech_ratio=None,
        loudness_dbfs=None,
        snr_db=None,
        gap_ms=None,
        audio_model_id=None,
        fusion_model_id=fused.fusion_model_id if fused else None,
        emitted_at=EpochMs(now_ms),
    )


def _text(row: Segment) -> TextEvidence | None:
    if row.text_negative is None or row.text_neutral is None or row.text_positive is None:
        return None
    triple = Triple(row.text_negative, row.text_neutral, row.text_positive)
    return TextEvidence(triple, row.word_count, None)


def _rolling(row: Segment, by_window: dict[int, Segment]) -> float | None:
    first_ms = row.window_start_ms - (ROLLING_WINDOWS - 1) * WINDOW_MS
    starts = range(first_ms, row.window_start_ms + 1, WINDOW_MS)
    return mean(_scores(by_window[start] for start in starts if start in by_window))


def _scores(rows: Iterator[Segment] | Sequence[Segment]) -> list[float]:
    return [row.score for row in rows if row.score is not None]


def _summary(withdrawal: Withdrawal, summary: Summary, segments: Sequence[Segment]) -> Summary:
    who = summary.participant_id
    of_all = who == ALL_PARTICIPANTS
    is_affected = of_all or who == withdrawal.participant_id
    if not is_affected:  # whether it speaks against the voice that went is not told any more
        return replace(summary, revision=summary.revision + 1, interruptions=None)
    rows = [row for row in segments if of_all or row.participant_id == who]
    length_ms = _length_ms(summary, rows)
    quarters: list[list[float]] = [[] for _ in range(QUARTERS)]
    for row in rows:
        if row.score is not None:
            quarters[quarter_of(row.window_start_ms // WINDOW_MS, length_ms)].append(row.score)
    by_quarter = [mean(scores) for scores in quarters]
    first, last = by_quarter[0], by_quarter[-1]
    labels = Counter(row.fused_label for row in rows)
    return replace(
        summary,
        revision=summary.revision + 1,
        score=mean(_scores(rows)),
        score_q1=first,
        score_q2=by_quarter[1],
        score_q3=by_quarter[2],
        score_q4=last,
        score_change=None if first is None or last is None else last - first,
        windows_negative=labels[LABELS[0]],
        windows_neutral=labels[LABELS[1]],
        windows_positive=labels[LABELS[2]],
        talk_ms=None,
        non_talk_ms=None,
        interruptions=None,
        loudness_dbfs=_loudness_dbfs(rows),
        disagreement=mean([row.disagreement for row in rows if row.disagreement is not None]),
    )


def _length_ms(summary: Summary, rows: Sequence[Segment]) -> int:
    if summary.ended_at is not None:
        return summary.ended_at - summary.started_at
    return max((row.window_end_ms for row in rows), default=0)


def _loudness_dbfs(rows: Sequence[Segment]) -> float | None:
    heard = [
        (row.speech_ratio, row.loudness_dbfs)
        for row in rows
        if row.loudness_dbfs is not None and row.speech_ratio
    ]
    spoken = fsum(ratio for ratio, _ in heard)
    if not spoken:
        return None
    return decibels(fsum(ratio * 10 ** (level / 10) for ratio, level in heard) / spoken)


def _ledger(withdrawal: Withdrawal, ledger: Ledger, segments: Sequence[Segment]) -> Ledger:
    of_all = ledger.participant_id == ALL_PARTICIPANTS
    rows = [row for row in segments if of_all or row.participant_id == ledger.participant_id]
    reasons = Counter(reason for row in rows for reason in row.missing.split(",") if reason)
    is_whole = withdrawal.from_window == 0 and not of_all
    return replace(
        ledger,
        revision=ledger.revision + 1,
        windows_scored=sum(row.fused_label is not None for row in rows),
        windows_missing=format_counts(reasons),
        chunks_withheld=ledger.chunks_seen if is_whole else ledger.chunks_withheld,
    )
