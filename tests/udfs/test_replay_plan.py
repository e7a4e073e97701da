"""A replay sends what a live call would have, in an order that a live call could have."""

import itertools
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.call_folder_builders import (
    STARTED_AT_MS,
    participant,
    tone,
    utterance,
    write_call,
    write_chat,
    write_sound,
    write_transfer,
)
from udfs import audio_codec
from udfs.call_folder import (
    AudioFile,
    CallFolder,
    RecordedParticipant,
    read_call_folder,
    read_call_folders,
    read_coded_audio,
)
from udfs.call_folder_schema import CallFolderError
from udfs.envelope import Door, Limits
from udfs.records import (
    Arrival,
    AudioChunk,
    CallEnded,
    CallStarted,
    ConsentChanged,
    Participant,
    ParticipantJoined,
    Utterance,
)
from udfs.replay_plan import (
    DUPLICATE_WITHIN_MS,
    ReplayOptions,
    cut_chunks,
    plan_call,
    plan_replay,
)

SHARED = Path("../shared")
DOOR = Door(Limits())


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    directory = tmp_path_factory.mktemp("calls")
    write_transfer(directory / "transfer")
    write_chat(directory / "chat")
    write_sound(directory / "silent" / "customer.wav", tone(1_000))
    write_call(directory / "silent", [participant("customer", audio="customer.wav")])
    return read_call_folders(directory)


def opened(planned):
    """The record as the job's door makes it of the bytes."""
    return DOOR.open(planned.data, Arrival(planned.stream, "shard", "1", STARTED_AT_MS))


def by_call(records):
    calls = defaultdict(list)
    for record in records:
        calls[record.partition_key].append(record)
    return calls


def test_every_record_passes_the_door_as_what_it_is(calls):
    kinds = {
        "call_started": CallStarted,
        "participant_joined": ParticipantJoined,
        "audio": AudioChunk,
        "utterance": Utterance,
        "call_ended": CallEnded,
    }
    records = plan_replay(calls, ReplayOptions()).records
    assert {record.kind for record in records} == set(kinds)
    for record in records:
        made = opened(record)
        assert isinstance(made, kinds[record.kind])
        assert made.call_id == record.partition_key


def test_a_call_begins_and_ends_with_its_frame(calls):
    transfer = next(call for call in calls if call.call_id == "transfer")
    records = plan_call(transfer, 200)
    assert [(each.stream, each.kind, each.at_ms) for each in records[:2]] == [
        ("audio", "call_started", 0),
        ("text", "call_started", 0),
    ]
    assert opened(records[0]) == CallStarted(
        "transfer",
        STARTED_AT_MS,
        "en-US",
        "US-CA",
        (
            Participant("customer", "customer", None, True),
            Participant("agent", "agent", None, True),
        ),
    )
    assert (records[-1].stream, records[-1].at_ms) == ("audio", 6_000)
    assert opened(records[-1]) == CallEnded(
        "transfer",
        STARTED_AT_MS + 6_000,
        (("agent", 15), ("agent-2", 13), ("customer", 30)),
        3,
    )


def test_persons_travel_by_their_ids(calls):
    transfer = next(call for call in calls if call.call_id == "transfer")

    people = json.loads(plan_call(transfer, 200)[0].data)["participants"]

    assert [one["person_id"] for one in people] == ["person-customer", "person-agent"]


def test_a_change_of_consent_is_sent_once_at_its_time_and_before_the_sound_behind_it(tmp_path):
    change = {"at_ms": 1_000, "consent": False}
    sound = write_sound(tmp_path / "call" / "customer.wav", tone(3_000))
    who = participant("customer", audio=sound, consent_changes=[change])
    folder = read_call_folder(write_call(tmp_path / "call", [who]))

    records = plan_replay([folder], ReplayOptions(shuffle_ms=5_000, seed=4)).records

    ((place, changed),) = [
        (place, each) for place, each in enumerate(records) if each.kind == "consent_changed"
    ]
    assert (changed.stream, changed.at_ms) == ("audio", 1_000)
    assert opened(changed) == ConsentChanged("call", "customer", False, 1_000, False)
    assert all(opened(each).offset_ms < 1_000 for each in records[:place] if each.kind == "audio")


def test_who_joins_later_is_announced_on_both_streams_before_being_heard(calls):
    transfer = next(call for call in calls if call.call_id == "transfer")
    records = plan_call(transfer, 200)
    joins = [each for each in records if each.kind == "participant_joined"]
    assert [(each.stream, each.at_ms) for each in joins] == [("audio", 3_000), ("text", 3_000)]
    assert opened(joins[0]).participant.participant_id == "agent-2"
    theirs = [
        position
        for position, each in enumerate(records)
        if each.participant_id == "agent-2" and each.kind != "participant_joined"
    ]
    assert records.index(joins[1]) < min(theirs)


