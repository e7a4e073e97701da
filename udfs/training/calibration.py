"""Temperature: one number that makes the probabilities true on people the model has not heard.

Guo et al. 2017, "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599,
with the likelihood of the sentiment, to which the labels' probabilities are summed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from udfs.models.contract import Prior
from udfs.training.labels import Floats, Integers, Labels

RANGE = (0.2, 5.0)


def fit_temperature(
    logits: NDArray[np.floating[Any]], truth: Integers, labels: Labels, weights: Floats
) -> float:
    """The temperature under which held-out sentiments are likeliest, within ``RANGE``.

    Args:
        logits: (rows, labels) of held-out rows
        truth: (rows,) numbers of the true labels
        labels: what they stand for
        weights: (rows,) how much each row counts
    """
    rows = np.arange(len(truth))
    sentiment = labels.sentiments[truth]

    def loss(log_temperature: float) -> float:
        triples = triples_of(logits, labels, float(np.exp(log_temperature)))
        likelihood = np.maximum(triples[rows, sentiment], 1e-12)
        return -float(np.average(np.log(likelihood), weights=weights))

    low, high = np.log(RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return round(float(np.exp(best.x)), 4)


def triples_of(logits: NDArray[np.floating[Any]], labels: Labels, temperature: float) -> Floats:
    """Sentiments (rows, 3) of logits (rows, labels)."""
    return labels.summed(softmax(logits.astype(np.float64) / temperature, axis=1))


def with_prior(triples: Floats, training: Prior, operating: Prior | None) -> Floats:
    """Bayes' correction of (rows, 3) for other class shares; none where ``operating`` is None."""
    if operating is None:
        return triples
    weighed = triples * np.array(operating) / np.array(training)
    corrected: Floats = weighed / weighed.sum(1, keepdims=True)
    return corrected
