"""Differences of two rules on the same rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from udfs.evaluation.measures import Bootstrap, Estimate, macro_f1
from udfs.evaluation.paired import above, difference, in_words, is_above_zero

TRUTH = np.tile([0, 1, 2, 0, 1, 2], 10)
GROUPS = np.repeat([f"call-{n}" for n in range(10)], 6)


def rule(found):
    return Bootstrap(TRUTH, np.eye(3)[found], GROUPS)


PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30)


@given(PAIRS)
def test_macro_f1_is_scikit_learns_over_the_labels_that_occur(pairs):
    truth, found = np.array(pairs).T

    told = Bootstrap(truth, np.eye(3)[found], None).estimate(macro_f1).value

    labels = sorted(set(truth.tolist()))
    expected = f1_score(truth, found, labels=labels, average="macro", zero_division=0)
    assert told == pytest.approx(expected)


def test_copies_of_rows_in_a_group_do_not_narrow_the_interval():
    random = np.random.default_rng(0)
    truth, found = random.integers(0, 3, (2, 200))
    groups = np.array([f"call-{n:03}" for n in range(200)])

    plain = Bootstrap(truth, np.eye(3)[found], groups)
    copied = Bootstrap(np.tile(truth, 5), np.eye(3)[np.tile(found, 5)], np.tile(groups, 5))

    assert copied.estimate(macro_f1) == pytest.approx(plain.estimate(macro_f1))


def test_a_difference_that_is_the_same_in_every_group_has_no_spread():
    worse = np.tile([0, 1, 2, 0, 1, 0], 10)

    found = difference(macro_f1, rule(TRUTH), rule(worse))

    assert found.low == pytest.approx(found.value) == pytest.approx(found.high)
    assert is_above_zero(found)
    assert not is_above_zero(difference(macro_f1, rule(worse), rule(TRUTH)))


def test_a_rule_is_not_above_itself():
    assert difference(macro_f1, rule(TRUTH), rule(TRUTH)) == (0.0, 0.0, 0.0)
    assert above(macro_f1, rule(TRUTH), 1.0) == (0.0, 0.0, 0.0)


def test_a_paired_difference_is_surer_than_each_measure_itself():
    random = np.random.default_rng(0)
    hard = random.random(60) < 0.3  # both rules stumble over the same rows
    found = np.where(hard, (TRUTH + 1) % 3, TRUTH)
    better = found.copy()
    better[hard.nonzero()[0][::4]] = TRUTH[hard.nonzero()[0][::4]]

    gain = difference(macro_f1, rule(better), rule(found))
    itself = rule(found).estimate(macro_f1)

    assert gain.high - gain.low < itself.high - itself.low


def test_one_group_alone_has_no_interval():
    alone = Bootstrap(TRUTH, np.eye(3)[TRUTH], np.full(60, "call"))

    found = difference(macro_f1, alone, alone)

    assert found == (0.0, None, None)
    assert not is_above_zero(found)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.8123, 0.774, 0.851), "0.812 (0.774 to 0.851)"),
        (Estimate(0.8, None, None), "0.800"),
        (Estimate(None, None, None), "–"),
    ],
)
def test_an_estimate_in_words(estimate, words):
    assert in_words(estimate) == words
