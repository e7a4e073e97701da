"""A linear head on a base that stays as it is, over what its output layer gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from udfs.models.contract import ModelSpec
from udfs.models.torch_loading import uses_bfloat16
from udfs.training.bases import BaseModel
from udfs.training.examples import Examples, Inputs, by_size
from udfs.training.feature_files import FeatureFiles
from udfs.training.labels import Floats, Integers
from udfs.training.recipe import Head

Features = NDArray[np.float32]
"""(copies, examples, dim): what the output layer gets."""
Progress = Callable[[str], None]
BATCH_SIZE = 8
ABSENT_BIAS = -20.0
TINY_VARIANCE = 1e-6
"""Keeps a covariance of few rows solvable without shrinkage."""


@dataclass(frozen=True)
class LinearHead:
    weight: NDArray[np.float32]
    """(labels, dim)"""
    bias: NDArray[np.float32]

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, labels) of (rows, dim)."""
        return inputs @ self.weight.T + self.bias

    def write_to(self, base: BaseModel) -> None:
        layer = base.output_layer
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weight))
            layer.bias.copy_(torch.from_numpy(self.bias))


def fit_head(
    inputs: NDArray[np.float32],
    labels: Integers,
    num_labels: int,
    how: Head,
    weights: Floats | None = None,
) -> LinearHead:
    """Standardisation and classifier as one linear map.

    Args:
        inputs: (rows, dim)
        labels: (rows,) numbers below ``num_labels``
        num_labels: outputs of the head; a label without rows is made unlikely
        how: method and class weights
        weights: (rows,) how much each row counts within its label; None: all alike
    """
    scaler = StandardScaler().fit(inputs)
    scaled = scaler.transform(inputs)
    found, numbers = np.unique(labels, return_inverse=True)
    if weights is None:
        weights = np.ones(len(labels))
    # what even_speakers does within a label must not change how often the label is expected
    weights = weights / (np.bincount(numbers, weights) / np.bincount(numbers))[numbers]
    fit = discriminant if how.method == "discriminant" else regression
    coefficients, intercept = fit(scaled, numbers, weights, how)
    weight = np.zeros((num_labels, inputs.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, ABSENT_BIAS, dtype=np.float32)
    weight[found] = coefficients / scaler.scale_
    bias[found] = intercept - (coefficients / scaler.scale_) @ scaler.mean_
    return LinearHead(weight, bias)


def regression(
    inputs: NDArray[np.float32], labels: Integers, weights: Floats, how: Head
) -> tuple[Floats, Floats]:
    """Coefficients (labels, dim) and intercepts (labels,) by multinomial logistic regression."""
    fitted = LogisticRegression(
        C=how.inverse_regularization,
        class_weight="balanced" if how.class_weights == "balanced" else None,
        max_iter=300,
        tol=1e-3,
    ).fit(inputs, labels, sample_weight=weights)
    coefficients, intercept = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # of two labels scikit-learn keeps the second one's half
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients, intercept


def discriminant(
    inputs: NDArray[np.float32], labels: Integers, weights: Floats, how: Head
) -> tuple[Floats, Floats]:
    """The same by linear discriminant analysis: means, and one covariance around all of them.

    scikit-learn's takes no weights; with equal ones this is its ``lsqr``.
    """
    totals = np.bincount(labels, weights)
    even = how.class_weights == "balanced"
    prior = np.full(len(totals), 1 / len(totals)) if even else totals / totals.sum()
    within = (weights / totals[labels]).astype(np.float32)[:, None] * inputs
    means = np.stack([within[labels == number].sum(0) for number in range(len(totals))])
    residual = inputs - means[labels]
    row_weights = np.sqrt(prior[labels] * weights / totals[labels]).astype(np.float32)
    residual *= row_weights[:, None]
    covariance = (residual.T @ residual).astype(np.float64)
    covariance *= 1 - how.shrinkage
    variance = np.square(residual, dtype=np.float64).sum() / inputs.shape[1]
    covariance[np.diag_indices_from(covariance)] += how.shrinkage * variance + TINY_VARIANCE
    coefficients = np.linalg.solve(covariance, means.T.astype(np.float64)).T
    return coefficients, np.log(prior) - (coefficients * means).sum(1) / 2


def even_speakers(labels: Integers, speakers: NDArray[np.str_]) -> Floats:
    """Weights (rows,) under which a speaker's n rows of a label count n / (n + 1) together.

    So that a label is not how the one who gave most of it speaks.
    """
    _, cells = np.unique(np.stack([labels.astype(np.str_), speakers]), axis=1, return_inverse=True)
    return 1 / (np.bincount(cells)[cells] + 1.0)


class FeatureReader:
    """Runs a base as the job does and catches what its output layer gets."""

    def __init__(self, base: BaseModel) -> None:
        self._model: Any = base.model
        self._caught: torch.Tensor | None = None
        base.output_layer.register_forward_pre_hook(self._catch)

    def _catch(self, _layer: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        self._caught = inputs[0]

    @torch.inference_mode()
    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        """What the output layer gets, (rows, dim)."""
        device = next(self._model.parameters()).device
        self._caught = None
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(ModelSpec())):
            self._model(**{name: tensor.to(device) for name, tensor in inputs.items()})
        if self._caught is None or self._caught.ndim != 2:  # noqa: PLR2004 (rows, dim)
            msg = f"{type(self._model).__name__} gives its output layer no row an example"
            raise TypeError(msg)
        return self._caught.float().cpu().numpy()


def read_features(
    reader: FeatureReader,
    examples: Examples,
    num_copies: int,
    files: FeatureFiles,
    progress: Progress,
) -> Features:
    """Every copy of every example; copy 0 is the example itself. Each is kept once it is read."""
    copies = []
    for copy in range(num_copies):
        read, was_kept = files.kept(f"copy {copy}", partial(read_copy, reader, examples, copy))
        copies.append(read)
        progress(f"copy {copy + 1} of {num_copies} {'was' if was_kept else 'is'} read")
    return np.stack(copies)


def read_copy(reader: FeatureReader, examples: Examples, copy: int) -> NDArray[np.float32]:
    """(examples, dim) of one copy."""
    parts = by_size(np.arange(len(examples)), examples.sizes, BATCH_SIZE)
    read = np.concatenate([reader(examples.batch(part, copy)) for part in parts])
    in_order = np.empty_like(read)
    in_order[np.concatenate(parts)] = read
    return in_order
