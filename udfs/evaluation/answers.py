"""What a model answers to a manifest, one window or text at a time, as in the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.evaluation.conditions import heard, read
from udfs.evaluation.measures import Floats, Integers
from udfs.models.contract import Triple
from udfs.training.labels import labels_of
from udfs.training.manifest import Manifest
from udfs.training.sounds import Waveform

Progress = Callable[[str], None]
Scorer = Callable[[Any], Triple]
"""A window (80000,) at 16 kHz, or a text -> probabilities."""


@dataclass(frozen=True)
class Answers:
    """A model's answers to the rows of a manifest that count."""

    manifest: Manifest
    truth: Integers
    """(rows,) 0, 1, 2"""
    triples: dict[str, Floats]
    """By condition, (rows, 3)."""


def rows_that_count(manifest: Manifest, skipped_labels: Sequence[str]) -> NDArray[np.bool_]:
    return ~np.isin(manifest.labels, list(skipped_labels))


def answers_of(
    score: Scorer,
    manifest: Manifest,
    conditions: Sequence[str],
    *,
    label_map: dict[str, Any] | None,
    skipped_labels: Sequence[str],
    noises: Sequence[Waveform],
    progress: Progress,
) -> Answers:
    """Score every row that counts under every condition.

    Raises:
        TrainingError: a label has no sentiment, there is one label only, a sound is unreadable.
    """
    counted = rows_that_count(manifest, skipped_labels)
    kept = manifest.where(counted)
    labels = labels_of(kept, label_map)
    triples = {}
    for condition in conditions:
        if manifest.modality == "audio":
            inputs: Any = heard(manifest, condition, noises)
        else:
            inputs = read(manifest, condition)
        # every row is drawn for, so that what one row hears hangs on no other's label
        found = [score(given) for given, counts in zip(inputs, counted, strict=True) if counts]
        triples[condition] = np.array(found, dtype=np.float64)
        progress(f"{condition}: {len(found)} rows scored")
    return Answers(kept, labels.sentiments[labels.indices(kept)], triples)
