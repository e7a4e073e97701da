"""A call folder is read as it stands, or refused with file, line and remedy."""

import json

import numpy as np
import pytest

from tests.call_folder_builders import (
    participant,
    tone,
    utterance,
    write_call,
    write_chat,
    write_sound,
    write_transfer,
)
from udfs import audio_codec, call_folder
from udfs.call_folder import read_call_folder, read_call_folders
from udfs.call_folder_schema import CallFolderError
from udfs.records import Participant, Utterance

SPOKEN = "I want my money back"


def test_a_call_with_a_transfer_is_read_whole(tmp_path):
    call = read_call_folder(write_transfer(tmp_path / "c1"))
    customer, agent, second = call.participants
    assert (call.call_id, call.language, call.jurisdiction) == ("c1", "en-US", "US-CA")
    assert customer.participant == Participant("customer", "customer", "person-customer", True)
    assert (customer.audio.offset_ms, customer.audio.end_ms) == (0, 6_000)
    assert (agent.audio.offset_ms, agent.audio.end_ms) == (7, 2_997)
    assert (second.joined_ms, second.participant.role) == (3_000, "agent")
    assert call.end_ms == 6_000
    assert call.utterances[1] == Utterance(
        "c1", "agent", "agent-0", 1_000, 2_000, "good morning", "en-US", 0.8, is_partial=False
    )
    assert [each.is_partial for each in call.utterances] == [False, False, True, False]


def test_without_sound_it_is_a_chat_and_a_message_has_one_time(tmp_path):
    call = read_call_folder(write_chat(tmp_path / "chat"))
    assert not call.has_audio
    assert [(each.start_ms, each.end_ms) for each in call.utterances] == [
        (1_500, 1_500),
        (4_000, 4_000),
    ]


def test_without_transcript_it_is_sound_only(tmp_path):
    write_sound(tmp_path / "c" / "customer.flac", tone(1_000))
    write_call(tmp_path / "c", [participant("customer", audio="customer.flac")])
    call = read_call_folder(tmp_path / "c")
    assert (call.has_audio, call.utterances, call.end_ms) == (True, (), 1_000)


@pytest.mark.parametrize("name", ["sound.wav", "sound.flac"])
def test_the_channel_picks_one_of_a_stereo_file(tmp_path, name):
    left, right = tone(1_000), -tone(1_000)
    write_sound(tmp_path / "c" / name, np.stack([left, right], axis=1))
    write_call(
        tmp_path / "c",
        [participant("customer", audio=name, channel=1), participant("agent", audio=name)],
    )
    customer, agent = read_call_folder(tmp_path / "c").participants
    np.testing.assert_array_equal(call_folder.read_audio(customer.audio)[0], right)
    np.testing.assert_array_equal(call_folder.read_audio(agent.audio)[0], left)


def test_floats_are_read_at_their_loudness(tmp_path):
    samples = tone(500)
    write_sound(tmp_path / "c" / "f.wav", samples / 32_768, 16_000, subtype="FLOAT")
    write_call(tmp_path / "c", [participant("customer", audio="f.wav")])
    audio = read_call_folder(tmp_path / "c").participants[0].audio
    np.testing.assert_array_equal(call_folder.read_audio(audio)[0], samples)


@pytest.mark.parametrize(
    ("rate_hz", "encoding", "travel_rate_hz"),
    [
        (8_000, "mulaw", 8_000),
        (16_000, "pcm_s16le", 16_000),
        (11_025, "pcm_s16le", 11_025),
        (6_000, "mulaw", 8_000),
        (96_000, "pcm_s16le", 48_000),
    ],
)
def test_sound_travels_as_mulaw_at_8_khz_and_as_pcm_at_other_rates(
    tmp_path, rate_hz, encoding, travel_rate_hz
):
    write_sound(tmp_path / "c" / "s.wav", tone(1_000, rate_hz), rate_hz)
    write_call(tmp_path / "c", [participant("customer", audio="s.wav")])
    coded = call_folder.read_coded_audio(read_call_folder(tmp_path / "c").participants[0].audio)
    assert (coded.encoding, coded.sample_rate_hz) == (encoding, travel_rate_hz)
    assert audio_codec.num_samples(coded.payload, coded.encoding) == travel_rate_hz


def test_folders_are_listed_by_name_and_one_call_may_be_named_itself(tmp_path):
    for name in ("b", "a"):
        write_chat(tmp_path / name)
    (tmp_path / "notes").mkdir()
    assert [call.call_id for call in read_call_folders(tmp_path)] == ["a", "b"]
    assert [call.call_id for call in read_call_folders(tmp_path / "b")] == ["b"]


