"""A recorded call on disk, read and checked.

A folder flows in: ``call.json``, perhaps ``transcript.jsonl``, perhaps sound files::

    <call>/call.json         call_id, started_at_ms, language, jurisdiction, participants
    <call>/transcript.jsonl  one utterance a line, its times from the call's start
    <call>/agent.flac        named by a participant's ``audio``; begins ``offset_ms`` after the call

A ``CallFolder`` flows out. A participant without ``audio`` is heard nowhere (a chat, or a lost
recording); one with ``joined_ms`` was not there when the call began (a transfer). Where no
participant has sound the call is a chat, and an utterance's start is its end. What is wrong is
refused as ``CallFolderError``, which names file, line and remedy and never quotes what was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from udfs import audio_codec
from udfs.call_folder_schema import (
    LIMITS,
    CallFile,
    CallFolderError,
    ParticipantEntry,
    UtteranceLine,
    parse,
)
from udfs.records import ConsentChanged, Encoding, Participant, Utterance
from udfs.rows import ALL_PARTICIPANTS

__all__ = [
    "AudioFile",
    "CallFolder",
    "CallFolderError",
    "CodedAudio",
    "RecordedParticipant",
    "list_call_folders",
    "read_audio",
    "read_call_folder",
    "read_call_folders",
    "read_coded_audio",
]

CALL_FILE: Final = "call.json"
TRANSCRIPT_FILE: Final = "transcript.jsonl"

TELEPHONE_RATE_HZ: Final = 8_000
"""Sound at this rate travels as µ-law."""


@dataclass(frozen=True, slots=True)
class AudioFile:
    """One channel of a sound file."""

    path: Path
    channel: int
    offset_ms: int
    """When it begins, from the call's start."""
    end_ms: int
    """When it ends, from the call's start."""


@dataclass(frozen=True, slots=True)
class RecordedParticipant:
    participant: Participant
    audio: AudioFile | None
    joined_ms: int | None
    """When a participant joined who was not there from the start."""
    consent_changes: tuple[ConsentChanged, ...] = ()
    """In the order of call time."""


@dataclass(frozen=True, slots=True)
class CallFolder:
    path: Path
    call_id: str
    started_at_ms: int
    language: str
    jurisdiction: str
    participants: tuple[RecordedParticipant, ...]
    utterances: tuple[Utterance, ...]

    @property
    def has_audio(self) -> bool:
        """Whether anyone can be heard; else it is a chat."""
        return any(recorded.audio for recorded in self.participants)

    @property
    def end_ms(self) -> int:
        """When the last sound or word ends or consent changes, from the call's start."""
        sounds = [recorded.audio.end_ms for recorded in self.participants if recorded.audio]
        joins = [recorded.joined_ms or 0 for recorded in self.participants]
        changes = [change.at_ms for each in self.participants for change in each.consent_changes]
        return max(
            [*sounds, *joins, *changes, *(utterance.end_ms for utterance in self.utterances)]
        )


@dataclass(frozen=True, slots=True)
class CodedAudio:
    """A participant's whole sound as it travels."""

    encoding: Encoding
    sample_rate_hz: int
    payload: bytes


def list_call_folders(directory: Path) -> tuple[Path, ...]:
    """The folders with a ``call.json``, by name; the directory itself if it has one.

    Raises:
        CallFolderError: there is none.
    """
    if (directory / CALL_FILE).is_file():
        return (directory,)
    if not directory.is_dir():
        msg = f"{directory}: no such folder; name one that holds call folders"
        raise CallFolderError(msg)
    folders = tuple(sorted(path.parent for path in directory.glob(f"*/{CALL_FILE}")))
    if not folders:
        msg = f"{directory}: no call folder in it; each needs a {CALL_FILE}"
        raise CallFolderError(msg)
    return folders


def read_call_folders(directory: Path) -> tuple[CallFolder, ...]:
    """All calls of a directory.

    Raises:
        CallFolderError: there is none, one is unusable, or two have the same id.
    """
    calls: dict[str, CallFolder] = {}
    for path in list_call_folders(directory):
        call = read_call_folder(path)
        if call.call_id in calls:
            msg = f"{path / CALL_FILE}: same call_id as {calls[call.call_id].path}; rename one"
            raise CallFolderError(msg)
        calls[call.call_id] = call
    return tuple(calls.values())


def read_call_folder(path: Path) -> CallFolder:
    """Read and check one call; of the sound files only the headers.

    Raises:
        CallFolderError: something in it cannot be used.
    """
    call_file = path / CALL_FILE
    call = parse(CallFile, _read(call_file), str(call_file))
    ids = [entry.participant_id for entry in call.participants]
    if len(set(ids)) < len(ids) or ALL_PARTICIPANTS in ids:
        msg = f"{call_file}: participant_ids must differ and none be '{ALL_PARTICIPANTS}'"
        raise CallFolderError(msg)
    if all(entry.joined_ms is not None for entry in call.participants):
        msg = f"{call_file}: every participant has joined_ms; leave it out for who was there first"
        raise CallFolderError(msg)
    folder = CallFolder(
        path,
        call.call_id,
        call.started_at_ms,
        call.language,
        call.jurisdiction,
        tuple(_recorded(path, call.call_id, entry) for entry in call.participants),
        (),
    )
    return replace(folder, utterances=tuple(_read_transcript(path / TRANSCRIPT_FILE, folder)))


