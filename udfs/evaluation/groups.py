"""The same measures by group of callers: who is served worst, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.evaluation.measures import Bootstrap, Floats, Integers

MIN_ROWS = 10
"""Smaller groups are counted, not measured."""
MAX_VALUES = 60
"""A column with more values names rows, not groups."""


def by_group(
    truth: Integers,
    triples: Floats,
    groups: Mapping[str, NDArray[np.str_]],
    speakers: NDArray[np.str_] | None,
) -> dict[str, dict[str, Any]]:
    """For each column: its values' measures, the worst of them, and how far it is from the best.

    Worst and best are found among the groups with every class that occurs at all: macro-F1 over
    fewer classes is another measure.
    """
    found: dict[str, dict[str, Any]] = {}
    occurring = set(np.unique(truth).tolist())
    for column, values in groups.items():
        names = [name for name in np.unique(values).tolist() if name]
        if not 2 <= len(names) <= MAX_VALUES:  # noqa: PLR2004 (one group has no gap)
            continue
        measured, comparable, small = {}, {}, []
        for name in names:
            rows = values == name
            if rows.sum() < MIN_ROWS:
                small.append(name)
                continue
            within = None if speakers is None else speakers[rows]
            measured[name] = Bootstrap(truth[rows], triples[rows], within).measured()
            if set(np.unique(truth[rows]).tolist()) == occurring:
                comparable[name] = measured[name]["macro_f1"].value
        found[column] = {"values": measured, "too_small": small}
        if len(comparable) > 1:
            worst = min(comparable, key=comparable.__getitem__)
            best = max(comparable, key=comparable.__getitem__)
            found[column] |= {
                "worst": worst,
                "best": best,
                "gap": comparable[best] - comparable[worst],
            }
    return found
