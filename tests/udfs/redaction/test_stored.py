"""What a reject stores of what was said."""

import json
import logging

import pytest

from tests.builders import call_started, chunk, utterance
from udfs.record_json import record_json
from udfs.records import RejectNotice
from udfs.redaction.stored import MAX_CHARACTERS, StoredContent

NUMBER = "four one one one"


def hide(text, language):
    assert language in ("en-US", "")
    return text.replace(NUMBER, "<CARD>")


def notice(payload, *, is_audio=False):
    return RejectNotice("call-1", "customer", is_audio, "invalid_field", payload)


def test_an_utterance_is_stored_without_personal_data():
    stored = StoredContent(hide).of(utterance(text=f"my card is {NUMBER}"))

    assert stored == record_json(utterance(text="my card is <CARD>"))


def test_so_is_one_that_was_refused_at_the_door():
    fields = {"type": "utterance", "text": f"it is {NUMBER}", "language": 7, "start_ms": "x"}

    stored = StoredContent(hide).of(notice(json.dumps(fields).encode()))

    assert json.loads(stored) == fields | {"text": "it is <CARD>"}


def test_what_holds_nothing_is_stored_byte_for_byte():
    payload = b'{"type": "utterance",  "text":"good morning"}'

    assert StoredContent(hide).of(notice(payload)) == payload


@pytest.mark.parametrize("record", [call_started("customer"), chunk(0)])
def test_what_holds_no_words_is_stored_as_it_is(record):
    assert StoredContent(hide).of(record) == record_json(record)
    payload = record_json(record)
    assert StoredContent(hide).of(notice(payload, is_audio=True)) == payload


@pytest.mark.parametrize(
    "record",
    [
        utterance(text="x" * (MAX_CHARACTERS + 1)),
        notice(b'{"text": ["' + NUMBER.encode() + b'"]}'),
        notice(b'{"text": {"a": 1}}'),
    ],
)
def test_what_cannot_be_looked_through_is_not_stored(record):
    assert StoredContent(hide).of(record) is None


def test_where_redaction_fails_nothing_is_stored_and_nothing_is_told(caplog):
    def fail(text, _language):
        raise RuntimeError(text)

    with caplog.at_level(logging.DEBUG):
        assert StoredContent(fail).of(utterance(text=NUMBER)) is None
    assert "RuntimeError" in caplog.text
    assert NUMBER not in caplog.text
