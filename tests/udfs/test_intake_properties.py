"""The newest rows of a call depend on the records accepted, not on their order or chunking."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import call_ended, call_started, chunk, joined, noise, utterance
from tests.intake_run import IntakeRun, audio_of
from udfs.audio_codec import BYTES_PER_SAMPLE, samples_at_ms
from udfs.record_json import CallRecord
from udfs.records import AudioChunk, WindowLedger
from udfs.windows import WindowSignal, arrange, chunk_end_us, last_window_of, window_of

CODECS = [("mulaw", 8_000), ("alaw", 8_000), ("pcm_s16le", 16_000), ("pcm_s16le", 11_025)]


@dataclass(frozen=True)
class Sound:
    """One stretch of a participant's audio; between stretches nothing is sent."""

    start_ms: int
    length_ms: int
    encoding: str
    rate_hz: int


@st.composite
def sounds(draw, longest_ms: int) -> list[Sound]:
    """What one participant says: one codec, or another for every stretch."""
    codec = draw(st.sampled_from(CODECS))
    is_mixed = draw(st.integers(0, 4)) == 0
    at_ms, found = draw(st.integers(0, 3_000)), []
    for _ in range(draw(st.integers(1, 4))):
        length_ms = draw(st.integers(20, 6_000))
        if at_ms + length_ms > longest_ms:
            break
        encoding, rate_hz = draw(st.sampled_from(CODECS)) if is_mixed else codec
        found.append(Sound(at_ms, length_ms, encoding, rate_hz))
        at_ms += length_ms + draw(st.sampled_from([0, 0, 1, 300, 2_000, 5_500]))
    return found


def cut(who: str, heard: list[Sound], rng: random.Random, longest_ms: int) -> list[AudioChunk]:
    """The same sound in chunks of random lengths; every cut lies on the grid of milliseconds."""
    chunks: list[AudioChunk] = []
    for number, sound in enumerate(heard):
        width = BYTES_PER_SAMPLE[sound.encoding]
        first = samples_at_ms(sound.start_ms, sound.rate_hz)
        end_ms = sound.start_ms + sound.length_ms
        payload = noise((samples_at_ms(end_ms, sound.rate_hz) - first) * width, seed=number)
        at_ms = sound.start_ms
        while at_ms < end_ms:
            until_ms = min(end_ms, at_ms + rng.randint(10, longest_ms))
            begin, end = (samples_at_ms(ms, sound.rate_hz) - first for ms in (at_ms, until_ms))
            chunks.append(
                chunk(
                    len(chunks),
                    at_ms,
                    who=who,
                    encoding=sound.encoding,
                    sample_rate_hz=sound.rate_hz,
                    payload=payload[begin * width : end * width],
                )
            )
            at_ms = until_ms
    return chunks


@dataclass(frozen=True)
class Call:
    sounds: dict[str, list[Sound]]
    num_utterances: int

    def records(self, seed: int, longest_chunk_ms: int = 3_000) -> list[CallRecord]:
        """In the order of call time: first the announcements, last the end."""
        rng = random.Random(seed)
        chunks = {who: cut(who, heard, rng, longest_chunk_ms) for who, heard in self.sounds.items()}
        texts = [
            utterance(n, 700 * n, 700 * n + 400 * (n % 3), who="customer")
            for n in range(self.num_utterances)
        ]
        expected = {who: len(theirs) for who, theirs in chunks.items()}
        spoken = sorted(
            [c for theirs in chunks.values() for c in theirs], key=lambda c: c.offset_ms
        )
        others = [joined(who) for who in self.sounds if who != "customer"]
        return [
            call_started("customer"),
            *others,
            *spoken,
            *texts,
            call_ended(40_000, chunks=expected, utterances=len(texts)),
        ]


@st.composite
def calls(draw, longest_ms: int = 15_000) -> Call:
    who = ["customer", "agent", "agent-2"][: draw(st.integers(1, 3))]
    return Call({one: draw(sounds(longest_ms)) for one in who}, draw(st.integers(0, 4)))


def signals_of(records: list[CallRecord]) -> dict[tuple[str, int], tuple[WindowSignal, int, int]]:
    """Every window straight from all the chunks: signal, chunks begun in it, chunks carried."""
    touching: dict[tuple[str, int], list[AudioChunk]] = {}
    for each in audio_of(records):
        first = window_of(each.offset_ms)
        for index in range(first, max(first, last_window_of(chunk_end_us(each))) + 1):
            touching.setdefault((each.participant_id, index), []).append(each)
    found = {}
    for (who, index), chunks in touching.items():
        follows = any(other == who and later > index for other, later in touching)
        begun = sum(window_of(c.offset_ms) == index for c in chunks)
        signal = arrange(index, chunks, audio_follows=follows)
        found[who, index] = (signal, begun, len(chunks) - begun)
    return found


def run(records: list[CallRecord], clock_steps_ms: list[int] | None = None) -> IntakeRun:
    intake = IntakeRun()
    now_ms = 0
    for number, record in enumerate(records):
        now_ms += (clock_steps_ms or [0])[number % len(clock_steps_ms or [0])]
        intake.take(record, now_ms=now_ms)
    return intake


