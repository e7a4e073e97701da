"""The door: valid records come back as they were sent, all else as a refusal with a reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.builders import (
    STARTED_AT_MS,
    arrival,
    call_ended,
    call_started,
    chunk,
    consent_changed,
    joined,
    participant,
    utterance,
)
from udfs.envelope import DAY_MS, Door, Limits, Refused
from udfs.pseudonyms import Pseudonyms
from udfs.record_json import record_json
from udfs.records import CallStarted, Heartbeat, ParticipantJoined

DOOR = Door(Limits())
AUDIO = arrival(stream="audio")
TEXT = arrival(stream="text")


def sent(record: Any, **changes: Any) -> bytes:
    """A valid record's JSON with some fields changed; ``...`` leaves one out."""
    fields = {**json.loads(record_json(record)), **changes}
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def refused(data: bytes, came: Any = AUDIO) -> Refused:
    with pytest.raises(Refused) as caught:
        DOOR.open(data, came)
    return caught.value


# --- valid records -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "came"),
    [
        (call_started(), AUDIO),
        (call_started(), TEXT),
        (call_started(participants=()), AUDIO),
        (call_started(participants=(participant(person_id=None, consent=None),)), AUDIO),
        (joined("agent-2"), AUDIO),
        (joined("agent-2", consent=False), TEXT),
        (joined("agent-2", person_id=None, person_key="0f" * 32), TEXT),
        (consent_changed(), AUDIO),
        (consent_changed(12_345, consent=True, retroactive=True), TEXT),
        (chunk(0), AUDIO),
        (chunk(7, encoding="alaw"), AUDIO),
        (chunk(7, 3, 7, encoding="pcm_s16le", sample_rate_hz=44_100), AUDIO),
        (utterance(0), TEXT),
        (utterance(0, 5, 5, text="", confidence=0.5, is_partial=True), TEXT),
        (utterance(0, text="Grüße 👋 \u0000 \n", language=""), TEXT),
        (call_ended(), AUDIO),
        (call_ended(chunks={"customer": 12, "agent": 0}, utterances=0), TEXT),
        (Heartbeat(), AUDIO),
        (Heartbeat(), TEXT),
    ],
)
def test_a_valid_record_comes_back_as_it_was_sent(record, came):
    assert DOOR.open(record_json(record), came) == without_person_ids(record)


def without_person_ids(record: Any) -> Any:
    match record:
        case CallStarted():
            people = tuple(replace(one, person_id=None) for one in record.participants)
            return replace(record, participants=people)
        case ParticipantJoined():
            return replace(record, participant=replace(record.participant, person_id=None))
    return record


@pytest.mark.parametrize("record", [call_started(), joined("agent-2")])
def test_persons_come_in_by_pseudonym_alone(record):
    pseudonyms = Pseudonyms(b"k" * 32)

    opened = Door(Limits(), pseudonyms).open(record_json(record), AUDIO)

    people = opened.participants if isinstance(opened, CallStarted) else (opened.participant,)
    for one in people:
        assert one.person_id is None
        assert one.person_key == pseudonyms.person_key(f"person-{one.participant_id}")


def test_a_record_sent_again_from_its_reject_is_the_same_person():
    door = Door(Limits(), Pseudonyms(b"k" * 32))
    opened = door.open(record_json(call_started()), AUDIO)

    assert door.open(record_json(opened), AUDIO) == opened


@pytest.mark.parametrize("person_key", ["", "0F" * 32, "0f" * 31, 7])
def test_what_is_no_pseudonym_is_refused(person_key):
    data = sent(joined("agent"), participant=someone(person_key=person_key))

    assert refused(data).reason == "invalid_field"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent": None}, "invalid_field"),
        ({"consent": ...}, "invalid_field"),
        ({"retroactive": "yes"}, "invalid_field"),
        ({"participant_id": ""}, "invalid_field"),
        ({"participant_id": "x" * 257}, "id_too_long"),
        ({"at_ms": -1}, "offset_out_of_range"),
        ({"at_ms": 43_200_001}, "offset_out_of_range"),
        ({"at_ms": 1.5}, "invalid_field"),
    ],
)
def test_a_change_of_consent_that_cannot_be_is_refused(changes, reason):
    assert refused(sent(consent_changed(), **changes)).reason == reason


def test_a_change_of_consent_is_not_retroactive_unless_it_says_so():
    opened = DOOR.open(sent(consent_changed(retroactive=True), retroactive=...), AUDIO)

    assert not opened.retroactive


# --- what of a refused record may be stored ------------------------------------------------------


