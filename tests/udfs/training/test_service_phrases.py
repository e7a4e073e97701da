from collections import Counter

import pytest

from udfs.training.examples import plain
from udfs.training.service_phrases import (
    NEAR_COPY,
    development_rows,
    judged_rows,
    likeness,
    phrase_rows,
    service_examples,
    words_of,
)

pytestmark = pytest.mark.slow


def test_phrases_are_the_same_every_time_and_filled_in():
    examples = list(service_examples(300, seed=1))
    assert examples == list(service_examples(300, seed=1))
    assert examples != list(service_examples(300, seed=2))
    assert {label for _, label in examples} == {"negative", "neutral", "positive"}
    assert not any("{" in text or not plain(text) for text, _ in examples)


def test_nothing_like_a_phrase_held_out_is_trained_on():
    held_out = [words_of(row["text"]) for row in (*judged_rows(), *development_rows())]
    for text, _ in service_examples(2_000, seed=0):
        assert max(likeness(words_of(text), words) for words in held_out) < NEAR_COPY


def test_copies_are_told_by_their_words():
    words = words_of("Enjoy the rest of your afternoon.")
    assert likeness(words, words_of("enjoy your rest of the afternoon")) == 1
    assert likeness(words, words_of("enjoy the rest of your evening")) < NEAR_COPY
    assert likeness(words_of("..."), words) == 0


def test_each_use_of_the_phrases_has_a_split():
    splits = Counter(row["split"] for row in phrase_rows())
    assert splits["phrases"] == len(judged_rows())
    assert splits["phrases-dev"] == len(development_rows())
    assert splits["train"] > 10_000


def test_no_full_stop_parts_a_formula_from_what_it_is_about():
    texts = [text for text, _ in service_examples(2_000, seed=0)]
    assert any("hank you for " in text for text in texts)
    assert not any(stop in text for text in texts for stop in (". For ", ", for your ", "? But "))


@pytest.mark.parametrize("read", [judged_rows, development_rows])
def test_a_hundred_formulas_and_both_signs_are_held_out(read):
    rows = read()
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["formula"] >= 100
    assert min(kinds["sincere thanks"], kinds["complaint"]) >= 20
    assert len({plain(row["text"]) for row in rows}) == len(rows)
    labels = {row["kind"]: row["label"] for row in rows}
    assert labels == {"formula": "neutral", "sincere thanks": "positive", "complaint": "negative"}
