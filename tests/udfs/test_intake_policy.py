"""What policy withholds at intake: of audio, of text, in rejects, and when a consent changes."""

from __future__ import annotations

import pytest

from tests.builders import (
    CALL,
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
from tests.intake_run import DEFAULT_POLICY, IntakeRun
from tests.policies import policy, rule
from udfs.call_state import Tombstone, Voice, decode_state, encode_state
from udfs.decisions import Refusal
from udfs.intake import Intake, IntakeRules
from udfs.late_records import LateRecords
from udfs.records import ConsentRuled, RejectNotice, WithheldText

SILENT_SECOND = b"\xff" * 8_000
WORDS_NEED_CONSENT = policy(
    rule("no", when={"consent": ["refused", "unknown"]}, audio="withhold", text="withhold"),
    rule("yes", audio="score", text="score"),
)


def started(*who: str, policy=DEFAULT_POLICY, **fields) -> IntakeRun:
    intake = IntakeRun(policy=policy)
    intake.take(call_started(*who, **fields))
    return intake


def ledger_of(intake: IntakeRun, who: str = "customer"):
    return next(p for p in intake.closed.participants if p.participant.participant_id == who)


def kept_payloads(intake: IntakeRun, who: str = "customer") -> list[bytes]:
    keys = sorted(key for key in intake.store.chunks if key[0] == who)
    return [intake.store.chunk(*key).chunk.payload for key in keys]


def refusals(intake: IntakeRun) -> list[tuple[str, bool]]:
    """Reasons, and whether the content may be stored."""
    found = [one for one in intake.decisions if isinstance(one, Refusal)]
    return [(one.reason, one.keeps_content) for one in found]


def ruled(intake: IntakeRun) -> list[ConsentRuled]:
    return [todo.work for todo in intake.work if isinstance(todo.work, ConsentRuled)]


def cut_of(intake: IntakeRun, window: int, who: str = "customer"):
    cuts = [t for t in intake.work if (who, window) == _place(t.work)]
    return cuts[-1]


def _place(work) -> tuple[str, int] | None:
    return (work.participant_id, work.window) if hasattr(work, "whole_at_ms") else None


# --- audio ---------------------------------------------------------------------------------------


def test_withheld_audio_is_counted_and_only_its_place_is_kept():
    intake = started(jurisdiction="DE")
    for sequence in range(6):
        intake.take(chunk(sequence, who="agent"), chunk(sequence))

    assert kept_payloads(intake, "agent") == [SILENT_SECOND] * 6
    assert kept_payloads(intake, "customer") == [chunk(k).payload for k in range(6)]
    intake.take(call_ended(chunks={"agent": 6, "customer": 6}, utterances=0))
    assert intake.is_closed
    ledger = ledger_of(intake, "agent")
    assert (ledger.chunks_seen, ledger.chunks_withheld, ledger.chunks_missing) == (6, 6, 0)
    assert ledger_of(intake, "customer").chunks_withheld == 0
    assert intake.closed.all_expected_came


def test_the_windows_of_withheld_audio_are_cut_without_sound():
    intake = started(jurisdiction="DE")
    for sequence in range(5):
        intake.take(chunk(sequence, who="agent"))

    todo = cut_of(intake, 0, "agent")
    assert todo.signal is None
    assert todo.work.withheld
    assert (todo.work.chunks.chunks_begun, todo.work.chunks.chunks_carried) == (5, 0)


def test_a_withheld_chunk_again_is_a_duplicate_and_another_in_its_place_a_conflict():
    intake = started("customer", participants=(participant(consent=None),))

    intake.take(chunk(0), chunk(0), chunk(0, payload=b"\x01" * 8_000))

    assert refusals(intake) == [("conflict", False)]
    assert intake.call.voices["customer"].duplicates == 1


# --- what rejects keep ---------------------------------------------------------------------------


@pytest.mark.parametrize(("consent", "keeps"), [(True, True), (False, False)])
def test_a_reject_keeps_the_sound_only_of_a_voice_that_may_be_scored(consent, keeps):
    intake = started("customer", participants=(participant(consent=consent),))

    intake.take(chunk(0), chunk(0, payload=b"\x01" * 8_000), chunk(60), chunk(1))

    assert refusals(intake) == [("conflict", keeps), ("late_audio", keeps)]


def test_a_reject_keeps_no_sound_of_an_unknown_call_or_participant():
    intake = IntakeRun()
    intake.take(chunk(0), call_started("customer"), chunk(0, who="agent"))

    assert refusals(intake) == [("no_call_started", False), ("unknown_participant", False)]


@pytest.mark.parametrize(("consent", "keeps"), [(True, True), (False, False)])
@pytest.mark.parametrize("is_audio", [True, False])
def test_what_the_door_refused_is_written_as_policy_says(is_audio, consent, keeps):
    intake = started(
        "customer", policy=WORDS_NEED_CONSENT, participants=(participant(consent=consent),)
    )

    intake.take(RejectNotice(CALL, "customer", is_audio, "invalid_field", b"content"))

    assert refusals(intake) == [("invalid_field", keeps)]
    assert intake.call.voices["customer"].rejected == is_audio


@pytest.mark.parametrize("who", ["stranger", None])
def test_what_the_door_refused_of_nobody_known_is_written_without_content(who):
    intake = IntakeRun()
    notice = RejectNotice(CALL, who, True, "bad_base64", b"content")

    intake.take(notice, call_started("customer"), notice)

    assert refusals(intake) == [("bad_base64", False), ("bad_base64", False)]


def test_a_conflict_over_withheld_words_keeps_none():
    intake = started(
        "customer", policy=WORDS_NEED_CONSENT, participants=(participant(consent=False),)
    )

    intake.take(utterance(0), utterance(0, text="something else"))

    assert refusals(intake) == [("conflict", False)]


# --- text ----------------------------------------------------------------------------------------


def test_withheld_words_are_counted_and_go_no_further():
    intake = started(
        "customer", policy=WORDS_NEED_CONSENT, participants=(participant(consent=False),)
    )

    intake.take(utterance(0))

    ((work, text),) = intake.utterances.values()
    assert (work.withheld, work.num_words, text) == (True, 0, None)
    intake.take(call_ended(chunks={}, utterances=1))
    assert ledger_of(intake).utterances_seen == 1


def test_words_that_waited_for_their_call_are_ruled_when_it_is_known():
    intake = IntakeRun(policy=WORDS_NEED_CONSENT)
    intake.take(utterance(0), consent_changed(0), call_started("customer"))

    ((work, text),) = intake.utterances.values()
    assert (work.withheld, text) == (True, None)


# --- a consent changes ---------------------------------------------------------------------------


def test_a_withdrawal_silences_what_is_kept_and_what_comes():
    intake = started("customer")
    intake.take(*(chunk(k) for k in range(8)), consent_changed(6_000), chunk(8))

    assert kept_payloads(intake) == [
        *(chunk(k).payload for k in range(5)),
        *([SILENT_SECOND] * 4),
    ]
    assert ruled(intake) == [ConsentRuled("customer", 1, ((1, None),), ())]
    assert intake.call.voices["customer"].withheld == 4
    assert intake.call.distinct_records == 1 + 9 + 1


def test_a_withdrawal_counts_the_chunks_whose_sound_is_long_forgotten():
    """In a window begun, carried over, forgotten or kept: each once."""
    intake = started("customer")
    sounds = [chunk(k, duration_ms=1_300) for k in range(30)]
    intake.take(*sounds, consent_changed(7_000, retroactive=False))

    begun_later = sum(one.offset_ms >= 5_000 for one in sounds)
    assert intake.call.voices["customer"].withheld == begun_later
    intake.take(consent_changed(38_000, retroactive=True))
    assert intake.call.voices["customer"].withheld == 30


def test_a_window_cut_again_after_a_withdrawal_has_no_sound():
    intake = started("customer")
    intake.take(*(chunk(k) for k in (0, 1, 3, 4, 5, 6, 7, 8, 9)), now_ms=0)
    intake.advance_clock_to(3_000)
    assert cut_of(intake, 0).signal is not None

    intake.take(consent_changed(2_000), chunk(2))

    todo = cut_of(intake, 0)
    assert (todo.signal, todo.work.withheld, todo.work.chunks.chunks_begun) == (None, True, 5)


def test_the_steps_behind_are_told_which_words_to_forget():
    intake = started("customer", policy=WORDS_NEED_CONSENT)
    intake.take(utterance(0), utterance(1, 7_000, 7_000, language="de"))

    intake.take(consent_changed(12_000), consent_changed(21_000, consent=True))

    stretch = ((2, 5),)
    assert ruled(intake)[-1] == ConsentRuled(
        "customer",
        4,
        stretch,
        (WithheldText("en-US", False, stretch), WithheldText("de", True, stretch)),
    )


def test_the_same_change_again_is_nothing_and_another_at_its_time_a_conflict():
    intake = started("customer")

    intake.take(consent_changed(5), consent_changed(5), consent_changed(5, consent=True))

    assert refusals(intake) == [("conflict", True)]
    assert len(ruled(intake)) == 1


def test_a_change_waits_for_its_participant_and_comes_before_its_words():
    intake = started("customer", policy=WORDS_NEED_CONSENT)
    intake.take(utterance(0, who="agent"), consent_changed(0, who="agent"))
    assert not ruled(intake)

    intake.take(joined("agent"))

    assert intake.utterances["agent-0"][0].withheld


def test_a_change_for_nobody_is_refused_after_its_wait_and_can_still_be_carried_out():
    intake = started("customer")
    intake.take(consent_changed(0, who="agent"))

    intake.advance_stream_to(STARTED_AT_MS + 120_000)

    assert refusals(intake) == [("unknown_participant", True)]


# --- after the close -----------------------------------------------------------------------------


def closed(*changes, complete=True, **fields) -> Tombstone:
    intake = started("customer", **fields)
    intake.take(chunk(0), utterance(0), *changes)
    if complete:
        intake.take(call_ended(chunks={"customer": 1}, utterances=1))
    call = decode_state(intake.state)
    tombstone = LateRecords(DEFAULT_POLICY).tombstone(call, STARTED_AT_MS)
    kept = decode_state(encode_state(tombstone))
    assert isinstance(kept, Tombstone)
    return kept


def late(tombstone: Tombstone, record) -> list[tuple[str, bool]]:
    taken = LateRecords(DEFAULT_POLICY).take(tombstone, record, arrival())
    return [(one.reason, one.keeps_content) for one in taken]


def test_a_tombstone_keeps_what_policy_said():
    tombstone = closed(consent_changed(500))

    said = tombstone.parties["customer"].consents
    assert [step.audio.rule for step in said] == ["voice-with-consent", "voice-without-consent"]
    assert tombstone.policy_version == DEFAULT_POLICY.version


@pytest.mark.parametrize("retroactive", [True, False])
def test_a_withdrawal_after_the_close_is_an_order_to_erase(retroactive):
    change = consent_changed(700, retroactive=retroactive)

    assert late(closed(), change) == [("consent_withdrawn", True)]


def test_a_withdrawal_after_the_close_is_remembered():
    tombstone = closed()
    change = consent_changed(700, retroactive=True)
    late(tombstone, change)

    assert late(tombstone, change) == []
    assert late(tombstone, chunk(7)) == [("late", False)]


def test_a_withdrawal_known_before_the_close_is_a_duplicate():
    assert late(closed(consent_changed(700)), consent_changed(700)) == []


@pytest.mark.parametrize(
    ("tombstone", "change", "reason"),
    [
        (closed(), consent_changed(700, consent=True), "late"),
        (closed(consent_changed(0, retroactive=True)), consent_changed(700), "late"),
        (closed(participants=(participant(consent=None),)), consent_changed(0), "late"),
        (closed(consent_changed(0), complete=False), consent_changed(0), "late"),
        (closed(), consent_changed(0, who="stranger"), "unknown_participant"),
    ],
)
def test_a_late_change_that_takes_nothing_back_is_a_reject(tombstone, change, reason):
    assert late(tombstone, change) == [(reason, True)]


@pytest.mark.parametrize(("consent", "keeps"), [(True, True), (None, False)])
def test_late_sound_is_stored_only_of_a_voice_that_might_be_scored(consent, keeps):
    tombstone = closed(participants=(participant(consent=consent),))

    assert late(tombstone, chunk(7)) == [("late", keeps)]
    notice = RejectNotice(CALL, "customer", True, "bad_base64", b"content")
    assert late(tombstone, notice) == [("bad_base64", keeps)]


# --- state from before there was a policy --------------------------------------------------------


def test_voices_of_an_older_state_are_ruled_and_silenced():
    run = started("customer")
    run.take(chunk(0))
    call = run.call
    voice = call.voices["customer"]
    older = Voice(participant(consent=False), touching=voice.touching, runs=voice.runs)
    call.voices["customer"] = older

    Intake(IntakeRules(), DEFAULT_POLICY).admit_unruled(call, run.store)

    assert older.party.consents[0].audio.rule == "voice-without-consent"
    assert kept_payloads(run) == [SILENT_SECOND]


# --- what models of others get ------------------------------------------------------------------


def test_a_text_goes_raw_to_others_only_with_leave_in_all_windows_it_touches():
    rules = policy(
        rule("leave", when={"consent": ["given"]}, audio="score", text="score", send_raw=True),
        rule("rest", audio="score", text="score"),
    )
    intake = started("customer", policy=rules)
    intake.take(
        consent_changed(at_ms=12_000, consent=False),
        utterance(0, 1_000, 2_000),
        utterance(1, 4_000, 11_000),
        utterance(2, 15_000, 16_000),
    )

    assert [todo.may_send_raw for todo in intake.work if todo.text] == [True, False, False]
