"""Make the sample calls anew: dialogues.toml spoken by espeak-ng, one call folder each.

    .venv/bin/python samples/make_samples.py

It needs espeak-ng (Debian: apt-get install espeak-ng; the samples here are from version 1.51).
The folders it writes are committed, so nobody needs it to try them. The same version gives the same
bytes: all that is random has a seed. What comes out is telephone sound: 8 kHz, 300-3,400 Hz, a
little room noise, 13 bits as G.711 carries them. Voices by espeak-ng; the texts are our own (CC0).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zlib import crc32

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy import signal

HERE = Path(__file__).resolve().parent

Samples: TypeAlias = NDArray[np.float64]
Role: TypeAlias = Literal["agent", "customer"]

RATE_HZ = 8_000
ROLES: tuple[Role, ...] = ("agent", "customer")

SPEECH_DBFS = -24.0  # RMS of a line at gain 0: an ordinary level on the telephone
NOISE_DBFS = -62.0  # a quiet office: speech stands 38 dB above it
GAP_MS = 450  # between two lines, unless the dialogue says otherwise
TAIL_MS = 800  # after the last word
STEP_13_BITS = 8  # in int16; FLAC stores multiples of 8 in three bits a sample less


@dataclass(frozen=True, slots=True)
class Voice:
    voice: str
    speed_wpm: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Line:
    """Something said or written at its place in the call, or a muted stretch (no text)."""

    role: Role
    start_ms: int
    end_ms: int
    text: str | None
    confidence: float | None = None
    samples: Samples | None = None


def main() -> None:
    if shutil.which("espeak-ng") is None:
        sys.exit("make_samples: espeak-ng is missing. Debian, Ubuntu: apt-get install espeak-ng")
    calls = tomllib.loads((HERE / "dialogues.toml").read_text("utf-8"))["calls"]
    for call_id, call in calls.items():
        lines = write_lines(call) if call.get("sound") is False else speak_lines(call)
        save_call(HERE / call_id, call_id, call, lines)
        print(f"{call_id}: {max(line.end_ms for line in lines) / 1000:.1f} s, {len(lines)} lines")


def write_lines(call: Mapping[str, Any]) -> list[Line]:
    """A chat: a message is there at once."""
    lines: list[Line] = []
    now_ms = 0
    for entry in call["lines"]:
        now_ms += entry["gap_ms"]
        lines.append(Line(entry["by"], now_ms, now_ms, entry["text"]))
    return lines


def speak_lines(call: Mapping[str, Any]) -> list[Line]:
    """Place each line after the one before; its times are those of the sound itself."""
    voices = {role: Voice(**call["voices"][role]) for role in ROLES}
    lines: list[Line] = []
    now_ms = GAP_MS
    for entry in call["lines"]:
        start_ms = now_ms + entry.get("gap_ms", GAP_MS)
        if "mute_ms" in entry:
            line = Line(entry["by"], start_ms, start_ms + entry["mute_ms"], text=None)
        else:
            base = voices[entry["by"]]
            voice = Voice(
                base.voice,
                entry.get("speed_wpm", base.speed_wpm),
                entry.get("pitch", base.pitch),
            )
            samples = at_level(speak(entry["text"], voice), SPEECH_DBFS + entry.get("gain_db", 0))
            end_ms = start_ms + round(len(samples) * 1000 / RATE_HZ)
            line = Line(
                entry["by"], start_ms, end_ms, entry["text"], entry.get("confidence"), samples
            )
        lines.append(line)
        now_ms = line.end_ms
    return lines


def speak(text: str, voice: Voice) -> Samples:
    """Speech in the telephone's band, (num_samples,) at 8 kHz, without silence at its ends."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "line.wav"
        options = ["-v", voice.voice, "-s", str(voice.speed_wpm), "-p", str(voice.pitch)]
        command = ["espeak-ng", *options, "-w", str(wav), text]
        subprocess.run(command, check=True)  # noqa: S603 - the dialogues are our own
        spoken, rate_hz = soundfile.read(wav, dtype="float64")
    narrow = soxr.resample(spoken, rate_hz, RATE_HZ)
    band = signal.butter(4, [300, 3400], "bandpass", fs=RATE_HZ, output="sos")
    telephone: Samples = signal.sosfilt(band, narrow)
    (audible,) = np.nonzero(np.abs(telephone) > 0.01 * np.abs(telephone).max())
    return telephone[audible[0] : audible[-1] + 1]


