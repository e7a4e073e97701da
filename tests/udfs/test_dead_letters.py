"""What is worth sending again, and what can never succeed."""

import json

import pytest

from tests.row_builders import STARTED_AT, reject
from udfs.dead_letters import (
    Attempt,
    Filter,
    Judge,
    in_order,
    key_of,
    partition_key,
    readable,
)
from udfs.envelope import Door, Limits
from udfs.record_json import record_json
from udfs.records import AudioChunk, Utterance

NOW_MS = STARTED_AT + 3_600_000
GOOD = record_json(AudioChunk("call-1", "c1", 0, 0, "mulaw", 8_000, b"\xff" * 1_600))
LONG = record_json(
    Utterance("call-1", "c1", "u1", 0, 1_000, "x" * 20_000, "en", None, is_partial=False)
)


def verdicts(*rejects, attempts=None, closed=(), limits=None):
    judge = Judge(attempts or {}, closed, Door(limits or Limits()), NOW_MS)
    return [each.verdict for each in judge.judge(rejects)]


def numbered(number, **fields):
    return reject(sequence_number=str(number), **{"payload": GOOD, **fields})


def test_what_the_door_takes_now_is_sent():
    assert verdicts(numbered(1)) == ["send"]


def test_what_it_still_refuses_is_not():
    assert verdicts(numbered(1, payload=b"{")) == ["refused still"]


def test_a_limit_that_was_raised_lets_it_through():
    refused = numbered(1, stream="text", reason="text_too_long", payload=LONG)
    assert verdicts(refused) == ["refused still"]
    assert verdicts(refused, limits=Limits(text_characters=30_000)) == ["send"]


@pytest.mark.parametrize("reason", ["no_call_started", "unknown_participant"])
def test_what_policy_kept_out_is_fetched(reason):
    assert verdicts(numbered(1, reason=reason, payload=None, call_id="call-1")) == ["fetch"]


def test_nothing_is_sent_to_a_closed_call():
    late = numbered(1, reason="late", call_id="call-9")
    others = numbered(2, reason="no_call_started", call_id="call-1", payload=None)
    assert verdicts(late, others, closed={"call-1"}) == ["late for its call", "call is closed"]


def test_the_same_record_twice_is_sent_once():
    assert verdicts(numbered(1), numbered(2)) == ["send", "same as another"]


def test_what_was_sent_stays():
    sent, lost = numbered(1), numbered(2)
    attempts = {key_of(sent): Attempt(is_sent=True, at_ms=NOW_MS)}
    attempts[key_of(lost)] = Attempt(is_sent=False, at_ms=NOW_MS)
    assert verdicts(sent, lost, attempts=attempts) == ["sent before", "perhaps sent before"]


def test_what_was_refused_again_after_it_was_sent_is_a_new_reject():
    sent_at_ms = STARTED_AT + 60_000
    first, twin = numbered(1), numbered(2, arrival=STARTED_AT + 2_000)
    again = numbered(3, arrival=sent_at_ms + 10)
    attempts = {key_of(first): Attempt(is_sent=True, at_ms=sent_at_ms)}
    assert verdicts(again, twin, first, attempts=attempts) == [
        "sent before",
        "same as another",
        "send",
    ]


def test_rejects_go_in_the_order_of_their_arrival():
    rows = [
        numbered(10, arrival=STARTED_AT),
        numbered(9, arrival=STARTED_AT),
        numbered(1, arrival=STARTED_AT + 1),
        numbered(11, arrival=STARTED_AT - 1),
    ]
    assert [row.sequence_number for row in in_order(rows)] == ["11", "9", "10", "1"]


def test_a_record_goes_to_its_call():
    assert partition_key(numbered(1, call_id="call-1")) == "call-1"
    assert partition_key(numbered(1)) == "1"


def test_a_filter_narrows():
    row = numbered(1, reason="not_json", call_id="call-1")
    assert Filter().wants(row)
    assert Filter({"not_json"}, "call-1", "2026-11-23").wants(row)
    assert not Filter({"late"}).wants(row)
    assert not Filter((), "call-2").wants(row)
    assert not Filter((), None, "2026-11-24").wants(row)


def test_sound_is_not_shown():
    assert json.loads(readable(GOOD))["payload"] == "<1600 bytes of sound>"


@pytest.mark.parametrize(
    "payload", [b"\x1b[2J\xff\x00", b'{"text": "\\u001b[2J"}', '"\x9b2J"'.encode(), b"[" * 100_000]
)
def test_nothing_that_a_terminal_obeys_is_shown(payload):
    shown = readable(payload)
    assert all(" " <= character <= "~" or character == "…" for character in shown)
    assert len(shown) < 2_100