@pytest.mark.parametrize("data", [b"\xff", b"[1]", b'{"type":"audoi","payload":"secret"}'])
def test_of_what_cannot_be_read_nothing_may_be_stored(data):
    assert refused(data).content is None


def test_a_refused_record_may_be_stored_with_its_own_fields_and_without_person_ids():
    data = sent(call_started(), started_at_ms=-1, payload="a sound")
    with pytest.raises(Refused) as caught:
        Door(Limits(), Pseudonyms(b"k" * 32)).open(data, AUDIO)

    content = caught.value.content
    assert not caught.value.is_speech
    assert b"person-customer" not in content
    assert b"a sound" not in content
    kept = json.loads(content)
    assert kept["started_at_ms"] == -1
    assert kept["participants"][0]["person_key"] == Pseudonyms(b"k" * 32).person_key(
        "person-customer"
    )


@pytest.mark.parametrize("record", [chunk(0), utterance(0)])
def test_a_refused_record_of_what_was_said_is_left_to_policy(record):
    found = refused(sent(record, participant_id=""))

    assert found.is_speech
    assert json.loads(found.content)["type"] in ("audio", "utterance")


def test_fields_we_do_not_know_are_no_fault():
    assert DOOR.open(sent(chunk(0), vendor={"x": 1}), AUDIO) == chunk(0)


# --- no JSON at all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b"{", "not_json"),
        (b'{"type":"heartbeat"} {}', "not_json"),
        (b"[]", "not_json"),
        (b"null", "not_json"),
        (b"17", "not_json"),
        (b'"heartbeat"', "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"type":"heart\xc3"}', "not_utf8"),
        (b'{"type":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"type":"heartbeat","x":"\\ud800"}', "not_json"),
        (b'{"type":"heartbeat","x":NaN}', "not_json"),
        (b'{"type":"heartbeat","x":-Infinity}', "not_json"),
        (b'{"type":"heartbeat","x":' + b"9" * 5_000 + b"}", "not_json"),
        (b"[" * 10_000, "not_json"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "not_json"),
        (b'{"type":"heartbeat","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "not_json"),
        (b"{}", "unknown_type"),
        (b'{"type":"Audio"}', "unknown_type"),
        (b'{"type":1}', "unknown_type"),
        (b'{"type":["audio"]}', "unknown_type"),
        (b'{"type":{"a":1}}', "unknown_type"),
        (b'{"type":null}', "unknown_type"),
    ],
)
def test_what_is_no_record_is_refused(data, reason):
    assert refused(data).reason == reason


def test_of_two_equal_keys_only_one_counts():
    data = b'{"type":"audio","type":"heartbeat"}'

    assert DOOR.open(data, AUDIO) == Heartbeat()


# --- wrong fields ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"call_id": ...},
        {"call_id": ""},
        {"call_id": 7},
        {"call_id": None},
        {"call_id": "a\u0000b"},
        {"participant_id": ...},
        {"participant_id": ["customer"]},
        {"sequence": ...},
        {"sequence": -1},
        {"sequence": 1.5},
        {"sequence": 1.0},
        {"sequence": "1"},
        {"sequence": True},
        {"sequence": None},
        {"sequence": 10_000_001},
        {"sequence": 10**400},
        {"offset_ms": "0"},
        {"offset_ms": False},
        {"offset_ms": 2**63},
        {"offset_ms": -(10**30)},
        {"sample_rate_hz": 8_000.0},
        {"sample_rate_hz": "8000"},
        {"encoding": 7},
        {"encoding": None},
        {"payload": ...},
        {"payload": None},
        {"payload": 17},
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(changes):
    assert refused(sent(chunk(0), **changes)).reason == "invalid_field"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoding": "opus"}, "unknown_encoding"),
        ({"encoding": ""}, "unknown_encoding"),
        ({"sample_rate_hz": 0}, "bad_sample_rate"),
        ({"sample_rate_hz": -8_000}, "bad_sample_rate"),
        ({"sample_rate_hz": 7_999}, "bad_sample_rate"),
        ({"sample_rate_hz": 48_001}, "bad_sample_rate"),
        ({"sample_rate_hz": 10**30}, "bad_sample_rate"),
        ({"offset_ms": -1}, "offset_out_of_range"),
        ({"offset_ms": 43_200_001}, "offset_out_of_range"),
        ({"offset_ms": 2**53}, "offset_out_of_range"),
        ({"payload": ""}, "empty_audio"),
        ({"payload": "not base64!"}, "bad_base64"),
        ({"payload": "AAA"}, "bad_base64"),
        ({"payload": "AA==AA=="}, "bad_base64"),
        ({"payload": "AA-_"}, "bad_base64"),
        ({"payload": "ÄÄÄÄ"}, "bad_base64"),
        ({"payload": "AAAA\n"}, "bad_base64"),
        ({"payload": "AAAA", "encoding": "pcm_s16le"}, "bad_payload_length"),
        ({"call_id": "c" * 257}, "id_too_long"),
        ({"call_id": "c" * 10_000}, "id_too_long"),
        ({"participant_id": "p" * 257}, "id_too_long"),
    ],
)
def test_audio_beyond_the_limits_is_refused(changes, reason):
    assert refused(sent(chunk(0), **changes)).reason == reason


