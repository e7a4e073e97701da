"""Rules that never decide and cases that none decides, by trying every case."""

from __future__ import annotations

from hypothesis import given

from tests.policies import policies, policy, rule, subjects
from udfs.policy import MODALITIES, NO_RULE, read_policy
from udfs.policy_check import Unreachable, check_policy


def test_the_shipped_policy_has_neither():
    assert check_policy(read_policy()) == ((), ())


def test_a_rule_behind_a_wider_one_is_named_with_what_hides_it():
    rules = policy(
        rule("wide", when={"jurisdiction": ["US"]}, audio="score", text="score"),
        rule("narrow", when={"jurisdiction": ["US-CA"]}, audio="withhold"),
        rule("rest", audio="withhold", text="score"),
    )

    assert check_policy(rules).unreachable == (Unreachable("narrow", "audio", ("wide",)),)


def test_a_rule_hidden_by_several_together_is_found():
    rules = policy(
        rule("agents", when={"role": ["agent"]}, text="score"),
        rule("customers", when={"role": ["customer"]}, text="score"),
        rule("german", when={"language": ["de"]}, text="withhold"),
    )

    ((name, modality, behind),) = check_policy(rules).unreachable
    assert (name, modality, set(behind)) == ("german", "text", {"agents", "customers"})


def test_a_voice_rule_for_chats_decides_nothing():
    rules = policy(
        rule("odd", when={"channel": ["chat"]}, audio="withhold"),
        rule("rest", audio="score", text="score"),
    )

    assert check_policy(rules).unreachable == (Unreachable("odd", "audio", ()),)


def test_a_gap_is_shown_by_its_cases():
    rules = policy(
        rule("voice", when={"consent": ["given"]}, audio="score"),
        rule("words", when={"jurisdiction": ["DE", "US"]}, text="score"),
    )

    gaps = {gap.modality: gap.subjects for gap in check_policy(rules).gaps}
    assert {one.consent for one in gaps["audio"]} == {"refused", "unknown"}
    assert {one.jurisdiction for one in gaps["text"]} & {"DE", "US"} == set()
    assert "unknown" in {one.jurisdiction for one in gaps["text"]}


@given(policies(), subjects())
def test_no_case_disagrees_with_what_was_found(rules, whose):
    findings = check_policy(rules)
    unreachable = {(one.rule, one.modality) for one in findings.unreachable}
    with_gap = {gap.modality for gap in findings.gaps}

    for modality in MODALITIES:
        if modality == "audio" and whose.channel == "chat":
            continue
        decided = rules.ruling(modality, whose).rule
        assert (decided, modality) not in unreachable
        if decided == NO_RULE:
            assert modality in with_gap