def test_a_directory_without_calls_is_refused(tmp_path):
    with pytest.raises(CallFolderError, match="no call folder in it"):
        read_call_folders(tmp_path)
    with pytest.raises(CallFolderError, match="no such folder"):
        read_call_folders(tmp_path / "absent")


def test_two_calls_of_one_id_are_refused(tmp_path):
    for name in ("a", "b"):
        write_call(tmp_path / name, [participant("customer")], call_id="same")
    with pytest.raises(CallFolderError, match=r"b/call\.json: same call_id as .*a; rename one"):
        read_call_folders(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"started_at_ms": "yesterday"}, r"call\.json: started_at_ms: Input should be a valid int"),
        ({"started_at_ms": 1.5}, r"started_at_ms"),
        ({"participants": []}, r"participants"),
        ({"participants": [participant("a"), participant("a")]}, r"must differ"),
        ({"participants": [participant("all")]}, r"none be 'all'"),
        ({"participants": [participant("a", role="boss")]}, r"participants\.0\.role"),
        ({"participants": [participant("a", chanel=1)]}, r"participants\.0\.chanel: Extra"),
        ({"participants": [participant("a", joined_ms=5)]}, r"leave it out for who was there"),
        ({"participants": [participant("a", offset_ms=-1)]}, r"offset_ms"),
        ({"participants": [participant("a\0")]}, r"participants\.0\.participant_id"),
        ({"participants": [participant("a", audio="absent.wav")]}, r"name a file beside it"),
        ({"participants": [participant("a", audio="../c/s.wav")]}, r"name a file beside it"),
        ({"participants": [participant("a", audio="call.json")]}, r"call\.json: not a sound file"),
        ({"participants": [participant("a", audio="empty.wav")]}, r"empty\.wav: holds no sound"),
        ({"participants": [participant("a", audio="s.wav", channel=1)]}, r"has 1 channels"),
        (
            {"participants": [participant("a", audio="s.wav", offset_ms=43_199_500)]},
            r"s\.wav: ends more than 12 h after",
        ),
        (
            {"participants": [participant("b"), participant("a", audio="s.wav", joined_ms=5)]},
            r"audio begins before its participant's joined_ms",
        ),
    ],
)
def test_a_call_file_that_cannot_be_used_is_refused_with_the_place(tmp_path, fields, message):
    write_sound(tmp_path / "c" / "s.wav", tone(1_000))
    write_sound(tmp_path / "c" / "empty.wav", tone(0))
    write_call(tmp_path / "c", **{"participants": [participant("a")], **fields})
    with pytest.raises(CallFolderError, match=message):
        read_call_folder(tmp_path / "c")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"transcript\.jsonl, line 3: Invalid JSON"),
        (utterance("customer", 1, 5, 4), "line 3: end_ms is before start_ms"),
        (utterance("nobody", 1, 5, 6), r"line 3: participant_id is not in call\.json"),
        (utterance("customer", 0, 5, 6), "line 3: utterance_id was used before"),
        (utterance("customer", 1, 5, 6, call_id="other"), "line 3: call_id is another call's"),
        (utterance("customer", 1, 5, 6, confidence=2), "line 3: confidence"),
        (utterance("customer", 1, 5, 700_000), "line 3: lasts more than 600000 ms"),
        (utterance("customer", 1, 5, 6) | {"text": [SPOKEN]}, "line 3: text"),
        (utterance("customer", 1, 5, 6) | {"text": SPOKEN, "start_ms": None}, "line 3: start_ms"),
        (utterance("late", 1, 5, 6), "line 3: start_ms is before its participant's joined_ms"),
    ],
)
def test_an_utterance_that_cannot_be_used_is_refused_and_never_quoted(tmp_path, line, message):
    folder = write_call(
        tmp_path / "c",
        [participant("customer"), participant("late", joined_ms=1_000)],
        [utterance("customer", 0, 0, 1)],
    )
    text = line if isinstance(line, str) else json.dumps(line)
    with (folder / "transcript.jsonl").open("a") as transcript:
        transcript.write("\n" + text + "\n")
    with pytest.raises(CallFolderError, match=message) as refusal:
        read_call_folder(folder)
    assert SPOKEN not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_sound_file_that_breaks_off_is_refused_when_it_is_read(tmp_path):
    write_sound(tmp_path / "c" / "s.flac", tone(5_000))
    write_call(tmp_path / "c", [participant("customer", audio="s.flac")])
    audio = read_call_folder(tmp_path / "c").participants[0].audio
    whole = audio.path.read_bytes()
    audio.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CallFolderError, match=r"s\.flac: damaged"):
        call_folder.read_audio(audio)
