"""Personal data is found, spoken and written, and nothing else is changed."""

import itertools
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.redaction.findings import Found, merged


@pytest.fixture(scope="module")
def redactor():
    from udfs.redaction.redactor import Redactor  # noqa: PLC0415 - takes seconds

    return Redactor()


@pytest.mark.parametrize(
    ("said", "redacted"),
    [
        ("Card 4111 1111 1111 1111, please.", "Card <CARD>, please."),
        ("it's four one double one one one one one uh one one one one one one one one ok",
         "it's <CARD> ok"),
        ("my card is four one one one one one one one one one one one one one one two",
         "my card is <CARD>"),
        ("to GB29 NWBK 6016 1331 9268 19.", "to <IBAN>."),
        ("g b two nine n w b k six zero one six one three three one nine two six eight one nine",
         "<IBAN>"),
        ("call (415) 236-2671 now", "call <PHONE> now"),
        ("plus four four seven nine one one one two three four five six", "<PHONE>"),
        ("my number is five five five one two one two", "my number is <PHONE>"),
        ("mail john.smith@example.com!", "mail <EMAIL>!"),
        ("it's john dot smith at example dot co dot uk okay", "it's <EMAIL> okay"),
        ("born on March 5, 1984.", "born on <BIRTH_DATE>."),
        ("the fifth of march nineteen eighty four", "<BIRTH_DATE>"),
        ("my birthday is may ninth", "my birthday is <BIRTH_DATE>"),
        ("my name is ingrid bergstrom and i called", "my name is <NAME> and i called"),
        ("Thanks, Brendan!", "Thanks, <NAME>!"),
        ("this is nguyen van tran speaking", "this is <NAME> speaking"),
        ("that's s m i t h", "that's <NAME>"),
        ("at 12 Oak Street, Austin, TX 78701 since", "at <ADDRESS> since"),
        ("one twenty three main street", "<ADDRESS>"),
        ("zip code is nine oh two one oh", "zip code is <ADDRESS>"),
        ("hello stefan is it fixed", "hello <NAME> is it fixed"),
        ("i asked the driver abdi left", "i asked the driver <NAME> left"),
        ("Please add Tomasz Wiśniewski as driver", "Please add <NAME> as driver"),
        ("ten thirty eighty nine is my birthday", "<BIRTH_DATE> is my birthday"),
        ("Text the code to 415-236-2671", "Text the code to <PHONE>"),
        ("area code four one five two three six two six seven one", "area code <PHONE>"),
    ],
)  # fmt: skip
def test_personal_data_is_taken_out(redactor, said, redacted):
    assert redactor.redact(said, "en-US") == redacted


@pytest.mark.parametrize(
    "said",
    [
        "",
        "my order number is four one five two two three six six seven eight",
        "Order 4152362671 has not arrived",
        "tracking number nine four double zero one one one eight nine nine two two three eight",
        "two hundred and fifty dollars at ten thirty",
        "delivery by December 3, 2026",
        "look at our website example dot com",
        "it is a five minute drive",
        "the first place I won’t call",
        "hello this is harper valley national bank",
        "i will hope that you mark it",
    ],
)
def test_what_is_nobodys_stays(redactor, said):
    assert redactor.redact(said, "en") == said


def test_what_is_written_is_found_in_any_language(redactor):
    said = "4111 1111 1111 1111, j.s@example.com, +49 171 2345678, four one one"

    for language in ("de-DE", "xx", ""):
        assert redactor.redact(said, language) == "<CARD>, <EMAIL>, <PHONE>, four one one"


def test_phone_numbers_are_read_as_in_the_region_of_the_language(redactor):
    assert redactor.redact("415-236-2671", "en-US") == "<PHONE>"
    assert redactor.redact("415-236-2671", "de") == "415-236-2671"


WORDS = (
    *("my", "name", "is", "one", "oh", "double", "card", "4111", "1111", "@", "a.b@c.de"),
    *("at", "dot", "com", "born", "1984", "may", "İ", "<"),
)


@given(
    st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)),
    st.sampled_from(["en-US", "de", ""]),
)
@settings(deadline=None)
def test_any_text_is_redacted_and_the_rest_of_it_stays(redactor, text, language):
    found = redactor.find(text, language)
    redacted = redactor.redact(text, language)

    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= after.start for one, after in itertools.pairwise(found))
    begins = [0, *(one.end for one in found)]
    kept = [text[a : one.start] for a, one in zip(begins, found, strict=False)]
    expected = "".join(f"{k}<{f.kind.upper()}>" for k, f in zip(kept, found, strict=True))
    assert redacted == expected + text[begins[-1] :]


def test_of_what_overlaps_the_longest_one_names_the_whole():
    found = [Found("phone", 2, 9), Found("card", 0, 8), Found("name", 20, 22)]

    assert merged(found) == [Found("card", 0, 9), Found("name", 20, 22)]


IN_A_WORKER = """
import socket, sys
def refuse(*_):
    raise AssertionError("asks the network")
socket.socket.connect = socket.getaddrinfo = refuse
from udfs.redaction.redactor import Redactor
loaded = {"torch", "transformers"} & set(sys.modules)
print(Redactor().redact("mail a@example.com", "en"), sorted(loaded))
"""


@pytest.mark.slow
def test_the_redactor_loads_no_model_runtime_and_asks_no_network():
    command = [sys.executable, "-W", "ignore", "-c", IN_A_WORKER]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert re.search(r"mail <EMAIL> \[\]", output)


def test_threads_that_redact_at_once_do_not_disturb_each_other(redactor):
    said = [
        ("my card is four one one one one one one one one one one one one one one two", "en-GB"),
        ("call (415) 236-2671 now or mail john.smith@example.com", "en-US"),
        ("meine nummer ist 030 901820 und ich heiße anna schmidt", "de-DE"),
        ("to GB29 NWBK 6016 1331 9268 19, born on March 5, 1984", ""),
    ] * 50
    expected = [redactor.redact(*one) for one in said]

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda one: redactor.redact(*one), said)) == expected