def read_audio(audio: AudioFile) -> tuple[NDArray[np.int16], int]:
    """One participant's samples, int16 (num_samples,), and their rate.

    Rates beyond what may travel are brought to the nearest that may, 8,000 or 48,000 Hz.

    Raises:
        CallFolderError: the file breaks off or is damaged.
    """
    try:
        with soundfile.SoundFile(audio.path) as file:
            rate_hz: int = file.samplerate
            # floats also from integer files: libsndfile does not scale floats to integers
            blocks = [
                audio_codec.to_int16(block[:, audio.channel])
                for block in file.blocks(60 * rate_hz, dtype="float32", always_2d=True)
            ]
            breaks_off = sum(map(len, blocks)) < file.frames
    except soundfile.LibsndfileError:
        breaks_off = True
    if breaks_off:
        msg = f"{audio.path}: damaged; replace it by a WAV or FLAC file that plays"
        raise CallFolderError(msg)
    samples = np.concatenate(blocks)
    travel_rate_hz = min(max(rate_hz, LIMITS.min_sample_rate_hz), LIMITS.max_sample_rate_hz)
    if travel_rate_hz == rate_hz:
        return samples, rate_hz
    floats = audio_codec.decode(audio_codec.encode(samples, "pcm_s16le"), "pcm_s16le")
    resampled = audio_codec.resample(floats, rate_hz, travel_rate_hz)
    return audio_codec.to_int16(resampled), travel_rate_hz


def read_coded_audio(audio: AudioFile) -> CodedAudio:
    """One participant's sound as it travels: µ-law at 8 kHz, PCM at other rates.

    Raises:
        CallFolderError: the file breaks off or is damaged.
    """
    samples, rate_hz = read_audio(audio)
    encoding: Encoding = "mulaw" if rate_hz == TELEPHONE_RATE_HZ else "pcm_s16le"
    return CodedAudio(encoding, rate_hz, audio_codec.encode(samples, encoding))


def _recorded(folder: Path, call_id: str, entry: ParticipantEntry) -> RecordedParticipant:
    audio = _audio_file(folder, entry, entry.audio) if entry.audio is not None else None
    if audio and entry.joined_ms is not None and audio.offset_ms < entry.joined_ms:
        msg = f"{folder / CALL_FILE}: audio begins before its participant's joined_ms; move either"
        raise CallFolderError(msg)
    participant = Participant(entry.participant_id, entry.role, entry.person_id, entry.consent)
    changes = [
        ConsentChanged(call_id, entry.participant_id, each.consent, each.at_ms, each.retroactive)
        for each in sorted(entry.consent_changes, key=lambda each: each.at_ms)
    ]
    at_ms = [each.at_ms for each in changes]
    if len(set(at_ms)) < len(at_ms) or (at_ms and at_ms[0] < (entry.joined_ms or 0)):
        msg = (
            f"{folder / CALL_FILE}: consent_changes need an at_ms each of its own, and none before "
            "its participant's joined_ms; mend them"
        )
        raise CallFolderError(msg)
    return RecordedParticipant(participant, audio, entry.joined_ms, tuple(changes))


def _audio_file(folder: Path, entry: ParticipantEntry, name: str) -> AudioFile:
    path = folder / name
    if path.name != name or not path.is_file():
        msg = f"{folder / CALL_FILE}: audio must name a file beside it, '{name}' does not"
        raise CallFolderError(msg)
    try:
        header = soundfile.info(path)
    except soundfile.LibsndfileError as err:
        msg = f"{path}: not a sound file; use WAV or FLAC"
        raise CallFolderError(msg) from err
    if entry.channel >= header.channels:
        msg = f"{path}: has {header.channels} channels, counted from 0; channel is {entry.channel}"
        raise CallFolderError(msg)
    if header.frames <= 0:
        msg = f"{path}: holds no sound; leave out its participant's audio or replace the file"
        raise CallFolderError(msg)
    end_ms = entry.offset_ms + audio_codec.ms_at_samples(header.frames, header.samplerate)
    if end_ms > LIMITS.offset_ms:
        msg = f"{path}: ends more than 12 h after the call's start; cut it, or mend offset_ms"
        raise CallFolderError(msg)
    return AudioFile(path, entry.channel, entry.offset_ms, end_ms)


def _read_transcript(path: Path, folder: CallFolder) -> Iterator[Utterance]:
    if not path.exists():
        return
    joined_ms = {
        recorded.participant.participant_id: recorded.joined_ms or 0
        for recorded in folder.participants
    }
    final_ids: set[str] = set()
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        entry = parse(UtteranceLine, line, where)
        fault = _fault(entry, folder.call_id, joined_ms)
        if not entry.is_partial and entry.utterance_id in final_ids:
            fault = fault or "utterance_id was used before; give each its own"
        if fault:
            msg = f"{where}: {fault}"
            raise CallFolderError(msg)
        if not entry.is_partial:
            final_ids.add(entry.utterance_id)
        yield Utterance(
            folder.call_id,
            entry.participant_id,
            entry.utterance_id,
            entry.start_ms if folder.has_audio else entry.end_ms,
            entry.end_ms,
            entry.text,
            entry.language or folder.language,
            entry.confidence,
            entry.is_partial,
        )


def _fault(entry: UtteranceLine, call_id: str, joined_ms: Mapping[str, int]) -> str | None:
    """Why an utterance does not fit its call; None if it does."""
    if entry.call_id not in (None, call_id):
        return "call_id is another call's"
    if entry.participant_id not in joined_ms:
        return f"participant_id is not in {CALL_FILE}"
    if entry.end_ms < entry.start_ms:
        return "end_ms is before start_ms"
    if entry.end_ms - entry.start_ms > LIMITS.utterance_ms:
        return f"lasts more than {LIMITS.utterance_ms} ms; split it"
    if entry.start_ms < joined_ms[entry.participant_id]:
        return "start_ms is before its participant's joined_ms"
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        msg = f"{path}: {err.strerror}; make it readable"
        raise CallFolderError(msg) from err