def payload(num_bytes: int) -> str:
    return base64.b64encode(bytes(num_bytes)).decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"call_id": "c" * 256},
        {"call_id": "ü" * 256},
        {"offset_ms": 43_200_000},
        {"sample_rate_hz": 48_000},
        {"payload": payload(480_000)},
        {"payload": payload(1)},
        {"sequence": 10_000_000},
    ],
)
def test_audio_at_the_limits_is_taken(changes):
    DOOR.open(sent(chunk(0), **changes), AUDIO)


def test_a_chunk_may_be_a_minute_long_and_no_sample_longer():
    assert refused(sent(chunk(0), payload=payload(480_001))).reason == "chunk_too_long"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": "x" * 10_001}, "text_too_long"),
        ({"text": "x" * 900 * 1_024}, "text_too_long"),
        ({"text": None}, "invalid_field"),
        ({"text": 17}, "invalid_field"),
        ({"start_ms": 1_000, "end_ms": 999}, "end_before_start"),
        ({"start_ms": -5, "end_ms": 999}, "offset_out_of_range"),
        ({"start_ms": 43_200_000, "end_ms": 43_200_001}, "offset_out_of_range"),
        ({"start_ms": 0, "end_ms": 600_001}, "utterance_too_long"),
        ({"start_ms": "0"}, "invalid_field"),
        ({"confidence": 1.01}, "invalid_field"),
        ({"confidence": -0.01}, "invalid_field"),
        ({"confidence": "high"}, "invalid_field"),
        ({"confidence": True}, "invalid_field"),
        ({"is_partial": "no"}, "invalid_field"),
        ({"is_partial": 0}, "invalid_field"),
        ({"utterance_id": ""}, "invalid_field"),
        ({"utterance_id": "u" * 257}, "id_too_long"),
        ({"utterance_id": "u\u0000"}, "invalid_field"),
        ({"language": "x" * 36}, "invalid_field"),
        ({"language": None}, "invalid_field"),
    ],
)
def test_an_utterance_that_cannot_be_is_refused(changes, reason):
    assert refused(sent(utterance(0), **changes), TEXT).reason == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "x" * 10_000},
        {"text": "👋" * 10_000},
        {"start_ms": 0, "end_ms": 600_000},
        {"start_ms": 43_200_000, "end_ms": 43_200_000},
        {"confidence": 0},
        {"confidence": 1},
        {"confidence": None},
    ],
)
def test_an_utterance_at_the_limits_is_taken(changes):
    DOOR.open(sent(utterance(0), **changes), TEXT)


def test_a_number_too_large_for_a_float_is_refused():
    data = sent(utterance(0), confidence=0.5).replace(b"0.5", b"1e999")

    assert refused(data, TEXT).reason == "invalid_field"


YEAR_1970, YEAR_2099 = 0, 4_070_908_800_000


@pytest.mark.parametrize(
    ("started_at_ms", "reason"),
    [
        (YEAR_1970, "started_at_out_of_range"),
        (YEAR_2099, "started_at_out_of_range"),
        (-1, "started_at_out_of_range"),
        (STARTED_AT_MS - 400 * DAY_MS - 1, "started_at_out_of_range"),
        (STARTED_AT_MS + DAY_MS + 1, "started_at_out_of_range"),
        (2**53 + 1, "invalid_field"),
        (1e15, "invalid_field"),
        ("2026-11-23", "invalid_field"),
    ],
)
def test_a_start_far_from_its_arrival_is_refused(started_at_ms, reason):
    assert refused(sent(call_started(), started_at_ms=started_at_ms)).reason == reason


@pytest.mark.parametrize("started_at_ms", [STARTED_AT_MS - 400 * DAY_MS, STARTED_AT_MS + DAY_MS])
def test_a_start_within_four_hundred_days_before_and_one_after_is_taken(started_at_ms):
    DOOR.open(sent(call_started(), started_at_ms=started_at_ms), AUDIO)


def test_a_start_of_any_age_is_taken_where_the_limit_says_so():
    door = Door(Limits(started_at_past_days=36_500))

    door.open(sent(call_started(), started_at_ms=YEAR_1970), AUDIO)