def at_level(samples: Samples, level_dbfs: float) -> Samples:
    """Scale to an RMS, in dB below full scale (a sine at full scale is -3)."""
    rms = np.sqrt(np.mean(samples**2))
    scaled: Samples = samples * (10 ** (level_dbfs / 20) / rms)
    return scaled


def room_noise(num_samples: int, seed: int) -> Samples:
    """Noise that falls towards high frequencies, as fans and streets do."""
    white = np.random.default_rng(seed).standard_normal(num_samples)
    return at_level(signal.lfilter([1.0], [1.0, -0.7], white), NOISE_DBFS)


def record(lines: Sequence[Line], role: Role, duration_ms: int, seed: int) -> NDArray[np.int16]:
    """One party's sound from the call's start, int16 (num_samples,)."""
    sound = room_noise(duration_ms * RATE_HZ // 1000, seed)
    for line in lines:
        if line.role != role:
            continue
        start, end = line.start_ms * RATE_HZ // 1000, line.end_ms * RATE_HZ // 1000
        if line.samples is None:
            sound[start:end] = 0.0
        else:
            sound[start : start + len(line.samples)] += line.samples
    steps = np.rint(sound * (32_768 / STEP_13_BITS))
    sound_13_bits: NDArray[np.int16] = (np.clip(steps, -4096, 4095) * STEP_13_BITS).astype(np.int16)
    return sound_13_bits


def save_call(folder: Path, call_id: str, call: Mapping[str, Any], lines: Sequence[Line]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    participants: list[dict[str, Any]] = [
        {
            "participant_id": role,
            "role": role,
            "person_id": f"{call_id}-{role}",
            "consent": True,
        }
        for role in ROLES
    ]
    if call.get("sound", True):
        for entry, audio in zip(
            participants, save_sound(folder, call_id, call, lines), strict=True
        ):
            entry.update(audio)
    about = {
        "call_id": call_id,
        "started_at_ms": call["started_at_ms"],
        "language": "en-US",
        "jurisdiction": "US-CA",
        "participants": participants,
    }
    (folder / "call.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    if call["transcript"]:
        said = [line for line in lines if line.text is not None]
        utterances = (json.dumps(utterance(n, line)) + "\n" for n, line in enumerate(said, 1))
        (folder / "transcript.jsonl").write_text("".join(utterances), "utf-8")


def save_sound(
    folder: Path, call_id: str, call: Mapping[str, Any], lines: Sequence[Line]
) -> list[dict[str, Any]]:
    """Write the sound files; return what call.json says of them, by role."""
    duration_ms = max(line.end_ms for line in lines) + TAIL_MS
    sounds = [
        record(lines, role, duration_ms, crc32(f"{call_id} {role}".encode())) for role in ROLES
    ]
    if call.get("stereo", False):
        save_flac(folder / "call.flac", np.stack(sounds, axis=1))
        return [{"audio": "call.flac", "channel": i, "offset_ms": 0} for i in range(len(ROLES))]
    audio = []
    for role, sound in zip(ROLES, sounds, strict=True):
        offset_ms = call.get(f"{role}_offset_ms", 0)
        save_flac(folder / f"{role}.flac", sound[offset_ms * RATE_HZ // 1000 :])
        audio.append({"audio": f"{role}.flac", "channel": 0, "offset_ms": offset_ms})
    return audio


def save_flac(path: Path, sound: NDArray[np.int16]) -> None:
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_16", compression_level=1.0)


def utterance(number: int, line: Line) -> dict[str, Any]:
    confidence = {} if line.confidence is None else {"confidence": line.confidence}
    return {
        "utterance_id": f"u{number}",
        "participant_id": line.role,
        "start_ms": line.start_ms,
        "end_ms": line.end_ms,
        "text": line.text,
        "language": "en-US",
        **confidence,
    }


if __name__ == "__main__":
    main()
