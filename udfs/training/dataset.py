"""What is learnt from: a manifest's training rows and a recipe's extra examples, labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.training.errors import TrainingError
from udfs.training.labels import Integers, Labels, labels_of
from udfs.training.manifest import Manifest, joined, read_manifest
from udfs.training.recipe import Recipe


@dataclass(frozen=True)
class Dataset:
    """What is learnt from: the manifest's rows, then the recipe's extra examples."""

    own: Manifest
    """Rows of ``train`` and ``dev``; only these are held out."""
    manifest: Manifest
    """The own rows, then the extra ones."""
    labels: Labels
    indices: Integers
    """By row: the number of its label."""

    @property
    def num_own(self) -> int:
        return len(self.own)

    def with_extra(self, own_rows: NDArray[np.bool_]) -> Integers:
        """Numbers of some own rows, and of all extra ones."""
        extra = np.ones(len(self.manifest) - self.num_own, dtype=bool)
        return np.flatnonzero(np.concatenate([own_rows, extra]))


def read_dataset(manifest: Manifest, recipe: Recipe) -> Dataset:
    """Labels checked, extra examples read; rows of other splits than train and dev left out.

    Raises:
        TrainingError: nothing is left to train on, or what ``labels_of`` finds.
    """
    own = manifest.in_split("train", "dev")
    if own.split is not None and not (own.split == "train").any():
        msg = f"manifest {manifest.file} has no row whose split is train: name some so"
        raise TrainingError(msg)
    extra = [
        read_manifest(manifest.file.parent / name, recipe.modality).in_split("train")
        for name in recipe.extra_examples
    ]
    both = joined(own, *extra)
    labels = labels_of(both, recipe.labels)
    return Dataset(own, both, labels, labels.indices(both))
