"""Measures of three sentiments, each with a bootstrap interval by speaker.

Every measure is made of counts that add up over speakers (a confusion matrix, and rows, confidence
and hits by bin), so a draw of speakers is a weighted sum and a thousand draws one product. Rows of
one speaker are alike: drawing rows instead would make intervals too narrow (Davison and Hinkley
1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.models.labels import SENTIMENTS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NUM_CLASSES = len(SENTIMENTS)
NUM_BINS = 10
"""Of the top probability, equally wide."""
NUM_DRAWS = 1_000
SEED = 17
INTERVAL_PERCENT = (2.5, 97.5)


class Estimate(NamedTuple):
    """A measure and where it lies in 95 of 100 draws; None where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Counts:
    """What adds up; the first dimension is units to draw, or draws."""

    confusion: Floats
    """(units, true, found)"""
    bins: Floats
    """(units, bins, 3): rows, sum of the top probability, right ones."""

    def drawn(self, times: Floats) -> Counts:
        """Sums over units, each taken ``times`` (draws, units)."""
        return Counts(
            np.tensordot(times, self.confusion, axes=1), np.tensordot(times, self.bins, axes=1)
        )


def count(truth: Integers, triples: Floats, units: Integers) -> Counts:
    """Counts by unit.

    Args:
        truth: (rows,) 0, 1, 2
        triples: (rows, 3)
        units: (rows,) numbers from 0 without gaps
    """
    num_units = int(units.max()) + 1
    found, top = triples.argmax(1), triples.max(1)
    confusion = np.zeros((num_units, NUM_CLASSES, NUM_CLASSES))
    np.add.at(confusion, (units, truth, found), 1.0)
    bins = np.zeros((num_units, NUM_BINS, 3))
    at = np.minimum((top * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    facts = np.stack([np.ones_like(top), top, (found == truth).astype(np.float64)], axis=1)
    np.add.at(bins, (units, at), facts)
    return Counts(confusion, bins)


def macro_f1(counts: Counts) -> Floats:
    """(draws,): mean F1 over the classes that occur."""
    right, true, found = _margins(counts)
    return _mean_where(2 * right / np.maximum(true + found, 1e-12), true > 0)


def accuracy(counts: Counts) -> Floats:
    right, true, _ = _margins(counts)
    return right.sum(1) / np.maximum(true.sum(1), 1e-12)


def calibration_error(counts: Counts) -> Floats:
    """(draws,): expected calibration error of the top probability, ten equally wide bins.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599: the mean distance of confidence and accuracy.
    """
    rows, confidence, right = np.moveaxis(counts.bins, 2, 0)
    return np.abs(confidence - right).sum(1) / np.maximum(rows.sum(1), 1e-12)


def recall(counts: Counts, sentiment: int) -> Floats:
    """(draws,): NaN where the class does not occur."""
    right, true, _ = _margins(counts)
    return _ratio(right[:, sentiment], true[:, sentiment])


def precision(counts: Counts, sentiment: int) -> Floats:
    """(draws,): NaN where the class is never found."""
    right, _, found = _margins(counts)
    return _ratio(right[:, sentiment], found[:, sentiment])


def found_share(counts: Counts, sentiment: int) -> Floats:
    """(draws,): how often the class is the answer."""
    _, _, found = _margins(counts)
    return _ratio(found[:, sentiment], found.sum(1))


def _margins(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Right, true and found ones, each (draws, classes)."""
    confusion = counts.confusion
    return np.einsum("dcc->dc", confusion), confusion.sum(2), confusion.sum(1)


def _mean_where(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    return (values * counted).sum(1) / np.maximum(counted.sum(1), 1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1e-12), np.nan)


class Bootstrap:
    """One set of rows, drawn by speaker, or by row where nobody is named.

    Args:
        truth: (rows,) 0, 1, 2
        triples: (rows, 3)
        speakers: (rows,), or None
    """

    def __init__(self, truth: Integers, triples: Floats, speakers: NDArray[np.str_] | None) -> None:
        if speakers is None:
            units = np.arange(len(truth))
        else:
            units = np.unique(speakers, return_inverse=True)[1].astype(np.int64)
        by_unit = count(truth, triples, units)
        self.num_units = len(by_unit.confusion)
        random = np.random.default_rng(SEED)
        shares = np.full(self.num_units, 1 / self.num_units)
        drawn = random.multinomial(self.num_units, shares, NUM_DRAWS)
        # The first line is the rows themselves.
        times = np.vstack([np.ones(self.num_units), drawn])
        self.counts = by_unit.drawn(times)

    def estimate(self, measure: Callable[[Counts], Floats]) -> Estimate:
        """A measure and its interval; one speaker alone has none."""
        values = measure(self.counts)
        drawn = values[1:][np.isfinite(values[1:])]
        if self.num_units == 1 or not len(drawn) or not np.isfinite(values[0]):
            return Estimate(float(values[0]) if np.isfinite(values[0]) else None, None, None)
        low, high = np.percentile(drawn, INTERVAL_PERCENT)
        return Estimate(float(values[0]), float(low), float(high))

    def measured(self) -> dict[str, Any]:
        """All measures of these rows, as they go into the report."""
        confusion, bins = self.counts.confusion[0], self.counts.bins[0]
        return {
            "rows": int(confusion.sum()),
            "units": self.num_units,
            "macro_f1": self.estimate(macro_f1),
            "accuracy": self.estimate(accuracy),
            "calibration_error": self.estimate(calibration_error),
            "recall": self._by_class(recall),
            "precision": self._by_class(precision),
            "confusion": confusion.astype(int).tolist(),
            "reliability": [
                {
                    "from": number / NUM_BINS,
                    "rows": int(rows),
                    "confidence": confidence / rows,
                    "right": right / rows,
                }
                for number, (rows, confidence, right) in enumerate(bins.tolist())
                if rows
            ],
        }

    def _by_class(self, measure: Callable[..., Floats]) -> dict[str, Estimate]:
        return {
            name: self.estimate(partial(measure, sentiment=number))
            for number, name in enumerate(SENTIMENTS)
        }


def always_commonest(truth: Integers) -> dict[str, Any]:
    """What answering the commonest class to everything would reach."""
    commonest = int(np.bincount(truth, minlength=NUM_CLASSES).argmax())
    triples = np.tile(np.eye(NUM_CLASSES)[commonest], (len(truth), 1))
    counts = count(truth, triples, np.zeros(len(truth), dtype=np.int64))
    return {
        "label": SENTIMENTS[commonest],
        "macro_f1": float(macro_f1(counts)[0]),
        "accuracy": float(accuracy(counts)[0]),
    }
