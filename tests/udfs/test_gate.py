"""The gate: on which windows a consent acts, and what is left of a chunk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import call_started, chunk, consent_changed, participant, utterance
from tests.policies import policy, rule
from udfs.audio_codec import BYTES_PER_SAMPLE, SILENCE
from udfs.call_state import Party
from udfs.gate import Gate, is_withheld, may_keep, rests_from, withheld_audio, without_withheld
from udfs.policy import read_policy
from udfs.records import ConsentChanged

GATE = Gate(read_policy())


def party(consent: bool | None = True, **fields) -> Party:
    return GATE.admit(call_started(**fields), participant("customer", consent=consent))


def with_changes(whose: Party, *changes: ConsentChanged, last_touched: int = -1) -> Party:
    for change in changes:
        whose.consents.append(GATE.change(whose, change, last_touched))
    return whose


def test_announced_consent_holds_for_the_whole_call():
    assert withheld_audio(party()) == ()
    assert withheld_audio(party(consent=False)) == ((0, None),)
    assert withheld_audio(party(consent=None)) == ((0, None),)


def test_a_withdrawal_acts_from_the_window_it_falls_in():
    whose = with_changes(party(), consent_changed(12_300))

    assert withheld_audio(whose) == ((2, None),)


def test_a_retroactive_withdrawal_acts_on_the_whole_call():
    whose = with_changes(party(), consent_changed(12_300, retroactive=True))

    assert [is_withheld(whose, window) for window in range(4)] == [True] * 4


@pytest.mark.parametrize(("at_ms", "first"), [(15_000, 3), (15_001, 4), (19_999, 4)])
def test_a_grant_acts_from_the_first_whole_window(at_ms, first):
    whose = with_changes(party(consent=None), consent_changed(at_ms, consent=True))

    assert withheld_audio(whose) == ((0, first),)


def test_a_grant_brings_nothing_back_that_came_before_it():
    change = consent_changed(5_000, consent=True)

    whose = with_changes(party(consent=False), change, last_touched=3)

    assert withheld_audio(whose) == ((0, 4),)


def test_a_retroactive_grant_acts_from_its_time_on():
    whose = with_changes(party(None), consent_changed(5_000, consent=True, retroactive=True))

    assert withheld_audio(whose) == ((0, 1),)


def test_withdrawn_and_given_again_in_any_order():
    withdrawn, given_again = consent_changed(12_300), consent_changed(31_000, consent=True)

    for order in ([withdrawn, given_again], [given_again, withdrawn]):
        assert withheld_audio(with_changes(party(), *order)) == ((2, 7),)


@given(
    st.lists(
        st.builds(
            consent_changed,
            st.integers(0, 60_000),
            consent=st.booleans(),
            retroactive=st.booleans(),
        ),
        max_size=5,
        unique_by=lambda change: change.at_ms,
    ),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_changes_known_before_the_audio_act_the_same_in_any_order(changes, consent, order):
    mixed = order.sample(changes, k=len(changes))

    one, other = (with_changes(party(consent), *each) for each in (changes, mixed))

    assert [is_withheld(one, k) for k in range(20)] == [is_withheld(other, k) for k in range(20)]


def test_rows_rest_on_a_change_from_its_window_on():
    assert rests_from(consent_changed(12_300)) == 2
    assert rests_from(consent_changed(12_300, consent=True)) == 2
    assert rests_from(consent_changed(12_300, retroactive=True)) == 0


# --- sound ---------------------------------------------------------------------------------------


def test_a_chunk_that_may_be_used_stays_as_it_is():
    assert without_withheld(party(), chunk(0)) == chunk(0)


@pytest.mark.parametrize(
    ("encoding", "rate_hz"), [("mulaw", 8_000), ("alaw", 8_000), ("pcm_s16le", 44_100)]
)
def test_a_withheld_chunk_is_silence_of_its_length(encoding, rate_hz):
    sound = chunk(3, 7_000, 4_321, encoding=encoding, sample_rate_hz=rate_hz)

    silent = without_withheld(party(consent=False), sound)

    num_samples = len(sound.payload) // BYTES_PER_SAMPLE[encoding]
    assert silent.payload == SILENCE[encoding] * num_samples
    assert (silent.sequence, silent.offset_ms) == (3, 7_000)


def test_of_a_chunk_across_the_border_only_the_withheld_window_is_silent():
    sound = chunk(0, 9_000, 12_000)
    whose = with_changes(party(), consent_changed(10_000), consent_changed(15_000, consent=True))

    heard = without_withheld(whose, sound)

    assert heard.payload == sound.payload[:8_000] + b"\xff" * 40_000 + sound.payload[48_000:]


def test_a_refused_chunk_may_be_stored_only_if_all_of_it_may_be_used():
    whose = with_changes(party(), consent_changed(10_000))

    assert may_keep(whose, chunk(0, 9_000))
    assert not may_keep(whose, chunk(0, 9_500))
    assert not may_keep(None, chunk(0))


# --- words ---------------------------------------------------------------------------------------

WORDS_BY_CONSENT = Gate(
    policy(
        rule("chats", when={"channel": ["chat"]}, text="score"),
        rule("german", when={"language": ["de"]}, text="withhold"),
        rule("rest", when={"consent": ["given"]}, text="score", audio="score"),
    )
)


def test_words_are_ruled_by_their_own_language_and_channel():
    whose = WORDS_BY_CONSENT.admit(call_started(), participant("customer"))

    def withheld(*times_ms: int, **fields) -> bool:
        return WORDS_BY_CONSENT.text(whose, utterance(0, *times_ms, **fields)).is_withheld

    assert not withheld(0, 900)
    assert withheld(0, 900, language="de-AT")
    assert not withheld(900, 900, language="de-AT")


def test_words_need_consent_in_every_window_they_touch():
    whose = WORDS_BY_CONSENT.admit(call_started(), participant("customer"))
    whose.consents.append(WORDS_BY_CONSENT.change(whose, consent_changed(10_000), -1))

    assert not WORDS_BY_CONSENT.text(whose, utterance(0, 8_000, 10_000)).is_withheld
    assert WORDS_BY_CONSENT.text(whose, utterance(0, 8_000, 10_001)).is_withheld
