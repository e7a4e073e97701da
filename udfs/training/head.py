"""A linear head on a base that stays as it is, over what its output layer gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from udfs.models.contract import ModelSpec
from udfs.models.loading import uses_bfloat16
from udfs.training.bases import BaseModel
from udfs.training.checkpoint import Checkpoint
from udfs.training.examples import Examples, Inputs, by_size
from udfs.training.labels import Integers
from udfs.training.recipe import Head

Features = NDArray[np.float32]
"""(copies, examples, dim): what the output layer gets."""
Progress = Callable[[str], None]
BATCH_SIZE = 8
ABSENT_BIAS = -20.0


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
    inputs: NDArray[np.float32], labels: Integers, num_labels: int, how: Head
) -> LinearHead:
    """Standardisation and classifier as one linear map.

    Args:
        inputs: (rows, dim)
        labels: (rows,) numbers below ``num_labels``
        num_labels: outputs of the head; a label without rows is made unlikely
        how: method and class weights
    """
    scaler = StandardScaler().fit(inputs)
    regression = classifier(how, len(np.unique(labels))).fit(scaler.transform(inputs), labels)
    coefficients, intercept = regression.coef_, regression.intercept_
    if len(coefficients) == 1:  # of two labels scikit-learn keeps the second one's half
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    weight = np.zeros((num_labels, inputs.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, ABSENT_BIAS, dtype=np.float32)
    weight[regression.classes_] = coefficients / scaler.scale_
    bias[regression.classes_] = intercept - (coefficients / scaler.scale_) @ scaler.mean_
    return LinearHead(weight, bias)


def classifier(how: Head, num_labels: int) -> LogisticRegression | LinearDiscriminantAnalysis:
    """What a recipe asks for, not yet fitted."""
    balanced = how.class_weights == "balanced"
    if how.method == "discriminant":
        return LinearDiscriminantAnalysis(
            solver="lsqr",
            shrinkage=how.shrinkage,
            priors=np.full(num_labels, 1 / num_labels) if balanced else None,
        )
    return LogisticRegression(
        C=how.inverse_regularization,
        class_weight="balanced" if balanced else None,
        max_iter=300,
        tol=1e-3,
    )


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
    checkpoint: Checkpoint,
    progress: Progress,
) -> Features:
    """Every copy of every example; copy 0 is the example itself.

    The checkpoint is written after each copy, and gone on from where there is one.

    Raises:
        TrainingError: the checkpoint is of another training.
    """
    state = checkpoint.load()
    copies = [] if state is None else [copy.numpy() for copy in state["copies"]]
    if copies:
        progress(f"resumed after copy {len(copies)}")
    while len(copies) < num_copies:
        copies.append(read_copy(reader, examples, len(copies)))
        checkpoint.save({"copies": [torch.from_numpy(copy) for copy in copies]})
        progress(f"read copy {len(copies)} of {num_copies}")
    return np.stack(copies)


def read_copy(reader: FeatureReader, examples: Examples, copy: int) -> NDArray[np.float32]:
    """(examples, dim) of one copy."""
    parts = by_size(np.arange(len(examples)), examples.sizes, BATCH_SIZE)
    read = np.concatenate([reader(examples.batch(part, copy)) for part in parts])
    in_order = np.empty_like(read)
    in_order[np.concatenate(parts)] = read
    return in_order
