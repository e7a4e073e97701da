import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.models.contract import ModelError, Triple
from udfs.models.labels import checked_prior, sentiment_map, with_operating_prior

shares = st.tuples(*[st.floats(0.01, 1.0)] * 3).map(lambda s: tuple(x / sum(s) for x in s))


def map_of(*labels, label_map=None):
    return sentiment_map(dict(enumerate(labels)), label_map, "some/model")


def test_the_labels_of_superb_mean_negative_neutral_positive():
    triple = map_of("neu", "hap", "ang", "sad").triple([0.1, 0.2, 0.3, 0.4])
    assert triple == pytest.approx((0.7, 0.1, 0.2))


def test_labels_that_mean_the_same_are_summed():
    emotions = ("anger", "disgust", "fear", "sadness", "neutral", "happiness", "boredom")
    triple = map_of(*emotions).triple([0.1, 0.2, 0.05, 0.15, 0.2, 0.2, 0.1])
    assert triple == pytest.approx((0.5, 0.3, 0.2))


def test_case_of_a_label_does_not_matter():
    assert map_of("POSITIVE", "Neutral", "negative").sentiments == (2, 1, 0)


def test_an_unknown_label_is_refused_with_its_name_and_the_remedy():
    with pytest.raises(ModelError, match=r"some/model has the label 'LABEL_0'.*set a label map"):
        map_of("LABEL_0", "LABEL_1", "LABEL_2")


def test_a_label_map_gives_any_label_a_meaning():
    label_map = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}
    assert map_of("LABEL_0", "LABEL_1", "LABEL_2", label_map=label_map).sentiments == (0, 1, 2)


def test_a_label_map_replaces_the_known_meanings_wholly():
    with pytest.raises(ModelError, match="'neu'"):
        map_of("neu", "hap", label_map={"hap": "positive"})


def test_a_label_map_to_something_else_is_refused():
    with pytest.raises(ModelError, match="'sad' is mapped to 'bad'"):
        map_of("sad", "hap", label_map={"sad": "bad", "hap": "positive"})


def test_labels_that_all_mean_the_same_are_refused():
    with pytest.raises(ModelError, match="all mean the same"):
        map_of("ang", "sad")


@given(triple=shares, prior=shares)
def test_the_same_prior_changes_nothing(triple, prior):
    assert with_operating_prior(Triple(*triple), prior, prior) == pytest.approx(triple)


@given(triple=shares, training=shares, operating=shares)
def test_a_prior_keeps_a_distribution_and_weighs_by_its_ratio(triple, training, operating):
    found = with_operating_prior(Triple(*triple), training, operating)
    assert math.isclose(sum(found), 1)
    odds = triple[0] / triple[1] * (operating[0] / training[0]) / (operating[1] / training[1])
    assert found.negative / found.neutral == pytest.approx(odds)


@pytest.mark.parametrize("prior", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1)])
def test_what_is_no_prior_is_refused(prior):
    with pytest.raises(ModelError, match="sum to 1"):
        checked_prior(prior, "some/model")
