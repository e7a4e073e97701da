from types import SimpleNamespace

import numpy as np
import pytest

from udfs.training.audio import TRAINING_PRIOR, Head, under_prior
from udfs.training.emodb import EMOTIONS, SENTIMENT_OF_EMOTION


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    emotion = np.repeat(np.arange(len(EMOTIONS)), 400)
    centre = np.eye(len(EMOTIONS))[emotion] * 8
    copies = [(centre + random.normal(size=centre.shape)).astype(np.float32) for _ in range(3)]
    return SimpleNamespace(emotion=emotion, copies=copies)


def test_seven_emotions_are_summed_to_three_sentiments(data):
    head = Head(data, np.ones(len(data.emotion), dtype=bool))
    triples = head.probabilities(data.copies[0])
    assert np.allclose(triples.sum(1), 1, atol=1e-5)
    truth = np.array(SENTIMENT_OF_EMOTION)[data.emotion]
    assert (triples.argmax(1) == truth).mean() > 0.95


def test_the_training_prior_changes_nothing():
    triples = np.array([[0.2, 0.5, 0.3]])
    assert np.allclose(under_prior(triples, TRAINING_PRIOR), triples)
    calmer = under_prior(triples, (0.15, 0.7, 0.15))
    assert calmer[0, 1] > 0.5
