"""Persons by pseudonym."""

from __future__ import annotations

import json

import pytest

from udfs.pseudonyms import PseudonymKeyError, Pseudonyms

# RFC 4231, test case 6: HMAC-SHA-256 under 131 bytes of 0xaa
RFC_KEY = b"\xaa" * 131
RFC_TEXT = "Test Using Larger Than Block-Size Key - Hash Key First"
RFC_DIGEST = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"


def test_a_pseudonym_is_the_hmac_of_the_id():
    assert Pseudonyms(RFC_KEY).person_key(RFC_TEXT) == RFC_DIGEST


def test_one_person_has_one_pseudonym_a_key():
    one, other = Pseudonyms(b"k" * 32), Pseudonyms(b"l" * 32)

    assert one.person_key("p") == Pseudonyms(b"k" * 32).person_key("p")
    assert len({one.person_key("p"), one.person_key("q"), other.person_key("p")}) == 3


def test_without_a_key_or_a_person_there_is_none():
    assert Pseudonyms(None).person_key("p") is None
    assert Pseudonyms(b"k" * 32).person_key(None) is None


def test_a_short_key_is_refused_and_not_quoted():
    with pytest.raises(PseudonymKeyError, match="31 bytes") as refused:
        Pseudonyms(b"k" * 31)

    assert "kkk" not in str(refused.value)


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_no_person_id_is_left_in_a_record_wherever_it_stands(key):
    pseudonyms = Pseudonyms(key)
    record = {"person_id": "anna", "x": [{"y": {"person_id": "bert", "z": "ü"}}, {"person_id": 7}]}

    hidden = json.loads(pseudonyms.hide_persons(record))

    nested = {"z": "ü", **({"person_key": pseudonyms.person_key("bert")} if key else {})}
    outer = {"person_key": pseudonyms.person_key("anna")} if key else {}
    assert hidden == {"x": [{"y": nested}, {}], **outer}