def someone(**fields: Any) -> dict[str, Any]:
    return {"participant_id": "customer", "role": "customer", **fields}


@pytest.mark.parametrize(
    ("participants", "reason"),
    [
        (None, "invalid_field"),
        ({}, "invalid_field"),
        (["customer"], "invalid_field"),
        ([someone(role="robot")], "invalid_field"),
        ([someone(role=None)], "invalid_field"),
        ([someone(consent="yes")], "invalid_field"),
        ([someone(person_id=17)], "invalid_field"),
        ([someone(), someone()], "invalid_field"),
        ([someone(participant_id="all")], "invalid_field"),
        ([someone(participant_id="x" * 257)], "id_too_long"),
        ([someone(person_id="x" * 257)], "id_too_long"),
        ([someone(participant_id=f"p{k}") for k in range(51)], "invalid_field"),
    ],
)
def test_participants_that_cannot_be_are_refused(participants, reason):
    assert refused(sent(call_started(), participants=participants)).reason == reason


def test_a_call_may_have_fifty_participants():
    people = [someone(participant_id=f"p{k}") for k in range(50)]

    assert len(DOOR.open(sent(call_started(), participants=people), AUDIO).participants) == 50


@pytest.mark.parametrize("who", ["all", "", "x" * 257, "a\u0000"])
def test_nobody_joins_under_an_impossible_id(who):
    refused(sent(joined("agent"), participant=someone(participant_id=who)))


@pytest.mark.parametrize(
    "changes",
    [
        {"ended_at_ms": None},
        {"ended_at_ms": "now"},
        {"ended_at_ms": 2**60},
        {"expected": 3},
        {"expected": {"audio_chunks": [1]}},
        {"expected": {"audio_chunks": {"customer": -1}}},
        {"expected": {"audio_chunks": {"customer": 1.5}}},
        {"expected": {"audio_chunks": {"customer": 10**12}}},
        {"expected": {"audio_chunks": {"": 1}}},
        {"expected": {"utterances": -1}},
        {"expected": {"utterances": "many"}},
    ],
)
def test_an_end_that_cannot_be_is_refused(changes):
    assert refused(sent(call_ended(), **changes)).reason == "invalid_field"


def test_audio_and_text_keep_to_their_streams():
    assert refused(sent(chunk(0)), TEXT).reason == "wrong_stream"
    assert refused(sent(utterance(0)), AUDIO).reason == "wrong_stream"


# --- what a refusal tells ----------------------------------------------------------------------


def test_a_refusal_says_whose_the_record_was_where_that_is_known():
    found = refused(sent(chunk(0), encoding="opus"))

    assert (found.call_id, found.participant_id, found.is_audio) == ("call-1", "customer", True)


def test_a_refusal_names_no_call_that_cannot_be_one():
    for call_id in ("c" * 257, 7, None, "", "a\u0000"):
        assert refused(sent(chunk(0), call_id=call_id)).call_id is None


def test_a_refusal_says_nothing_of_what_was_said():
    found = refused(sent(utterance(0, text="my secret"), end_ms=-1), TEXT)

    assert str(found) == found.reason
    assert found.__cause__ is None
    assert found.__suppress_context__


# --- anything ----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["audio", "mulaw", "customer", "all", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = [
    "call_id", "participant_id", "sequence", "offset_ms", "encoding", "sample_rate_hz", "payload",
    "utterance_id", "start_ms", "end_ms", "text", "language", "confidence", "is_partial",
    "started_at_ms", "jurisdiction", "participants", "participant", "ended_at_ms", "expected",
    "type",
]  # fmt: skip
RECORDS = st.sampled_from([call_started(), joined("agent"), chunk(0), utterance(0), call_ended()])


def is_opened(data: bytes, came: Any) -> bool:
    """Whether it is a record, which then is written as it was read; any error but Refused fails."""
    try:
        record = DOOR.open(data, came)
    except Refused:
        return False
    assert DOOR.open(record_json(record), came) == record
    return True


@given(st.binary(max_size=200), st.sampled_from([AUDIO, TEXT]))
@example(b"\x00", AUDIO)
def test_random_bytes_are_refused(data, came):
    assert not is_opened(data, came)


@given(RECORDS, st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_change_of_a_record_is_a_record_or_refused(record, changes):
    for came in (AUDIO, TEXT):
        is_opened(sent(record, **changes), came)


@given(RECORDS, st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_any_damage_of_a_record_is_a_record_or_refused(record, position, damage):
    data = record_json(record)
    position %= len(data)
    for came in (AUDIO, TEXT):
        is_opened(data[:position] + damage + data[position + len(damage) :], came)
