"""Who is on the list, under which key, and what a record of theirs becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import STARTED_AT_MS, arrival, call_started, chunk, joined, participant
from udfs.call_state import OpenCall, Voice
from udfs.envelope import Door, Dropped, Limits
from udfs.pseudonyms import Pseudonyms
from udfs.record_json import CallRecord, record_json
from udfs.records import PersonSuppressed
from udfs.suppression import (
    NO_SUPPRESSION,
    Entry,
    SuppressionList,
    SuppressionListError,
    digester,
    entry_lines,
    has_suppressed_person,
    is_taken_along,
    parsed_entries,
)

KEY, NEW_KEY = b"k" * 32, b"n" * 32
SALT = b"s" * 32
ANNA = "person-customer"
ERASED_MS = STARTED_AT_MS + 1


def listed(*entries: Entry, keys: tuple[bytes, ...] = (KEY,)) -> SuppressionList:
    return SuppressionList(entries, keys)


def anna(before_ms: int = ERASED_MS, key: bytes = KEY) -> list[Entry]:
    pseudonym = Pseudonyms(key).person_key(ANNA) or ""
    return digester((key,), SALT).person(ANNA, [pseudonym], before_ms)


def what_comes_of(record: CallRecord, suppression: SuppressionList) -> Any:
    door = Door(Limits(started_at_past_days=14_600), Pseudonyms(KEY), suppression)
    try:
        return door.open(record_json(record), arrival())
    except Dropped as dropped:
        return dropped.notice


@given(st.sets(st.text(min_size=1)), st.text(min_size=1), st.sampled_from([(KEY,), ()]))
def test_exactly_the_calls_on_the_list_are_on_it(
    erased: set[str], other: str, keys: tuple[bytes, ...]
) -> None:
    made_with = digester(keys, SALT)
    suppression = listed(*(made_with.call(call_id, None) for call_id in erased), keys=keys)

    assert all(map(suppression.has_call, erased))
    assert suppression.has_call(other) == (other in erased)


def test_the_list_names_nobody() -> None:
    lines = entry_lines([digester((KEY,), SALT).call("call-1", "2026-11-23"), *anna()])

    assert not [
        told
        for told in ("call-1", ANNA, Pseudonyms(KEY).person_key(ANNA))
        if (told or "").encode() in lines
    ]
    assert len(parsed_entries(lines)) == 3


def test_what_is_no_list_is_said_to_be_none() -> None:
    with pytest.raises(SuppressionListError):
        parsed_entries(b'{"kind": "everybody"}\n')


def test_after_a_rotation_the_former_key_still_matches() -> None:
    entries = [digester((KEY,), SALT).call("call-1", None), *anna()]

    both = listed(*entries, keys=(NEW_KEY, KEY))
    assert both.has_call("call-1")
    assert both.person_before_ms(ANNA, None) == ERASED_MS
    without = listed(*entries, keys=(NEW_KEY,))
    assert not without.has_call("call-1")
    assert len(without.unknown_keys) == 1


def test_a_record_of_an_erased_call_goes_nowhere() -> None:
    suppression = listed(digester((KEY,), SALT).call("call-1", None))

    for record in (call_started(), joined("customer-2"), chunk()):
        assert what_comes_of(record, suppression) is None
    assert what_comes_of(chunk(call_id="call-2"), suppression) == chunk(call_id="call-2")


def test_a_refused_record_of_an_erased_call_is_no_reject_either() -> None:
    door = Door(Limits(), None, listed(digester((KEY,), SALT).call("call-1", None)))

    with pytest.raises(Dropped):
        door.open(
            json.dumps({"type": "audio", "call_id": "call-1", "payload": 7}).encode(), arrival()
        )


def test_an_announcement_of_an_erased_person_tells_only_which_call_goes() -> None:
    assert what_comes_of(call_started(), listed(*anna())) == PersonSuppressed(
        "call-1", ERASED_MS, STARTED_AT_MS
    )


def test_a_person_who_calls_again_is_heard_again() -> None:
    later = call_started(started_at_ms=ERASED_MS)

    assert what_comes_of(later, listed(*anna())).call_id == "call-1"
    assert not isinstance(what_comes_of(later, listed(*anna())), PersonSuppressed)


def test_a_resent_record_is_known_by_its_pseudonym() -> None:
    pseudonym = Pseudonyms(KEY).person_key(ANNA)
    again = call_started(participants=(participant(person_id=None, person_key=pseudonym),))

    assert isinstance(what_comes_of(again, listed(*anna())), PersonSuppressed)


def test_a_malformed_announcement_of_an_erased_person_is_dropped() -> None:
    door = Door(Limits(), Pseudonyms(KEY), listed(*anna()))
    fields = {"type": "call_started", "call_id": 7, "participants": [{"person_id": ANNA}]}

    with pytest.raises(Dropped) as dropped:
        door.open(json.dumps(fields).encode(), arrival())
    assert dropped.value.notice is None


def test_a_call_goes_with_a_person_who_joins_it_unless_it_started_later() -> None:
    notice = what_comes_of(joined("customer"), listed(*anna()))
    assert isinstance(notice, PersonSuppressed)

    assert is_taken_along(None, notice)
    assert is_taken_along(OpenCall(started=call_started()), notice)
    assert not is_taken_along(OpenCall(started=call_started(started_at_ms=ERASED_MS)), notice)


@pytest.mark.parametrize(("started_at_ms", "goes"), [(ERASED_MS - 1, True), (ERASED_MS, False)])
def test_an_open_call_goes_with_its_person(started_at_ms: int, goes: bool) -> None:
    pseudonym = Pseudonyms(KEY).person_key(ANNA)
    voice = Voice(participant(person_id=None, person_key=pseudonym))
    call = OpenCall(started=call_started(started_at_ms=started_at_ms), voices={"customer": voice})

    assert has_suppressed_person(call, listed(*anna())) is goes
    assert not has_suppressed_person(call, NO_SUPPRESSION)
