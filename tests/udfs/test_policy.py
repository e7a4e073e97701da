"""First-match rules: who decides, what a file may say, what the shipped one does."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.policies import policies, policy, rule, subject, subjects
from udfs.jurisdictions import UNKNOWN, jurisdiction_of
from udfs.policy import (
    DEFAULT_POLICY,
    MODALITIES,
    NO_RULE,
    PolicyError,
    Ruling,
    consent_of,
    policy_schema,
    read_policy,
)

DEFAULT = read_policy()
PUBLISHED_SCHEMA = DEFAULT_POLICY.parent / "policy.schema.json"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("us_ca", "US-CA"),
        (" gb-ENG ", "GB-ENG"),
        ("EL", "GR"),
        ("UK", "GB"),
        ("", UNKNOWN),
        ("Germany", UNKNOWN),
        ("DEU", UNKNOWN),
        ("ZZ", UNKNOWN),
        ("US-", UNKNOWN),
        ("US-CALI", UNKNOWN),
        ("unknown", UNKNOWN),
    ],
)
def test_a_jurisdiction_is_an_iso_code_or_unknown(text, code):
    assert jurisdiction_of(text) == code


# --- the rules ----------------------------------------------------------------------------------


def test_the_first_rule_that_fits_and_speaks_of_the_modality_decides():
    rules = policy(
        rule("words-only", text="withhold"),
        rule("agents", when={"role": ["agent"]}, audio="withhold", text="score"),
        rule("all", audio="score"),
    )

    assert rules.ruling("audio", subject("agent")).rule == "agents"
    assert rules.ruling("audio", subject("customer")).rule == "all"
    assert rules.ruling("text", subject("agent")) == Ruling(True, False, "words-only")


def test_what_no_rule_decides_is_withheld():
    assert policy(rule("words", text="score")).ruling("audio", subject()) == Ruling(
        is_withheld=True, keeps_rejects=False, rule=NO_RULE
    )


@pytest.mark.parametrize(
    ("when", "fitting", "other"),
    [
        ({"role": ["agent"]}, {"role": "agent"}, {"role": "customer"}),
        ({"consent": ["given", "unknown"]}, {"consent": "unknown"}, {"consent": "refused"}),
        ({"channel": ["chat"]}, {"channel": "chat"}, {"channel": "call"}),
        ({"language": ["en"]}, {"language": "en_US"}, {"language": "eng"}),
        ({"language": ["de-AT"]}, {"language": "de-at"}, {"language": "de"}),
        ({"language": ["unknown"]}, {"language": ""}, {"language": "en"}),
        ({"jurisdiction": ["US"]}, {"jurisdiction": "US-CA"}, {"jurisdiction": "CA"}),
        ({"jurisdiction": ["US-CA"]}, {"jurisdiction": "us_ca"}, {"jurisdiction": "US"}),
        ({"jurisdiction": ["unknown"]}, {"jurisdiction": "Elbonia"}, {"jurisdiction": "DE"}),
        ({"jurisdiction": ["WIDE"]}, {"jurisdiction": "NO-03"}, {"jurisdiction": "SE"}),
        ({"jurisdiction": ["WIDE"]}, {"jurisdiction": "WIDE"}, {"jurisdiction": "unknown"}),
        ({"jurisdiction": ["WIDE"]}, {"jurisdiction": "NARROW"}, {"jurisdiction": "OTHER"}),
    ],
)
def test_a_condition_fits(when, fitting, other):
    groups = {"WIDE": ["NARROW", "NO"], "NARROW": ["DE"]}
    rules = policy(rule("one", when=when, audio="score"), groups=groups)

    assert rules.deciding_rule("audio", subject(**fitting)) is not None
    assert rules.deciding_rule("audio", subject(**other)) is None


def test_the_content_of_rejects_is_kept_where_the_rule_says_so_and_never_of_what_is_withheld():
    rules = policy(
        rule("a", when={"role": ["agent"]}, audio="score", keep_rejects=False),
        rule("b", when={"consent": ["given"]}, audio="score"),
        rule("c", audio="withhold", keep_rejects=True),
    )

    assert not rules.ruling("audio", subject("agent")).keeps_rejects
    assert rules.ruling("audio", subject("customer")).keeps_rejects
    assert not rules.ruling("audio", subject("customer", consent="refused")).keeps_rejects


def test_raw_words_go_to_others_only_where_the_rule_says_so():
    rules = policy(
        rule("a", when={"role": ["agent"]}, audio="score", text="score", send_raw=True),
        rule("b", text="score"),
    )

    assert rules.ruling("text", subject("agent")).may_send_raw
    assert not rules.ruling("audio", subject("agent")).may_send_raw
    assert not rules.ruling("text", subject("customer")).may_send_raw


def test_a_rule_that_sends_raw_what_it_withholds_is_refused():
    with pytest.raises(ValidationError, match="send_raw"):
        policy(rule("a", text="withhold", send_raw=True))


@given(policies(), subjects())
def test_a_policy_travels_to_a_worker(rules, whose):
    there = pickle.loads(pickle.dumps(rules))  # noqa: S301 - our own

    assert there.version == rules.version
    for modality in MODALITIES:
        assert there.ruling(modality, whose) == rules.ruling(modality, whose)


def test_consent_in_a_records_words():
    assert [consent_of(one) for one in (True, False, None)] == ["given", "refused", "unknown"]


# --- the file -----------------------------------------------------------------------------------


def text_of(*rules: dict, **fields) -> str:
    return json.dumps({"version": "1", "rules": list(rules), **fields})  # JSON is YAML


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rules: [", "not YAML"),
        ("\xff\0", "not YAML"),
        ("7", "the file"),
        (text_of(), "rules"),
        (text_of(rule("a")), "says neither audio nor text"),
        (text_of(rule("a", text="score"), rule("a", text="score")), "two rules have the id a"),
        (text_of(rule("a", text="maybe")), "rules.0.text"),
        (text_of(rule("a", text="score", wen={})), "rules.0.wen"),
        (text_of(rule("a", text="score", when={"consent": [True]})), "rules.0.when.consent"),
        (text_of(rule("a", text="score", when={"jurisdiction": ["Germany"]})), "Germany"),
        (text_of(rule("a", text="score"), groups={"DE": ["DE"]}), "group DE has the name"),
        (text_of(rule("a", text="score"), groups={"X1": ["X2"], "X2": ["X1"]}), "contains itself"),
        (text_of(rule("a", text="score"), groups={"X1": ["XX"]}), "XX is neither"),
        ("version: '1'\nversion: '2'\nrules: []", "not YAML"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_in_one_line(tmp_path: Path, content, says):
    path = tmp_path / "policy.yaml"
    path.write_text(content, encoding="latin-1")

    with pytest.raises(PolicyError) as refused:
        read_policy(path)

    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(PolicyError, match=r"nowhere\.yaml: No such file"):
        read_policy(tmp_path / "nowhere.yaml")


def test_norway_is_a_country(tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: '1'\nrules: [{id: a, when: {jurisdiction: [NO]}, text: score, reason: x}]"
    )

    assert read_policy(path).ruling("text", subject(jurisdiction="NO")).rule == "a"


def test_the_published_schema_is_that_of_the_code():
    """Mend with: call-sentiment policy schema > udfs/policies/policy.schema.json"""
    assert PUBLISHED_SCHEMA.read_text(encoding="utf-8") == policy_schema()


def test_the_default_fits_the_published_schema():
    content = YAML(typ="safe", pure=True).load(DEFAULT_POLICY.read_text(encoding="utf-8"))

    jsonschema.validate(content, json.loads(PUBLISHED_SCHEMA.read_text(encoding="utf-8")))


# --- the shipped policy -------------------------------------------------------------------------

_EEA = """
AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK
"""
EEA = _EEA.split()


@pytest.mark.parametrize("place", [*EEA, "EU", "EEA", "EL", "de-by", "RE", "", "Germany", "ZZ"])
@pytest.mark.parametrize("consent", ["given", "refused", "unknown"])
def test_an_agents_voice_is_withheld_in_the_eea_and_where_the_place_is_unknown(place, consent):
    assert DEFAULT.ruling("audio", subject("agent", place, consent)).is_withheld


@pytest.mark.parametrize("place", ["US-CA", "GB", "CH"])
def test_an_agents_voice_is_scored_elsewhere_with_consent(place):
    assert not DEFAULT.ruling("audio", subject("agent", place)).is_withheld


@pytest.mark.parametrize("place", ["DE", "US-CA", ""])
@pytest.mark.parametrize("role", ["agent", "customer"])
def test_no_voice_is_scored_without_recorded_consent(role, place):
    for consent in ("refused", "unknown"):
        assert DEFAULT.ruling("audio", subject(role, place, consent)).is_withheld


@pytest.mark.parametrize("place", ["DE", "US-CA", ""])
def test_a_customers_voice_is_scored_with_consent(place):
    assert not DEFAULT.ruling("audio", subject("customer", place)).is_withheld


@given(subjects())
def test_words_are_scored_for_everybody(whose):
    assert not DEFAULT.ruling("text", whose).is_withheld


def test_every_rule_has_its_reason_and_what_withholds_its_sources():
    for one in DEFAULT.file.rules:
        assert one.reason
        assert one.sources or one.audio == "score"
