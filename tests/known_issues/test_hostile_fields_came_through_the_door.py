"""Values that no row can hold, or that no call can have, came through the door.

A NUL in ``language`` reaches the segment's column, where PostgreSQL refuses the whole batch; and a
``language`` of 35 characters of speech would be speech in a row. An end in the year 287,396 is no
date for whoever reads the lake, and stretches the call's quarters over all of it.
"""

import json

import pytest

from tests.builders import STARTED_AT_MS, arrival, call_ended, call_started, utterance
from udfs.envelope import DAY_MS, Door, Limits, Refused
from udfs.record_json import record_json

DOOR = Door(Limits())


def reason_of(record, came, **changes):
    data = json.dumps({**json.loads(record_json(record)), **changes}).encode()
    with pytest.raises(Refused) as caught:
        DOOR.open(data, came)
    return caught.value.reason


@pytest.mark.parametrize("language", ["en\u0000", "my number is 555 0100", "en\n", "é"])
def test_a_language_is_a_tag(language):
    assert reason_of(utterance(0), arrival(stream="text"), language=language) == "invalid_field"
    assert reason_of(call_started(), arrival(), language=language) == "invalid_field"


@pytest.mark.parametrize("language", ["en", "en-US", "zh_Hant_TW", "x-klingon", ""])
def test_a_tag_in_either_spelling_is_taken(language):
    record = utterance(0, language=language)

    assert DOOR.open(record_json(record), arrival(stream="text")) == record


@pytest.mark.parametrize("after_ms", [2**53 - STARTED_AT_MS, DAY_MS + 1])
def test_a_call_does_not_end_long_after_its_end_was_told(after_ms):
    assert reason_of(call_ended(after_ms), arrival()) == "offset_out_of_range"


def test_a_clock_that_is_a_day_ahead_is_forgiven():
    DOOR.open(record_json(call_ended(DAY_MS)), arrival())
