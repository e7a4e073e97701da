"""Who is held out: whole speakers, so that nobody is both learnt from and judged by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from udfs.training.errors import TrainingError
from udfs.training.labels import Integers
from udfs.training.manifest import SPEAKER, Manifest

Mask = NDArray[np.bool_]


def folds(manifest: Manifest, labels: Integers, num_folds: int, seed: int) -> Iterator[Mask]:
    """Held-out parts (rows,) that cover all rows: by speaker, by row where there is no such column.

    Raises:
        TrainingError: there is one speaker only, or too few rows of a label.
    """
    speakers = manifest.speakers
    if speakers is not None:
        num_speakers = len(set(speakers))
        if num_speakers == 1:
            msg = (
                f"manifest {manifest.file} has one speaker only, so none can be held out: add "
                f"speakers, or a column split with train and dev, or drop the column {SPEAKER}"
            )
            raise TrainingError(msg)
        most = int(np.bincount(labels).max())
        splitter = StratifiedGroupKFold(
            min(num_folds, num_speakers, most), shuffle=True, random_state=seed
        )
    else:
        fewest = int(np.bincount(labels)[np.unique(labels)].min())
        if fewest == 1:
            msg = (
                f"manifest {manifest.file} has a label with one example only, so none can be held "
                "out: add examples, or a column split with train and dev"
            )
            raise TrainingError(msg)
        splitter = StratifiedKFold(min(num_folds, fewest), shuffle=True, random_state=seed)
    for _, rows in splitter.split(np.zeros(len(labels)), labels, groups=speakers):
        mask = np.zeros(len(labels), dtype=bool)
        mask[rows] = True
        if 0 < len(rows) < len(labels):
            yield mask


def held_out_part(manifest: Manifest, labels: Integers, share: float, seed: int) -> Mask:
    """One held-out part (rows,) of about ``share``; ``dev`` where the manifest is split.

    Raises:
        TrainingError: as ``folds``.
    """
    if manifest.split is not None and (manifest.split == "dev").any():
        dev: Mask = manifest.split == "dev"
        return dev
    return next(folds(manifest, labels, max(2, round(1 / share)), seed))
