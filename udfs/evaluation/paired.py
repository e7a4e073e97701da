"""Two rules on the same rows: by how much one is better, drawn by group as each of them is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from udfs.evaluation.measures import INTERVAL_PERCENT, Bootstrap, Counts, Estimate, Floats


def difference(measure: Callable[[Counts], Floats], one: Bootstrap, other: Bootstrap) -> Estimate:
    """How far ``one`` is above ``other``; both of the same rows, so drawn alike."""
    return _estimate(measure(one.counts) - measure(other.counts), one.num_units)


def above(measure: Callable[[Counts], Floats], one: Bootstrap, constant: float) -> Estimate:
    """How far ``one`` is above a number."""
    return _estimate(measure(one.counts) - constant, one.num_units)


def is_above_zero(estimate: Estimate) -> bool:
    """Whether the whole interval is."""
    return estimate.low is not None and estimate.low > 0.0


def _estimate(values: Floats, num_units: int) -> Estimate:
    if num_units == 1:
        return Estimate(float(values[0]), None, None)
    low, high = np.percentile(values[1:], INTERVAL_PERCENT)
    return Estimate(float(values[0]), float(low), float(high))


def in_words(estimate: Estimate) -> str:
    """Such as 0.812 (0.774 to 0.851)."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
