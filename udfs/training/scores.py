"""Macro-F1 and recall per class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score

NAMES = ("negative", "neutral", "positive")


def classification_scores(truth: NDArray[np.int64], found: NDArray[np.int64]) -> dict[str, Any]:
    """Of labels 0, 1, 2 (negative, neutral, positive)."""
    recalls = recall_score(truth, found, average=None, labels=[0, 1, 2], zero_division=0)
    return {
        "macro_f1": round(float(f1_score(truth, found, average="macro")), 3),
        "recall": {n: round(float(r), 3) for n, r in zip(NAMES, recalls, strict=True)},
        "examples": len(truth),
    }
