import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from udfs.evaluation.measures import (
    Bootstrap,
    accuracy,
    always_commonest,
    calibration_error,
    count,
    found_share,
    macro_f1,
    precision,
    recall,
)

ROWS = 40
LABELS = arrays(np.int64, ROWS, elements=st.integers(0, 2))


def sure(found, share=0.8):
    """Answers with one top probability."""
    rest = (1 - share) / 2
    return np.where(np.eye(3)[found] == 1, share, rest)


@given(LABELS, LABELS)
def test_measures_are_those_of_scikit_learn(truth, found):
    counts = count(truth, sure(found), np.zeros(ROWS, dtype=np.int64))
    occurring = np.unique(truth)
    options = {"average": "macro", "labels": occurring, "zero_division": 0}
    assert macro_f1(counts)[0] == pytest.approx(f1_score(truth, found, **options))
    assert accuracy(counts)[0] == pytest.approx(accuracy_score(truth, found))
    by_class = {"average": None, "labels": [0, 1, 2], "zero_division": np.nan}
    for number in range(3):
        wanted = recall_score(truth, found, **by_class)[number]
        assert recall(counts, number)[0] == pytest.approx(wanted, nan_ok=True)
        wanted = precision_score(truth, found, **by_class)[number]
        assert precision(counts, number)[0] == pytest.approx(wanted, nan_ok=True)
        assert found_share(counts, number)[0] == pytest.approx((found == number).mean())


@given(LABELS, LABELS, arrays(np.int64, ROWS, elements=st.integers(0, 4)))
def test_counts_of_units_add_up(truth, found, units):
    whole = count(truth, sure(found), np.zeros(ROWS, dtype=np.int64))
    parts = count(truth, sure(found), np.unique(units, return_inverse=True)[1])
    drawn = parts.drawn(np.ones((1, len(parts.confusion))))
    assert np.array_equal(drawn.confusion, whole.confusion)
    assert np.allclose(drawn.bins, whole.bins)


@pytest.mark.parametrize(("right", "error"), [(0.8, 0.0), (0.5, 0.3), (1.0, 0.2)])
def test_calibration_error_is_the_distance_of_sureness_and_truth(right, error):
    truth = np.arange(90) % 3
    found = truth.copy()
    wrong = round(90 * (1 - right))
    found[:wrong] = (found[:wrong] + 1) % 3
    counts = count(truth, sure(found), np.zeros(90, dtype=np.int64))
    assert calibration_error(counts)[0] == pytest.approx(error)


def speakers_who_differ(rate_by_speaker, rows=40):
    """Each speaker's rows are right at a rate of their own."""
    random = np.random.default_rng(0)
    truth = np.tile(np.arange(rows) % 3, len(rate_by_speaker))
    right = np.concatenate([random.random(rows) < rate for rate in rate_by_speaker])
    found = np.where(right, truth, (truth + 1) % 3)
    return truth, sure(found), np.repeat([f"s{n}" for n in range(len(rate_by_speaker))], rows)


def width(estimate):
    return estimate.high - estimate.low


def test_intervals_by_speaker_are_wider_than_by_row_where_speakers_differ():
    truth, triples, speakers = speakers_who_differ([0.95, 0.9, 0.5, 0.4, 0.99, 0.6])
    by_speaker, by_row = Bootstrap(truth, triples, speakers), Bootstrap(truth, triples, None)
    for measure in (macro_f1, accuracy, calibration_error):
        assert width(by_speaker.estimate(measure)) > 1.5 * width(by_row.estimate(measure))
        assert by_speaker.estimate(measure).value == pytest.approx(by_row.estimate(measure).value)


@given(st.lists(st.floats(0.2, 1.0), min_size=2, max_size=8))
def test_the_value_lies_within_the_range_of_draws_and_repeats(rates):
    truth, triples, speakers = speakers_who_differ(rates, rows=12)
    first = Bootstrap(truth, triples, speakers).measured()
    assert first == Bootstrap(truth, triples, speakers).measured()
    low, high = first["accuracy"].low, first["accuracy"].high
    assert 0 <= low <= high <= 1
    assert first["rows"] == len(truth)


def test_one_speaker_has_no_interval():
    truth, triples, speakers = speakers_who_differ([0.7])
    assert Bootstrap(truth, triples, speakers).estimate(macro_f1)[1:] == (None, None)


def test_a_class_that_does_not_occur_has_no_recall():
    truth = np.array([0, 0, 1, 1])
    measured = Bootstrap(truth, sure(truth), None).measured()
    assert measured["recall"]["positive"].value is None
    assert measured["macro_f1"].value == 1.0


def test_the_commonest_class_is_what_to_beat():
    base = always_commonest(np.array([0, 2, 2, 1]))
    assert base["label"] == "positive"
    assert base["accuracy"] == 0.5
    assert base["macro_f1"] == pytest.approx(2 / 3 / 3)
