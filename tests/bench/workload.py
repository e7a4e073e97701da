"""What is sent: the sample calls' sound and words, dealt out to any number of calls.

Every call has two voices. A voice's window k is taken from the bank of all the samples' windows,
each voice beginning elsewhere in it, so that the share of speech is the same at every size. Calls
begin one after another over 5 s, so that windows end evenly and not all at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.kinesis_client import KinesisClient, Put
from udfs.call_folder import read_call_folders
from udfs.record_json import record_json
from udfs.records import AudioChunk, CallStarted, Participant, StreamName, Utterance
from udfs.replay_plan import cut_chunks
from udfs.windows import WINDOW_MS, WindowSignal, arrange

SAMPLES = Path("samples")
CHUNK_MS = 200
CHUNKS_A_WINDOW = WINDOW_MS // CHUNK_MS
VOICES = (
    Participant("agent", "agent", None, True),
    Participant("customer", "customer", None, True),
)
ENCODING, RATE_HZ = "mulaw", 8_000
SILENT_CHUNK_MS = 1_000
SILENT_CHUNK = b"\xff" * (RATE_HZ * SILENT_CHUNK_MS // 1_000)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Bank:
    """The samples' windows and words."""

    windows: tuple[tuple[bytes, ...], ...]
    """Each of 25 payloads of 200 ms, G.711 at 8 kHz."""
    texts: tuple[str, ...]

    def signals(self) -> list[WindowSignal]:
        """The same windows as the models get them."""
        return [
            arrange(
                0,
                [_chunk("", "agent", n, n * CHUNK_MS, data) for n, data in enumerate(window)],
                audio_follows=True,
            )
            for window in self.windows
        ]


def read_bank(samples: Path = SAMPLES) -> Bank:
    windows: list[tuple[bytes, ...]] = []
    texts: list[str] = []
    for call in read_call_folders(samples):
        texts += [utterance.text for utterance in call.utterances if not utterance.is_partial]
        for recorded in call.participants:
            payloads = [chunk.payload for chunk in cut_chunks(call, recorded, CHUNK_MS)]
            whole = [one for one in payloads if len(one) == RATE_HZ * CHUNK_MS // 1_000]
            windows += [
                tuple(whole[begin : begin + CHUNKS_A_WINDOW])
                for begin in range(0, len(whole) - CHUNKS_A_WINDOW + 1, CHUNKS_A_WINDOW)
            ]
    return Bank(tuple(windows), tuple(texts))


def call_id_of(number: int) -> str:
    return f"bench-{number:05d}"


def start_of(number: int) -> list[tuple[StreamName, Put]]:
    started = CallStarted(call_id_of(number), _now_ms(), "en-US", "US-CA", VOICES)
    return [("audio", _put(started)), ("text", _put(started))]


def chunk_of(bank: Bank, number: int, voice: int, window: int, piece: int, sequence: int) -> Put:
    """Piece 0 to 24 of a voice's window."""
    payload = bank.windows[(2 * number + voice + window) % len(bank.windows)][piece]
    offset_ms = window * WINDOW_MS + piece * CHUNK_MS
    participant_id = VOICES[voice].participant_id
    return _put(_chunk(call_id_of(number), participant_id, sequence, offset_ms, payload))


def utterance_of(bank: Bank, number: int, voice: int, window: int) -> Put:
    """Words of 4 s in the middle of a voice's window."""
    start_ms = window * WINDOW_MS + 500
    text = bank.texts[(number + voice + window) % len(bank.texts)]
    participant_id = VOICES[voice].participant_id
    utterance_id = f"{participant_id}-{window}"
    return _put(
        Utterance(
            call_id_of(number),
            participant_id,
            utterance_id,
            start_ms,
            start_ms + 4_000,
            text,
            "en-US",
            0.9,
            False,
        )
    )


def backlog(bank: Bank, num_calls: int, num_windows: int) -> Iterator[tuple[StreamName, Put]]:
    """All calls speaking at once without end, ``num_windows`` in all, words in every second."""
    windows_a_voice = -(-num_windows // (num_calls * len(VOICES)))
    num_steps = CHUNKS_A_WINDOW * windows_a_voice
    for step in range(num_steps + CHUNKS_A_WINDOW):
        for number in range(num_calls):
            sequence = step - number * CHUNKS_A_WINDOW // num_calls
            if not 0 <= sequence < num_steps:
                continue
            if sequence == 0:
                yield from start_of(number)
            window, piece = divmod(sequence, CHUNKS_A_WINDOW)
            for voice in range(len(VOICES)):
                yield "audio", chunk_of(bank, number, voice, window, piece, sequence)
                if piece == CHUNKS_A_WINDOW - 1 and (window + voice) % 2:
                    yield "text", utterance_of(bank, number, voice, window)


def history(num_calls: int, num_windows: int) -> Iterator[tuple[StreamName, Put]]:
    """The calls' first windows, silent, in chunks of 1 s."""
    for number in range(num_calls):
        yield from start_of(number)
    for sequence in range(num_windows * WINDOW_MS // SILENT_CHUNK_MS):
        for number in range(num_calls):
            for voice in VOICES:
                chunk = _chunk(
                    call_id_of(number),
                    voice.participant_id,
                    sequence,
                    sequence * SILENT_CHUNK_MS,
                    SILENT_CHUNK,
                )
                yield "audio", _put(chunk)


def send(
    kinesis: KinesisClient, names: dict[StreamName, str], records: Iterator[tuple[StreamName, Put]]
) -> int:
    """Put records as fast as they are taken; how many."""
    waiting: dict[StreamName, list[Put]] = {"audio": [], "text": []}
    sent = 0
    for stream, put in records:
        waiting[stream].append(put)
        sent += 1
        if len(waiting[stream]) == _BATCH:
            kinesis.put_records(names[stream], waiting[stream])
            waiting[stream] = []
    for stream, puts in waiting.items():
        kinesis.put_records(names[stream], puts)
    return sent


def _chunk(
    call_id: str, participant_id: str, sequence: int, offset_ms: int, payload: bytes
) -> AudioChunk:
    return AudioChunk(call_id, participant_id, sequence, offset_ms, ENCODING, RATE_HZ, payload)


def _put(record: CallStarted | AudioChunk | Utterance) -> Put:
    """Calls go to the two halves of a stream's hash keys in turn, so that no shard has more."""
    half = int(record.call_id.rpartition("-")[2]) % 2
    return Put(record.call_id, record_json(record), str(half << 127))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
