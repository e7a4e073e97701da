"""Calls at the speed of speech: who speaks when, and when each record arrived.

Twenty voices speak at any moment, whatever the number of calls: with ten calls both voices all the
time, with 1,000 calls each voice one window in a hundred. So windows a second stay the same while
open calls grow.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from connectors.kinesis_client import KinesisClient, Put
from tests.bench.figures import Arrivals
from tests.bench.workload import (
    CHUNK_MS,
    CHUNKS_A_WINDOW,
    SILENT_CHUNK_MS,
    VOICES,
    Bank,
    call_id_of,
    chunk_of,
    utterance_of,
)
from udfs.records import StreamName
from udfs.windows import WINDOW_MS

SPEAKING = 20
HISTORY_WINDOWS = 3
"""15 s of audio of each voice, the most that is kept for late chunks when nobody speaks."""
RECOGNISER_MS = 1_000
"""Words come this long after they were said ..."""
LATE_RECOGNISER_MS = 4_500
"""... and every tenth time so late that their window has been shown."""
_TICK_S = 0.01

Voice = tuple[str, str]
"""A call and a participant."""


class Due(NamedTuple):
    at_ms: int
    """From the beginning of speaking."""
    number: int
    voice: int
    window: int
    piece: int | None
    """Of the window's chunks; None: its words."""


def schedule(num_calls: int, seconds: float) -> list[Due]:
    """What is to be sent, by time: whole windows, staggered evenly over 5 s."""
    num_voices = num_calls * len(VOICES)
    stride = max(1, num_voices // SPEAKING)
    due = []
    for turn in range(int(seconds * 1_000) // WINDOW_MS):
        for index in range(turn % stride, num_voices, stride):
            number, voice = divmod(index, len(VOICES))
            starts_ms = turn * WINDOW_MS + (index // stride) * WINDOW_MS * stride // num_voices
            window = HISTORY_WINDOWS + turn
            for piece in range(CHUNKS_A_WINDOW):
                sent_ms = starts_ms + (piece + 1) * CHUNK_MS
                due.append(Due(sent_ms, number, voice, window, piece))
            if (turn + voice) % 2:
                is_late = (number + turn) % 10 == 0
                delay_ms = LATE_RECOGNISER_MS if is_late else RECOGNISER_MS
                due.append(Due(starts_ms + 4_500 + delay_ms, number, voice, window, None))
    return sorted(due)


def speak(
    kinesis: KinesisClient,
    names: dict[StreamName, str],
    bank: Bank,
    due: list[Due],
    book: dict[Voice, Arrivals],
    check: Callable[[], None],
) -> None:
    """Send everything at its time, and put down when it was sent.

    A record's arrival is taken before its request, so that lateness is not understated.
    """
    sequences: defaultdict[tuple[int, int], int] = defaultdict(
        lambda: HISTORY_WINDOWS * WINDOW_MS // SILENT_CHUNK_MS
    )
    begun_s = time.monotonic()
    position = 0
    while position < len(due):
        now_ms = (time.monotonic() - begun_s) * 1_000
        first = position
        while position < len(due) and due[position].at_ms <= now_ms:
            position += 1
        if position == first:
            check()
            time.sleep(_TICK_S)
            continue
        puts: dict[StreamName, list[Put]] = {"audio": [], "text": []}
        arrival_ms = time.time_ns() // 1_000_000
        for _, number, voice, window, piece in due[first:position]:
            arrivals = book[call_id_of(number), VOICES[voice].participant_id]
            arrivals.note(window, arrival_ms)
            if piece is None:
                puts["text"].append(utterance_of(bank, number, voice, window))
                continue
            sequence = sequences[number, voice]
            sequences[number, voice] += 1
            puts["audio"].append(chunk_of(bank, number, voice, window, piece, sequence))
            if piece == CHUNKS_A_WINDOW - 1:
                arrivals.whole_ms[window] = arrival_ms
        for stream, batch in puts.items():
            if batch:
                kinesis.put_records(names[stream], batch)


def history_book(num_calls: int, arrival_ms: int) -> dict[Voice, Arrivals]:
    """The arrivals of the calls' silent first windows."""
    book: dict[Voice, Arrivals] = {}
    for voice in _voices(num_calls):
        book[voice] = Arrivals()
        for window in range(HISTORY_WINDOWS):
            for _ in range(WINDOW_MS // SILENT_CHUNK_MS):
                book[voice].note(window, arrival_ms)
            book[voice].whole_ms[window] = arrival_ms
    return book


def _voices(num_calls: int) -> Iterator[Voice]:
    for number in range(num_calls):
        for participant in VOICES:
            yield call_id_of(number), participant.participant_id
