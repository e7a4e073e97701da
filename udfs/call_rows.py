"""A call's end: its summary and its ledger, one row a participant and one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import fsum
from statistics import fmean

from udfs.fusion import LABELS, Fuser, disagreement, label_of, score_of
from udfs.loudness import decibels
from udfs.models.scorer import MODEL_FAILURES
from udfs.records import CallClosed, Participant, ParticipantLedger
from udfs.rows import ALL_PARTICIPANTS, EpochMs, Ledger, Summary
from udfs.segments import Window, both_triples, fuse_window, missing_reasons
from udfs.speech_timeline import Spans, interruptions, speech_of, total_ms, union
from udfs.windows import WINDOW_MS

WindowsOf = Mapping[int, Window]
QUARTERS = 4


def summary_rows(
    call_id: str, closed: CallClosed, windows: Mapping[str, WindowsOf], fuser: Fuser
) -> Iterator[Summary]:
    """One summary a participant, by id, and one for all of them."""
    length_ms = call_length_ms(closed, windows)
    speech = {who: speech_of(of_one) for who, of_one in windows.items()}
    heard = {who for who, of_one in windows.items() if any(w.audio for w in of_one.values())}
    # Where part of a voice is withheld, who speaks when is not known of it, nor against it.
    withheld = {
        who
        for who, of_one in windows.items()
        if any(window.voice_is_withheld for window in of_one.values())
    }
    counts: dict[str, int] = {}
    for entry in closed.participants:
        who = entry.participant.participant_id
        of_one = windows.get(who, {})
        others = [spans for other, spans in speech.items() if other != who]
        counts[who] = interruptions(speech.get(who, []), others)
        yield _summary(
            call_id,
            who,
            entry.participant,
            closed,
            [of_one],
            fuser,
            length_ms,
            talk_ms=total_ms(speech[who]) if who in heard - withheld else None,
            non_talk_ms=None,
            num_interruptions=counts[who] if who in heard and not withheld else None,
        )
    anybody = union(span for spans in speech.values() for span in spans)
    yield _summary(
        call_id,
        ALL_PARTICIPANTS,
        None,
        closed,
        list(windows.values()),
        fuser,
        length_ms,
        talk_ms=total_ms(anybody) if heard and not withheld else None,
        non_talk_ms=_silence_ms(anybody, length_ms) if heard and not withheld else None,
        num_interruptions=sum(counts.values()) if heard and not withheld else None,
    )


def call_length_ms(closed: CallClosed, windows: Mapping[str, WindowsOf]) -> int:
    """From the call's start to its end as told, or to its last sound or word if that is later."""
    told_ms = closed.ended_at_ms - closed.started_at_ms if closed.ended_at_ms is not None else 0
    audio_ms = max((entry.audio_end_ms for entry in closed.participants), default=0)
    text_ms = max(
        (
            text.utterance.end_ms
            for of_one in windows.values()
            for window in of_one.values()
            for text in window.texts
        ),
        default=0,
    )
    return max(told_ms, audio_ms, text_ms)


def _silence_ms(anybody: Spans, length_ms: int) -> int:
    spoken = [(min(start, length_ms), min(end, length_ms)) for start, end in anybody]
    return length_ms - total_ms(spoken)


def _summary(
    call_id: str,
    participant_id: str,
    participant: Participant | None,
    closed: CallClosed,
    windows: list[WindowsOf],
    fuser: Fuser,
    length_ms: int,
    *,
    talk_ms: int | None,
    non_talk_ms: int | None,
    num_interruptions: int | None,
) -> Summary:
    every = [(index, window) for of_one in windows for index, window in sorted(of_one.items())]
    fused = [
        (index, one.triple)
        for index, window in every
        if (one := fuse_window(window, index, fuser)) is not None
    ]
    labels = Counter(label_of(triple) for _, triple in fused)
    quarters: list[list[float]] = [[] for _ in range(QUARTERS)]
    for index, triple in fused:
        quarters[quarter_of(index, length_ms)].append(score_of(triple))
    by_quarter = [mean(scores) for scores in quarters]
    first, last = by_quarter[0], by_quarter[-1]
    pairs = [both for index, window in every if (both := both_triples(window, index)) is not None]
    return Summary(
        call_id=call_id,
        participant_id=participant_id,
        role=participant.role if participant else None,
        started_at=EpochMs(closed.started_at_ms),
        ended_at=None if closed.ended_at_ms is None else EpochMs(closed.ended_at_ms),
        revision=closed.distinct_records,
        person_key=participant.person_key if participant else None,
        score=mean([score_of(triple) for _, triple in fused]),
        score_q1=by_quarter[0],
        score_q2=by_quarter[1],
        score_q3=by_quarter[2],
        score_q4=by_quarter[3],
        score_change=None if first is None or last is None else last - first,
        windows_negative=labels[LABELS[0]],
        windows_neutral=labels[LABELS[1]],
        windows_positive=labels[LABELS[2]],
        talk_ms=talk_ms,
        non_talk_ms=non_talk_ms,
        interruptions=num_interruptions,
        talk_speed_wpm=_talk_speed_wpm(windows),
        loudness_dbfs=_loudness_dbfs(window for _, window in every),
        disagreement=mean([disagreement(*both) for both in pairs]),
    )


