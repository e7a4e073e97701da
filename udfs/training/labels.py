"""The labels of a manifest: which there are, what sentiment each stands for, how often it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.models.contract import ModelError, Prior
from udfs.models.labels import SENTIMENTS, sentiment_map
from udfs.training.errors import TrainingError
from udfs.training.manifest import Manifest
from udfs.training.recipe import ClassWeights

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Labels in the order of a model's outputs: by sentiment, then by name."""

    names: tuple[str, ...]
    sentiments: Integers
    """By label: 0 negative, 1 neutral, 2 positive."""

    def indices(self, manifest: Manifest) -> Integers:
        """By example: the number of its label."""
        numbers = {name: number for number, name in enumerate(self.names)}
        return np.array([numbers[label] for label in manifest.labels], dtype=np.int64)

    @property
    def id2label(self) -> dict[int, str]:
        return dict(enumerate(self.names))

    @property
    def label_map(self) -> dict[str, str]:
        return {
            name: SENTIMENTS[sentiment]
            for name, sentiment in zip(self.names, self.sentiments, strict=True)
        }

    def summed(self, probabilities: NDArray[np.floating[Any]]) -> Floats:
        """Of labels (rows, labels) to sentiments (rows, 3)."""
        return np.stack(
            [probabilities[:, self.sentiments == s].sum(1) for s in range(len(SENTIMENTS))], axis=1
        ).astype(np.float64)

    def prior(self, shares: Floats) -> Prior:
        """Shares of sentiments from shares of labels; none is 0, so Bayes' rule can divide."""
        summed = np.maximum(self.summed(shares[None])[0], 1e-4)
        negative, neutral, positive = (float(share) for share in summed / summed.sum())
        return (negative, neutral, positive)


def labels_of(manifest: Manifest, label_map: Mapping[str, str] | None) -> Labels:
    """The labels of a manifest.

    Raises:
        TrainingError: there is one only, one has no sentiment, or all mean the same.
    """
    names = sorted(set(manifest.labels))
    if len(names) == 1:
        msg = (
            f"manifest {manifest.file} has one label only ({names[0]}): "
            "give examples of two or more to tell apart"
        )
        raise TrainingError(msg)
    try:
        known = sentiment_map(dict(enumerate(names)), label_map, f"manifest {manifest.file}")
    except ModelError as error:
        raise TrainingError(str(error)) from None
    order = sorted(range(len(names)), key=lambda number: (known.sentiments[number], names[number]))
    return Labels(
        tuple(names[number] for number in order),
        np.array([known.sentiments[number] for number in order], dtype=np.int64),
    )


def shares_of(indices: Integers, num_labels: int) -> Floats:
    return np.bincount(indices, minlength=num_labels) / len(indices)


def class_weights(shares: Floats, kind: ClassWeights) -> Floats:
    """By label, 1 for a label of even share."""
    inverse = 1 / (len(shares) * np.maximum(shares, 1e-9))
    return {"none": np.ones_like(shares), "root": inverse**0.5, "balanced": inverse}[kind]