def test_a_chat_travels_on_the_text_stream_alone(calls):
    chat = next(call for call in calls if call.call_id == "chat")
    records = plan_call(chat, 200)
    assert {each.stream for each in records} == {"text"}
    assert opened(records[-1]) == CallEnded("chat", STARTED_AT_MS + 4_000, (), 2)


def test_a_call_without_words_leaves_the_text_stream_alone(calls):
    silent = next(call for call in calls if call.call_id == "silent")
    assert {each.stream for each in plan_call(silent, 200)} == {"audio"}


def test_a_chunk_and_an_utterance_are_sent_when_they_end(calls):
    transfer = next(call for call in calls if call.call_id == "transfer")
    agents = [each for each in plan_call(transfer, 200) if each.participant_id == "agent"]
    chunks = [each for each in agents if each.kind == "audio"]
    assert [each.at_ms for each in chunks][:2] == [207, 407]
    assert chunks[-1].at_ms == 2_997
    assert [each.at_ms for each in agents if each.kind == "utterance"] == [2_000]


@given(
    st.integers(8_000, 48_000),
    st.integers(1, 3_000),
    st.integers(0, 100_000),
    st.integers(1, 20_000),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_chunks_tile_the_calls_samples_at_any_rate_and_size(
    tmp_path, rate_hz, chunk_ms, offset_ms, num_samples
):
    name = write_sound(tmp_path / "s.wav", tone(3_000, rate_hz)[:num_samples], rate_hz)
    end_ms = offset_ms + audio_codec.ms_at_samples(num_samples, rate_hz)
    audio = AudioFile(tmp_path / name, 0, offset_ms, end_ms)
    recorded = RecordedParticipant(Participant("a", "agent", None, None), audio, None)
    call = CallFolder(tmp_path, "c", 0, "en", "US", (recorded,), ())
    chunks = list(cut_chunks(call, recorded, chunk_ms))

    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    assert b"".join(chunk.payload for chunk in chunks) == read_coded_audio(audio).payload
    ends = [
        audio_codec.samples_at_ms(chunk.offset_ms, rate_hz)
        + audio_codec.num_samples(chunk.payload, chunk.encoding)
        for chunk in chunks
    ]
    starts = [audio_codec.samples_at_ms(chunk.offset_ms, rate_hz) for chunk in chunks]
    assert starts[0] == audio_codec.samples_at_ms(offset_ms, rate_hz)
    assert starts[1:] == ends[:-1]
    assert all(after - before == chunk_ms for before, after in itertools.pairwise(offsets(chunks)))


def offsets(chunks):
    return [chunk.offset_ms for chunk in chunks]


disturbances = st.builds(
    ReplayOptions,
    chunk_ms=st.integers(50, 2_000),
    shuffle_ms=st.integers(0, 5_000),
    duplicate=st.floats(0, 1),
    drop=st.floats(0, 1),
    seed=st.integers(0, 99),
    spread_ms=st.integers(0, 3_000),
)
each_disturbance = settings(max_examples=40, deadline=None)


@given(disturbances)
@each_disturbance
def test_a_disturbance_loses_only_what_it_reports_and_adds_only_copies(calls, options):
    undisturbed = Counter(each.data for call in calls for each in plan_call(call, options.chunk_ms))
    plan = plan_replay(calls, options)
    sent = Counter(each.data for each in plan.records)
    never_sent = [json.loads(data) for data in undisturbed.keys() - sent.keys()]
    reported = {
        (call_id, participant_id, sequence)
        for call_id, participants in plan.dropped.items()
        for participant_id, sequences in participants.items()
        for sequence in sequences
    }
    assert {fields["type"] for fields in never_sent} <= {"audio"}
    assert reported == {
        (fields["call_id"], fields["participant_id"], fields["sequence"]) for fields in never_sent
    }
    for data, count in sent.items():
        assert undisturbed[data] <= count <= 2 * undisturbed[data]


@given(disturbances)
@each_disturbance
def test_nothing_gets_ahead_of_the_call_or_of_who_joins(calls, options):
    for records in by_call(plan_replay(calls, options).records).values():
        streams = {each.stream for each in records}
        first = list(itertools.takewhile(lambda each: each.kind == "call_started", records))
        assert {each.stream for each in first} == streams
        announced = {each.participant_id for each in opened(first[0]).participants}
        for each in records:
            if each.kind == "participant_joined":
                announced.add(each.participant_id)
            assert each.participant_id is None or each.participant_id in announced


@given(disturbances)
@each_disturbance
def test_records_are_late_by_no_more_than_the_options_say(calls, options):
    starts_ms = {call.call_id: number * options.spread_ms for number, call in enumerate(calls)}
    live_ms = {
        each.data: each.at_ms for call in calls for each in plan_call(call, options.chunk_ms)
    }
    records = plan_replay(calls, options).records
    assert [each.at_ms for each in records] == sorted(each.at_ms for each in records)
    copies = DUPLICATE_WITHIN_MS if options.duplicate else 0
    for each in records:
        late_ms = each.at_ms - starts_ms[each.partition_key] - live_ms[each.data]
        assert 0 <= late_ms <= options.shuffle_ms + copies


def test_some_records_overtake_others_when_shuffled(calls):
    transfer = [call for call in calls if call.call_id == "transfer"]
    records = plan_replay(transfer, ReplayOptions(shuffle_ms=1_500)).records
    sequences = [each.sequence for each in records if each.participant_id == "customer"]
    assert sequences != sorted(sequences, key=lambda sequence: sequence or 0)
    kinds = [each.kind for each in records]
    assert kinds.index("call_ended") < len(kinds) - 1


def test_without_disturbance_the_plan_is_the_calls_as_they_were(calls):
    plan = plan_replay(calls, ReplayOptions())
    assert plan.dropped == {}
    for call in calls:
        assert by_call(plan.records)[call.call_id] == plan_call(call, 200)


def test_the_same_seed_gives_the_same_plan_whatever_the_order_of_calls(calls):
    options = ReplayOptions(shuffle_ms=1_500, duplicate=0.3, drop=0.3, seed=5)
    plan = plan_replay(calls, options)
    assert plan == plan_replay(reversed(calls), options)
    assert plan != plan_replay(calls, ReplayOptions(shuffle_ms=1_500, duplicate=0.3, drop=0.3))


def test_one_disturbance_does_not_change_another(calls):
    dropped = plan_replay(calls, ReplayOptions(drop=0.3)).dropped
    assert dropped
    options = ReplayOptions(drop=0.3, shuffle_ms=700, duplicate=0.4, spread_ms=50)
    assert plan_replay(calls, options).dropped == dropped


@pytest.mark.parametrize(
    "option",
    [
        {"chunk_ms": 0},
        {"chunk_ms": 60_001},
        {"shuffle_ms": -1},
        {"duplicate": 1.1},
        {"drop": -0.1},
        {"speed": 0.0},
        {"spread_ms": -1},
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(option):
    ((name, value),) = option.items()
    with pytest.raises(ValueError, match=f"{name} is {value}; use"):
        ReplayOptions(**option)


def test_a_chunk_too_large_for_kinesis_is_refused_with_the_remedy(tmp_path):
    write_sound(tmp_path / "c" / "s.wav", tone(20_000, 48_000), 48_000)
    write_call(tmp_path / "c", [participant("customer", audio="s.wav")])
    call = read_call_folder(tmp_path / "c")
    with pytest.raises(CallFolderError, match="use a lower chunk-ms"):
        plan_call(call, 20_000)
    assert plan_call(call, 5_000)


def test_records_do_not_show_what_was_said_when_printed(tmp_path):
    words = [utterance("customer", 0, 0, 1, text="my secret")]
    write_call(tmp_path / "c", [participant("customer")], words)
    assert "secret" not in repr(plan_replay(read_call_folders(tmp_path), ReplayOptions()))


@pytest.mark.shared
def test_real_calls_are_planned_to_the_last_sample_and_word(tmp_path):
    tool, recordings = SHARED / "tools/harper_to_calls.py", SHARED / "data/harper_valley"
    if not (tool.is_file() and recordings.is_dir()):
        pytest.skip("needs the recordings in ../shared/data")
    subprocess.run([sys.executable, tool, recordings, tmp_path], check=True, capture_output=True)
    real_calls = read_call_folders(tmp_path)
    assert len(real_calls) == 8
    for chunk_ms in (130, 200, 1_000):
        plan = plan_replay(real_calls, ReplayOptions(chunk_ms=chunk_ms))
        for call in real_calls:
            records = by_call(plan.records)[call.call_id]
            kinds = Counter(each.kind for each in records)
            ended = opened(records[-1])
            assert kinds["audio"] == sum(count for _, count in ended.expected_audio_chunks)
            assert kinds["utterance"] == ended.expected_utterances == len(call.utterances)
            for recorded in call.participants:
                theirs = [
                    opened(each).payload
                    for each in records
                    if each.participant_id == recorded.participant.participant_id
                    and each.kind == "audio"
                ]
                assert b"".join(theirs) == read_coded_audio(recorded.audio).payload
