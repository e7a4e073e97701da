"""The committed sample calls: whole, small, and their transcripts true to their sound."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from udfs import call_folder

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CALLS = {call.call_id: call for call in call_folder.read_call_folders(SAMPLES)}
HEARD = [call_id for call_id, call in CALLS.items() if call.has_audio]
SPEECH_DBFS = -40.0  # half way between the room and the quietest line


def sound_of(call: call_folder.CallFolder, participant_id: str) -> tuple[np.ndarray, int, int]:
    """Samples in [-1, 1), their rate and their offset from the call's start."""
    (audio,) = (
        recorded.audio
        for recorded in call.participants
        if recorded.participant.participant_id == participant_id and recorded.audio
    )
    samples, rate_hz = call_folder.read_audio(audio)
    return samples / 32_768, rate_hz, audio.offset_ms


def stretch(sound: tuple[np.ndarray, int, int], start_ms: int, end_ms: int) -> np.ndarray:
    samples, rate_hz, offset_ms = sound
    start, end = ((at_ms - offset_ms) * rate_hz // 1000 for at_ms in (start_ms, end_ms))
    return samples[start:end]


def level_dbfs(samples: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(samples**2)))


def interrupts(call: call_folder.CallFolder) -> bool:
    return any(
        later.start_ms < earlier.end_ms and later.participant_id != earlier.participant_id
        for earlier, later in pairwise(call.utterances)
    )


def test_there_is_one_of_each_kind() -> None:
    kinds = {
        call_id: (call.has_audio, bool(call.utterances), interrupts(call))
        for call_id, call in CALLS.items()
    }

    assert kinds == {
        "sample-1-pleasant": (True, True, False),
        "sample-2-turns-sour": (True, True, True),
        "sample-3-chat": (False, True, False),
        "sample-4-no-transcript": (True, False, False),
    }


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_may_be_used(call: call_folder.CallFolder) -> None:
    participants = [recorded.participant for recorded in call.participants]

    assert call.path.name == call.call_id
    assert {participant.role for participant in participants} == {"agent", "customer"}
    assert all(participant.consent and participant.person_id for participant in participants)
    assert 40_000 <= call.end_ms <= 70_000


@pytest.mark.parametrize("call_id", HEARD)
def test_utterances_are_where_the_sound_is(call_id: str) -> None:
    call = CALLS[call_id]
    sounds = {
        recorded.participant.participant_id: sound_of(call, recorded.participant.participant_id)
        for recorded in call.participants
    }

    for utterance in call.utterances:
        spoken = stretch(sounds[utterance.participant_id], utterance.start_ms, utterance.end_ms)
        assert len(spoken) >= (utterance.end_ms - utterance.start_ms - 1) * 8, (
            utterance.utterance_id
        )
        assert level_dbfs(spoken) > SPEECH_DBFS, utterance.utterance_id


def test_the_customer_of_the_sour_call_gets_louder() -> None:
    call = CALLS["sample-2-turns-sour"]
    sound = sound_of(call, "customer")
    levels = [
        level_dbfs(stretch(sound, utterance.start_ms, utterance.end_ms))
        for utterance in call.utterances
        if utterance.participant_id == "customer"
    ]

    assert levels[-1] - levels[0] > 6


def test_the_agent_of_the_sour_call_is_muted_for_a_while() -> None:
    samples, rate_hz, _ = sound_of(CALLS["sample-2-turns-sour"], "agent")

    (sounding,) = np.nonzero(samples)

    assert np.diff(sounding).max() > 5 * rate_hz


def test_a_clone_stays_small() -> None:
    size = sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file())

    assert size < 2_000_000
