"""Call folders for tests, written as a user would write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

STARTED_AT_MS = 1_700_000_000_000


def tone(duration_ms: int, sample_rate_hz: int = 8_000) -> np.ndarray:
    """A tone that differs from sample to sample, int16."""
    times_s = np.arange(duration_ms * sample_rate_hz // 1000) / sample_rate_hz
    return (8_000 * np.sin(2 * np.pi * 220 * times_s + times_s**2)).astype(np.int16)


def write_sound(path: Path, samples: np.ndarray, sample_rate_hz: int = 8_000, **how: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate_hz, **how)
    return path.name


def participant(participant_id: str, **fields: Any) -> dict[str, Any]:
    role = "customer" if participant_id.startswith("customer") else "agent"
    return {
        "participant_id": participant_id,
        "role": role,
        "person_id": f"person-{participant_id}",
        "consent": True,
        **fields,
    }


def utterance(participant_id: str, number: int, start_ms: int, end_ms: int, **fields: Any) -> Any:
    return {
        "utterance_id": f"{participant_id}-{number}",
        "participant_id": participant_id,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "text": "good morning",
        "language": "en-US",
        **fields,
    }


def write_call(
    folder: Path,
    participants: list[dict[str, Any]],
    utterances: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    call = {
        "call_id": folder.name,
        "started_at_ms": STARTED_AT_MS,
        "language": "en-US",
        "jurisdiction": "US-CA",
        "participants": participants,
        **fields,
    }
    (folder / "call.json").write_text(json.dumps(call))
    if utterances is not None:
        lines = "".join(json.dumps(line) + "\n" for line in utterances)
        (folder / "transcript.jsonl").write_text(lines)
    return folder


def write_transfer(folder: Path, sample_rate_hz: int = 8_000) -> Path:
    """Three parties, the second agent from 3 s on; 6 s of sound, words of each."""
    for name, duration_ms in (("customer", 6_000), ("agent", 2_990), ("agent-2", 2_505)):
        write_sound(folder / f"{name}.wav", tone(duration_ms, sample_rate_hz), sample_rate_hz)
    return write_call(
        folder,
        [
            participant("customer", audio="customer.wav"),
            participant("agent", audio="agent.wav", offset_ms=7),
            participant("agent-2", audio="agent-2.wav", offset_ms=3_100, joined_ms=3_000),
        ],
        [
            utterance("customer", 0, 100, 900),
            utterance("agent", 0, 1_000, 2_000, confidence=0.8),
            utterance("agent-2", 0, 3_200, 4_000, is_partial=True),
            utterance("agent-2", 0, 3_200, 4_200),
        ],
    )


def write_chat(folder: Path) -> Path:
    return write_call(
        folder,
        [participant("customer"), participant("agent")],
        [utterance("customer", 0, 500, 1_500), utterance("agent", 0, 4_000, 4_000)],
    )
