"""How sure a measure is where rows of one call or speaker are alike: a bootstrap by group.

Whole groups are drawn with replacement (Davison and Hinkley 1997, section 3.8), and the measure is
taken anew each time; its 2.5 and 97.5 percentiles are the interval. Two rules are compared on the
same draws: the interval is that of their difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
"""(rows,): 0, 1, 2; found labels may be ``NO_ANSWER``."""
Counts = NDArray[np.float64]
"""(draws, labels, labels + 1): how many rows of a label were found as each, or got no answer."""
Measure = Callable[[Counts], NDArray[np.float64]]

NUM_LABELS = 3
NO_ANSWER = NUM_LABELS
NUM_DRAWS = 2_000
SEED = 17


class Interval(NamedTuple):
    """A measure and where it lies in 95 of 100 draws."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0.0


def macro_f1(counts: Counts) -> NDArray[np.float64]:
    """(draws,): mean F1 over the labels that occur; no answer is a wrong one."""
    right = np.einsum("dll->dl", counts[:, :, :NUM_LABELS])
    true, found = counts.sum(2), counts[:, :, :NUM_LABELS].sum(1)
    occurs = true > 0
    f1 = 2.0 * right / np.maximum(true + found, 1e-12)
    return (f1 * occurs).sum(1) / np.maximum(occurs.sum(1), 1)


def mean_recall(counts: Counts) -> NDArray[np.float64]:
    """(draws,): mean recall over the labels that occur; 1/labels for whoever knows nothing."""
    right = np.einsum("dll->dl", counts[:, :, :NUM_LABELS])
    true = counts.sum(2)
    occurs = true > 0
    return (right / np.maximum(true, 1e-12)).sum(1) / np.maximum(occurs.sum(1), 1)


class GroupBootstrap:
    """The same draws of groups for every measure of the same rows.

    Args:
        groups: (rows,), numbered.
        truth: (rows,), labels.
    """

    def __init__(self, groups: Labels, truth: Labels) -> None:
        self._numbers, self._groups = np.unique(groups, return_inverse=True)
        self._truth = truth
        num_groups = len(self._numbers)
        random = np.random.default_rng(SEED)
        # (draws, groups): how often each group is drawn; the first line is the table itself
        drawn = random.multinomial(num_groups, np.full(num_groups, 1 / num_groups), NUM_DRAWS)
        self._times = np.vstack([np.ones(num_groups), drawn])

    def interval(self, measure: Measure, found: Labels) -> Interval:
        """Of labels (rows,) found by one rule."""
        return _interval(measure(self._counts(found)))

    def difference(self, measure: Measure, found: Labels, other: Labels) -> Interval:
        """By how much one rule is above another on the same rows."""
        return _interval(measure(self._counts(found)) - measure(self._counts(other)))

    def above(self, measure: Measure, found: Labels, constant: float) -> Interval:
        """By how much one rule is above a number."""
        return _interval(measure(self._counts(found)) - constant)

    def _counts(self, found: Labels) -> Counts:
        shape = (len(self._numbers), NUM_LABELS, NUM_LABELS + 1)
        by_group = np.zeros(shape)
        np.add.at(by_group, (self._groups, self._truth, found), 1.0)
        return np.einsum("dg,glf->dlf", self._times, by_group)


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return Interval(float(values[0]), float(low), float(high))