def quarter_of(index: int, length_ms: int) -> int:
    """The quarter of the call, 0 to 3, in which the middle of a window lies."""
    middle_ms = index * WINDOW_MS + WINDOW_MS // 2
    return min(QUARTERS - 1, QUARTERS * middle_ms // max(1, length_ms))


def mean(values: list[float]) -> float | None:
    """Summed exactly and rounded once, so that no order shows in its last digit."""
    return fmean(values) if values else None


def _talk_speed_wpm(windows: list[WindowsOf]) -> float | None:
    """Words a minute over the utterances that have a length, each counted once."""
    utterances = {
        text.utterance.utterance_id: text.utterance
        for of_one in windows
        for window in of_one.values()
        for text in window.texts
        if text.utterance.end_ms > text.utterance.start_ms and text.utterance.num_words
    }
    spoken_ms = sum(u.end_ms - u.start_ms for u in utterances.values())
    words = sum(u.num_words for u in utterances.values())
    return words * 60_000 / spoken_ms if spoken_ms else None


def _loudness_dbfs(windows: Iterable[Window]) -> float | None:
    """The windows' levels, averaged as power, each by its speech."""
    heard = [w.audio.score for w in windows if w.audio and w.audio.score.loudness_dbfs is not None]
    spoken = fsum(score.speech_ratio for score in heard)
    if not spoken:
        return None
    power = fsum(s.speech_ratio * 10 ** ((s.loudness_dbfs or 0.0) / 10) for s in heard)
    return decibels(power / spoken)


def ledger_rows(
    call_id: str, closed: CallClosed, windows: Mapping[str, WindowsOf], fuser: Fuser
) -> Iterator[Ledger]:
    """One ledger a participant, by id, and one for all of them."""
    rows = [
        _ledger(call_id, closed, entry, windows.get(entry.participant.participant_id, {}), fuser)
        for entry in closed.participants
    ]
    yield from rows
    utterances_seen = sum(row.utterances_seen for row in rows)
    utterances_came = utterances_seen >= (closed.utterances_expected or 0)
    expected = [row.chunks_expected for row in rows if row.chunks_expected is not None]
    others = closed.chunks_expected_of_others
    missing = _missing_counts(windows)
    yield Ledger(
        call_id=call_id,
        participant_id=ALL_PARTICIPANTS,
        revision=closed.distinct_records,
        chunks_expected=sum(expected) + others if expected or others else None,
        chunks_seen=sum(row.chunks_seen for row in rows),
        chunks_duplicate=sum(row.chunks_duplicate for row in rows),
        chunks_missing=sum(row.chunks_missing for row in rows) + others,
        chunks_rejected=sum(row.chunks_rejected for row in rows) + closed.chunks_rejected,
        chunks_withheld=sum(row.chunks_withheld for row in rows),
        missing_sequences="",
        utterances_expected=closed.utterances_expected,
        utterances_seen=utterances_seen,
        utterances_partial_only=sum(row.utterances_partial_only for row in rows),
        windows_scored=sum(row.windows_scored for row in rows),
        windows_missing=format_counts(missing),
        windows_lost=sum(row.windows_lost for row in rows),
        complete=(
            closed.ended_at_ms is not None
            and all(row.complete for row in rows)
            and utterances_came
            and not others
        ),
        closed_by=closed.closed_by,
    )


def _ledger(
    call_id: str, closed: CallClosed, entry: ParticipantLedger, windows: WindowsOf, fuser: Fuser
) -> Ledger:
    missing = _missing_counts({entry.participant.participant_id: windows})
    failed = any(reason.partition(":")[2] in MODEL_FAILURES for reason in missing)
    whole = entry.chunks_missing == 0 and entry.windows_lost == 0
    return Ledger(
        call_id=call_id,
        participant_id=entry.participant.participant_id,
        revision=closed.distinct_records,
        chunks_expected=entry.chunks_expected,
        chunks_seen=entry.chunks_seen,
        chunks_duplicate=entry.chunks_duplicate,
        chunks_missing=entry.chunks_missing,
        chunks_rejected=entry.chunks_rejected,
        chunks_withheld=entry.chunks_withheld,
        missing_sequences=entry.missing_sequences,
        utterances_expected=None,
        utterances_seen=entry.utterances_seen,
        utterances_partial_only=entry.utterances_partial_only,
        windows_scored=sum(fuse_window(w, k, fuser) is not None for k, w in windows.items()),
        windows_missing=format_counts(missing),
        windows_lost=entry.windows_lost,
        complete=closed.ended_at_ms is not None and whole and not failed,
        closed_by=closed.closed_by,
    )


def format_counts(counts: Mapping[str, int]) -> str:
    """As the ledger tells them: ``audio:no_speech=3,text:no_words=1``."""
    return ",".join(f"{reason}={count}" for reason, count in sorted(counts.items()))


def _missing_counts(windows: Mapping[str, WindowsOf]) -> Counter[str]:
    return Counter(
        reason
        for of_one in windows.values()
        for index, window in of_one.items()
        for reason in missing_reasons(window, index)
    )
