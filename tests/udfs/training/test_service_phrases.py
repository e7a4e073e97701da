from collections import Counter

from udfs.training.examples import plain
from udfs.training.service_phrases import judged_rows, phrase_rows, service_examples


def test_phrases_are_the_same_every_time_and_filled_in():
    examples = list(service_examples(300, seed=1))
    assert examples == list(service_examples(300, seed=1))
    assert examples != list(service_examples(300, seed=2))
    assert {label for _, label in examples} == {"negative", "neutral", "positive"}
    assert not any("{" in text or not plain(text) for text, _ in examples)


def test_what_is_judged_is_never_trained_on():
    rows = list(phrase_rows())
    trained = {plain(row["text"]) for row in rows if row["split"] == "train"}
    judged = [row for row in rows if row["split"] == "phrases"]
    assert trained.isdisjoint(plain(row["text"]) for row in judged)
    assert len(judged) == len(judged_rows())


def test_a_hundred_formulas_and_both_signs_are_judged():
    rows = judged_rows()
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["formula"] >= 100
    assert min(kinds["sincere thanks"], kinds["complaint"]) >= 20
    assert len({plain(row["text"]) for row in rows}) == len(rows)
    labels = {row["kind"]: row["label"] for row in rows}
    assert labels == {"formula": "neutral", "sincere thanks": "positive", "complaint": "negative"}
