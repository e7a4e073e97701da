"""The labelled sentences and the figures taken on them."""

import pytest

from udfs.evaluation.redaction.measure import Group, Score, measure, total
from udfs.evaluation.redaction.sentences import Sentence, generated, handwritten
from udfs.redaction.findings import KINDS, Found


def sentence(text, *labels):
    return Sentence(text, "en", "written", "generated", labels)


def group(kind):
    return Group("generated", "en", "written", kind)


def test_a_label_is_found_when_all_of_its_letters_and_digits_are_covered():
    sentences = [sentence("call 12-34 now", Found("phone", 5, 10))]

    whole = measure(sentences, lambda *_: [Found("card", 5, 7), Found("card", 8, 10)])
    part = measure(sentences, lambda *_: [Found("phone", 5, 9)])

    assert whole.scores == {group("card"): Score(0, 0, 2, 2), group("phone"): Score(1, 1, 0, 0)}
    assert part.scores == {group("phone"): Score(1, 0, 1, 1)}
    assert [miss.is_false_alarm for miss in part.misses] == [False]


def test_a_finding_where_nothing_is_is_a_false_alarm_and_what_is_beside_a_label_is_excess():
    sentences = [sentence("my 1234", Found("card", 3, 7)), sentence("order 5"), sentence("fine")]
    found = {"my 1234": [Found("card", 0, 7)], "order 5": [Found("phone", 6, 7)], "fine": []}

    measured = measure(sentences, lambda text, _: found[text])

    assert measured.scores[group("card")] == Score(1, 1, 1, 1)
    assert measured.scores[group("phone")].precision == 0.0
    assert measured.scores[group("phone")].recall is None
    assert (measured.excess_characters, measured.labelled_characters) == (3, 4)
    assert (measured.clean_left_alone, measured.clean_sentences) == (1, 2)


def test_several_groups_add_up():
    assert total([Score(1, 1, 2, 1), Score(3, 2, 2, 2)]) == Score(4, 3, 4, 3)


def test_the_same_seed_makes_the_same_sentences_and_another_others():
    assert list(generated(1, 3)) == list(generated(1, 3))
    assert list(generated(1, 3)) != list(generated(2, 3))


def test_every_kind_is_there_in_both_forms():
    made = {(one.form, label.kind) for one in generated(1, 3) for label in one.labels}

    assert made == {(form, kind) for form in ("written", "spoken") for kind in KINDS}


@pytest.mark.parametrize("source", ["handwritten", "held_out"])
def test_labels_written_by_hand_are_of_known_kinds_and_within_their_sentence(source):
    sentences = list(handwritten(source))

    assert sentences
    for one in sentences:
        assert "[" not in one.text
        for label in one.labels:
            assert label.kind in KINDS
            assert one.text[label.start : label.end].strip() == one.text[label.start : label.end]
