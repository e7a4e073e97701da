"""A voice's chunks, in any order, become windows: once, and again when late audio changes one.

A window is cut when no sequence before its end is missing, when it can get no more audio, or when
it has waited for a gap long enough. Audio that no acceptable chunk can change any more is dropped;
the digests of its chunks stay, to tell a duplicate from a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator

from udfs.call_state import CallStore, KeptChunk, Run, Voice
from udfs.decisions import ToDo
from udfs.gate import is_withheld
from udfs.records import AudioChunk, WindowCut, WindowLedger
from udfs.windows import (
    WINDOW_US,
    arrange,
    chunk_end_us,
    last_window_of,
    window_of,
    windows_touched,
)

_MAX_CHUNK_LENGTHS = 8


class WindowCutter:
    """Cuts one voice at a time.

    Args:
        gap_wait_ms: clock time a window with a gap waits after later audio came.
        late_audio_ms: call time that audio may lie behind the newest of its participant.
    """

    def __init__(self, gap_wait_ms: int, late_audio_ms: int) -> None:
        self._gap_wait_ms = gap_wait_ms
        self._late_audio_ms = late_audio_ms

    def comes_too_late(self, voice: Voice, chunk: AudioChunk) -> bool:
        return chunk.offset_ms < voice.newest_ms - self._late_audio_ms

    def take(
        self, voice: Voice, store: CallStore, chunk: AudioChunk, now_ms: int
    ) -> Iterator[ToDo]:
        """Cut what a new chunk, which the store has, makes whole or changes."""
        first, last = _note_chunk(voice, chunk)
        yield from self._recut(voice, store, first, last, now_ms)
        yield from self._cut_whole(voice, store, now_ms)
        self._forget(voice, store)
        self._start_gap_waits(voice, now_ms)

    def cut_waiting(self, voice: Voice, store: CallStore, now_ms: int) -> Iterator[ToDo]:
        """Cut the windows that have waited for a gap long enough."""
        due = [window for window, at in voice.give_up_at_ms.items() if at <= now_ms]
        if due:
            yield from self._cut_below(voice, store, max(due) + 1, now_ms)

    def cut_rest(self, voice: Voice, store: CallStore, now_ms: int) -> Iterator[ToDo]:
        """Cut what was not cut, since no more comes."""
        upto = max(voice.touching, default=-1) + 1
        yield from self._cut_below(voice, store, upto, now_ms)

    def _recut(
        self, voice: Voice, store: CallStore, first: int, last: int, now_ms: int
    ) -> Iterator[ToDo]:
        """Cut again the windows that a late chunk changes."""
        for window in range(first, min(last + 1, voice.decided)):
            yield self._cut(voice, store, window, now_ms)

    def _cut_whole(self, voice: Voice, store: CallStore, now_ms: int) -> Iterator[ToDo]:
        """Cut the windows up to which no sequence is missing, or that can get no more audio."""
        out_of_reach_ms = voice.newest_ms - self._late_audio_ms
        upto = max(voice.whole_until_us // WINDOW_US, window_of(max(0, out_of_reach_ms)))
        yield from self._cut_below(voice, store, upto, now_ms)

    def _cut_below(self, voice: Voice, store: CallStore, upto: int, now_ms: int) -> Iterator[ToDo]:
        for window in sorted(voice.touching):
            if voice.decided <= window < upto:
                yield self._cut(voice, store, window, now_ms)
        voice.decided = max(voice.decided, upto)
        voice.give_up_at_ms = {k: at for k, at in voice.give_up_at_ms.items() if k >= upto}

    def _cut(self, voice: Voice, store: CallStore, window: int, now_ms: int) -> ToDo:
        chunks = [kept.chunk for kept in kept_of(voice, store, window)]
        begun = sum(window_of(chunk.offset_ms) == window for chunk in chunks)
        counts = WindowLedger(begun, len(chunks) - begun)
        participant_id = voice.participant.participant_id
        if is_withheld(voice.party, window):
            return ToDo(WindowCut(participant_id, window, counts, 0, now_ms, withheld=True))
        signal = arrange(window, chunks, audio_follows=last_touched(voice) > window)
        work = WindowCut(participant_id, window, counts, signal.gap_ms, now_ms)
        return ToDo(work, signal=signal)

    def _forget(self, voice: Voice, store: CallStore) -> None:
        """Drop the audio that no acceptable chunk can change any more; keep its digests."""
        upto = window_of(max(0, voice.newest_ms - self._late_audio_ms))
        participant_id = voice.participant.participant_id
        forgotten: dict[int, dict[int, int]] = {}
        for window in sorted(k for k in voice.touching if k < upto):
            for kept in kept_of(voice, store, window):
                chunk = kept.chunk
                if last_window_of(chunk_end_us(chunk)) > window:
                    continue  # the next window needs it too
                begun_in = forgotten.setdefault(window_of(chunk.offset_ms), {})
                begun_in[chunk.sequence] = kept.digest
                store.drop_chunk(participant_id, chunk.sequence)
            del voice.touching[window]
        for begun_in_window, digests in forgotten.items():
            known = store.digests(participant_id, begun_in_window)
            store.put_digests(participant_id, begun_in_window, {**known, **digests})

    def _start_gap_waits(self, voice: Voice, now_ms: int) -> None:
        newest_window = window_of(voice.newest_ms)
        for window in range(voice.decided, newest_window):
            voice.give_up_at_ms.setdefault(window, now_ms + self._gap_wait_ms)


def digest_of(store: CallStore, chunk: AudioChunk) -> int | None:
    """The digest of the chunk that came with this one's sequence; None: it is not known."""
    participant_id = chunk.participant_id
    kept = store.chunk(participant_id, chunk.sequence)
    if kept is not None:
        return kept.digest
    return store.digests(participant_id, window_of(chunk.offset_ms)).get(chunk.sequence)


