"""At most once, whatever breaks off and whoever else replays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.lake_files import Lake, LakeError
from connectors.replay_ledger import FOLDER, ReplayLedger
from udfs.dead_letters import Attempt

KEYS = [("audio", "shardId-000000000000", str(number)) for number in range(4)]


def states(root):
    return {key: each.is_sent for key, each in ReplayLedger(Lake(root), 0).attempts().items()}


def test_nothing_is_known_at_first(tmp_path):
    assert states(tmp_path) == {}


def test_what_became_of_a_claim_is_told(tmp_path):
    ledger = ReplayLedger(Lake(tmp_path), 7)
    claim, got = ledger.claim(KEYS)
    assert got == set(KEYS)
    assert states(tmp_path) == dict.fromkeys(KEYS, False)  # a crash now leaves them in doubt
    ledger.settle(claim, sent=KEYS[:1], released=KEYS[1:2])
    assert states(tmp_path) == {KEYS[0]: True, KEYS[2]: False, KEYS[3]: False}
    assert ledger.attempts()[KEYS[0]] == Attempt(is_sent=True, at_ms=7)


def test_what_was_released_can_be_claimed_again(tmp_path):
    first = ReplayLedger(Lake(tmp_path), 1)
    claim, _ = first.claim(KEYS)
    first.settle(claim, sent=(), released=KEYS)
    _, got = ReplayLedger(Lake(tmp_path), 2).claim(KEYS)
    assert got == set(KEYS)


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from(["claim", "send"])), max_size=8))
@settings(max_examples=40)
def test_two_at_once_never_send_the_same(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("lake")
    ledgers = [ReplayLedger(Lake(root), number) for number in range(2)]
    open_claims = [[], []]
    sent = []
    for who, step in steps:
        if step == "claim":
            open_claims[who].append(ledgers[who].claim(KEYS))
        elif open_claims[who]:
            claim, got = open_claims[who].pop()
            sent.extend(got)
            ledgers[who].settle(claim, got, set(KEYS) - got)
    assert len(sent) == len(set(sent))


def test_a_file_that_is_something_else_stops_the_replay(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "0000000000001-ab-000000.intent.jsonl").write_text("nonsense\n")
    with pytest.raises(LakeError, match="no file of the replay ledger"):
        states(tmp_path)
