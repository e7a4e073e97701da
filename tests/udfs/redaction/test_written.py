"""What is read out, as it would be written, and the way back."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.evaluation.redaction.values import Values
from udfs.redaction.english.lexicon import ENGLISH
from udfs.redaction.written import as_written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("four one five", "415"),
        ("oh seven double nine", "0799"),
        ("triple six", "666"),
        ("forty one eleven", "4111"),
        ("four uh one, one - one", "4111"),
        ("4111 one one one one", "41111111"),
        ("eight hundred five five five", "800555"),
        ("two hundred and fifty", "250"),
        ("two hundred fifty one", "251"),
        ("two thousand and three", "2003"),
        ("nineteen eighty four", "1984"),
        ("twenty twenty", "2020"),
        ("the twenty third of june", "the 23 of june"),
        ("plus four four seven", "+447"),
        ("4111 1111", "4111 1111"),
        ("g b two nine n w b k", "GB29NWBK"),
        ("golf bravo two nine", "GB29"),
        ("b as in boy r for rome n", "BRN"),
        ("double l double u", "LLW"),
        ("john dot smith at example dot com", "john.smith@example.com"),
        ("mail jane doe at big bank dot co dot uk please", "mail janedoe@bigbank.co.uk please"),
        ("j underscore s forty two at mail dot com", "j_s42@mail.com"),
        ("john.smith at example.com", "john.smith@example.com"),
        ("meet me at noon", "meet me at noon"),
        ("have a look at example dot com", "have a look at example dot com"),
    ],
)
def test_it_is_written(said, written):
    assert as_written(said, ENGLISH).text == written


def test_a_part_stands_for_the_words_it_came_from():
    said = "so it's oh seven double nine, thanks"
    view = as_written(said, ENGLISH)
    start = view.text.index("0799")

    assert said[slice(*view.source(start, start + 4))] == "oh seven double nine"


@given(st.text("0123456789", min_size=1, max_size=20), st.integers())
def test_digits_that_are_read_out_come_back(digits, seed):
    said = Values(random.Random(seed)).read_out(digits)

    assert as_written(said, ENGLISH).text == digits


WORDS = st.sampled_from(
    [
        *("one", "oh", "double", "hundred", "thousand", "and", "twenty", "fifth", "a", "b", "as"),
        *("in", "for", "at", "dot", "plus", "@", ".", "-", "12", "x", "İ", "’"),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=20).map(" ".join)))
def test_any_text_can_be_looked_at_and_every_character_has_its_source(text):
    view = as_written(text, ENGLISH)

    assert len(view.sources) == len(view.text)
    assert all(0 <= start < end <= len(text) for start, end in view.sources)
    assert [start for start, _ in view.sources] == sorted(start for start, _ in view.sources)