def last_touched(voice: Voice) -> int:
    """The last window of which audio has come; -1: none has."""
    return max(window_of(voice.newest_ms), last_window_of(voice.end_us)) if voice.chunks else -1


def _note_chunk(voice: Voice, chunk: AudioChunk) -> tuple[int, int]:
    """Write a new chunk into the voice's books; the first and last window it touches."""
    start_us, end_us = chunk.offset_ms * 1_000, chunk_end_us(chunk)
    touched = windows_touched(chunk)
    for window in touched:
        low, high = voice.touching.get(window, (chunk.sequence, chunk.sequence))
        voice.touching[window] = (min(low, chunk.sequence), max(high, chunk.sequence))
    voice.runs = insert_run(voice.runs, Run(chunk.sequence, chunk.sequence, start_us, end_us))
    voice.newest_ms = max(voice.newest_ms, chunk.offset_ms)
    voice.end_us = max(voice.end_us, end_us)
    voice.chunks += 1
    length_us = end_us - start_us
    if length_us in voice.chunk_lengths_us or len(voice.chunk_lengths_us) < _MAX_CHUNK_LENGTHS:
        voice.chunk_lengths_us[length_us] = voice.chunk_lengths_us.get(length_us, 0) + 1
    return touched[0], touched[-1]


def insert_run(runs: list[Run], new: Run) -> list[Run]:
    """Ascending runs with one more sequence, neighbours joined."""
    position = len(runs)
    while position and runs[position - 1].first > new.first:
        position -= 1
    before, after = runs[:position], runs[position:]
    if before and before[-1].last == new.first - 1:
        left = before.pop()
        new = Run(left.first, new.last, left.start_us, max(left.end_us, new.end_us))
    if after and after[0].first == new.last + 1:
        right = after.pop(0)
        new = Run(new.first, right.last, new.start_us, max(new.end_us, right.end_us))
    return [*before, new, *after]


def kept_of(voice: Voice, store: CallStore, window: int) -> list[KeptChunk]:
    """The chunks that touch a window whose audio is kept."""
    low, high = voice.touching[window]
    participant_id = voice.participant.participant_id
    kept = [
        store.chunk(participant_id, sequence)
        for run in voice.runs
        if run.first <= high and run.last >= low
        for sequence in range(max(run.first, low), min(run.last, high) + 1)
    ]
    return [one for one in kept if one is not None and window in windows_touched(one.chunk)]


def num_begun(voice: Voice, store: CallStore, windows: list[int]) -> int:
    """How many of the chunks that came begin in one of these windows."""
    participant_id = voice.participant.participant_id
    kept = {
        one.chunk.sequence: window_of(one.chunk.offset_ms)
        for window in voice.touching
        for one in kept_of(voice, store, window)
    }
    forgotten = sum(len(store.digests(participant_id, window)) for window in windows)
    return forgotten + sum(begun_in in windows for begun_in in kept.values())
