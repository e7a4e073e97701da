"""Measures from counts, and intervals that know that rows of a call resemble each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from udfs.training.group_bootstrap import NO_ANSWER, GroupBootstrap, macro_f1, mean_recall

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30)


def of_one_group(measure, truth, found):
    truth, found = np.array(truth), np.array(found)
    return GroupBootstrap(np.zeros(len(truth), int), truth).interval(measure, found).value


@given(PAIRS)
def test_macro_f1_and_mean_recall_are_scikit_learns_over_the_labels_that_occur(pairs):
    truth, found = zip(*pairs, strict=True)
    labels = sorted(set(truth))

    expected = f1_score(truth, found, labels=labels, average="macro", zero_division=0)
    assert of_one_group(macro_f1, truth, found) == pytest.approx(expected)
    recalls = [np.mean([f == t for t, f in pairs if t == label]) for label in labels]
    assert of_one_group(mean_recall, truth, found) == pytest.approx(np.mean(recalls))


def test_no_answer_is_a_wrong_answer():
    assert of_one_group(macro_f1, [0, 1, 2], [0, 1, NO_ANSWER]) == pytest.approx(2 / 3)


def test_a_difference_that_is_the_same_in_every_group_has_no_spread():
    truth = np.tile([0, 1, 2, 0, 1, 2], 10)
    groups = np.repeat(np.arange(10), 6)
    worse = np.tile([0, 1, 2, 0, 1, 0], 10)

    found = GroupBootstrap(groups, truth).difference(macro_f1, truth, worse)

    assert found.low == pytest.approx(found.value) == pytest.approx(found.high)
    assert found.is_above_zero


def test_copies_of_rows_in_a_group_do_not_narrow_the_interval():
    random = np.random.default_rng(0)
    truth, found = random.integers(0, 3, (2, 200))
    groups = np.arange(200)
    plain = GroupBootstrap(groups, truth).interval(macro_f1, found)

    copied = GroupBootstrap(np.tile(groups, 5), np.tile(truth, 5)).interval(
        macro_f1, np.tile(found, 5)
    )

    assert copied == pytest.approx(plain)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    held = []
    for _ in range(60):
        truth = random.integers(0, 3, 300)
        right = random.random(300) < 0.7
        found = np.where(right, truth, (truth + random.integers(1, 3, 300)) % 3)
        interval = GroupBootstrap(np.arange(300) // 3, truth).interval(mean_recall, found)
        held.append(interval.low <= 0.7 <= interval.high)

    assert np.mean(held) >= 0.85