def windows_of(intake: IntakeRun) -> dict[tuple[str, int], tuple[WindowSignal, WindowLedger, int]]:
    return {key: (signal, cut.chunks, cut.gap_ms) for key, (cut, signal) in intake.windows.items()}


def books_of(intake: IntakeRun):
    """What the call's close says, duplicates aside."""
    closed = intake.closed
    return [
        (
            p.participant,
            p.chunks_expected,
            p.chunks_seen,
            p.chunks_missing,
            p.missing_sequences,
            p.utterances_seen,
            p.windows_lost,
            p.audio_end_ms,
        )
        for p in closed.participants
    ], closed.distinct_records


def sent_with(call: Call, seed: int, order: random.Random, duplicates: int) -> list[CallRecord]:
    """All but the announcements in any order, some twice."""
    records = call.records(seed)
    start = records[0]
    rest = records[1:]
    rest += order.choices(rest, k=duplicates)
    order.shuffle(rest)
    # audio must not get ahead of its participant
    announced = [r for r in rest if type(r).__name__ == "ParticipantJoined"]
    return [start, *announced, *(r for r in rest if r not in announced)]


@given(calls(), st.integers(0, 99))
def test_windows_in_order_are_those_of_all_chunks_at_once(call, seed):
    records = call.records(seed)

    intake = run(records)

    assert not intake.refusals
    assert intake.is_closed
    expected = signals_of(records)
    assert {
        key: (s, c.chunks_begun, c.chunks_carried) for key, (s, c, _) in windows_of(intake).items()
    } == expected
    assert len(intake.utterances) == call.num_utterances
    assert intake.store.is_empty


@given(
    calls(),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
    st.integers(0, 8),
    st.lists(st.sampled_from([0, 1, 400, 3_000, 9_000]), min_size=1, max_size=5),
)
@settings(max_examples=120)
def test_any_order_with_duplicates_gives_the_same_windows_and_books(
    call, seed, order, duplicates, clock_steps_ms
):
    in_order = run(call.records(seed))

    disturbed = run(sent_with(call, seed, order, duplicates), clock_steps_ms)

    assert not disturbed.refusals
    assert disturbed.is_closed
    assert windows_of(disturbed) == windows_of(in_order)
    assert {u: (w.num_words, t) for u, (w, t) in disturbed.utterances.items()} == {
        u: (w.num_words, t) for u, (w, t) in in_order.utterances.items()
    }
    assert books_of(disturbed) == books_of(in_order)


@given(calls(), st.integers(0, 99), st.integers(100, 199), st.sampled_from([60, 200, 4_000]))
def test_the_same_sound_in_other_chunks_gives_the_same_signals(call, seed, other, longest_ms):
    one = {key: signal for key, (signal, _, _) in windows_of(run(call.records(seed))).items()}

    again = windows_of(run(call.records(other, longest_ms)))

    assert {key: signal for key, (signal, _, _) in again.items()} == one


@given(
    st.lists(st.tuples(st.integers(50, 2_500), st.integers(0, 14_000)), min_size=5, max_size=60),
    st.randoms(use_true_random=False),
)
def test_a_long_call_out_of_order_within_fifteen_seconds_loses_nothing(lengths, order):
    """Audio is forgotten on the way, and late chunks still find all they need."""
    at_ms, chunks, due = 0, [], []
    for length_ms, delay_ms in lengths:
        chunks.append(chunk(len(chunks), at_ms, length_ms))
        due.append(at_ms + delay_ms)
        at_ms += length_ms
    end = call_ended(at_ms, chunks={"customer": len(chunks)}, utterances=0)
    disturbed = [c for _, c in sorted(zip(due, chunks, strict=True), key=lambda pair: pair[0])]
    disturbed += order.sample(disturbed, k=min(3, len(disturbed)))

    intake = run([call_started("customer"), *disturbed, end])

    assert intake.reasons == []
    assert {key: s for key, (s, _, _) in windows_of(intake).items()} == {
        key: signal for key, (signal, _, _) in signals_of(list(chunks)).items()
    }
    assert intake.closed.participants[0].chunks_duplicate == min(3, len(chunks))


@given(
    st.integers(2, 40),
    st.sets(st.integers(0, 39), max_size=12),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_the_ledger_names_exactly_the_sequences_that_never_came(num, dropped, tells, order):
    chunks = [chunk(k, duration_ms=300) for k in range(num)]
    came = [c for c in chunks if c.sequence not in dropped]
    # without the number expected, the tail cannot be known
    known_until = num if tells else max((c.sequence for c in came), default=-1) + 1
    order.shuffle(came)
    end = call_ended(num * 300, chunks={"customer": num} if tells else None, utterances=0)

    intake = run([call_started("customer"), *came, end])
    intake.advance_stream_to(intake.arrival_ms + 60_000)

    (ledger,) = intake.closed.participants
    missing = sorted(k for k in dropped if k < known_until)
    assert expand(ledger.missing_sequences) == missing
    assert ledger.chunks_missing == len(missing)
    assert ledger.chunks_seen == len(came)


def expand(ranges: str) -> list[int]:
    """``41-43,57`` as [41, 42, 43, 57]."""
    found: list[int] = []
    for part in ranges.split(",") if ranges else []:
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
