"""A whole pass of our own voice model as one native call.

A worker runs all of a slot's steps as threads of one interpreter. Module by module, a pass comes
back to Python dozens of times, and each time waits for whichever step holds its lock; traced and
frozen, it asks for the lock once. The operations are the same, and so are the numbers. Where the
pass is in bfloat16, frozen weights are cast once and not with each window.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch

from udfs.models.embedding import EmbeddingTap
from udfs.models.light import LightModel

Pass: TypeAlias = Callable[[Mapping[str, torch.Tensor]], tuple[torch.Tensor, torch.Tensor | None]]
"""Named inputs of one fixed shape to the logits and what the classifying layer was given."""


class InOrder(torch.nn.Module):
    """A module whose inputs have an order instead of names, as traced ones must."""

    def __init__(self, model: Any, tap: EmbeddingTap, names: list[str], *, bfloat16: bool) -> None:
        super().__init__()
        self._model, self._tap, self._names = model, tap, names
        self._bfloat16 = bfloat16

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        # Casts are not kept: in a frozen pass, those of the weights are part of it.
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16, cache_enabled=False):
            logits = self._model(**dict(zip(self._names, inputs, strict=True))).logits
        return logits, self._tap.take()


def one_call(
    model: Any, tap: EmbeddingTap, example: Mapping[str, torch.Tensor], *, bfloat16: bool
) -> Pass:
    """A pass of ``model`` in one call, for inputs of the example's shape.

    Others' models are left as they are: what they compute may depend on more than the shape.

    Args:
        model: gives ``logits``.
        tap: on its classifying layer.
        example: its inputs by name.
        bfloat16: compute in bfloat16 where autocast does.
    """
    names = list(example)
    run: Any = InOrder(model, tap, names, bfloat16=bfloat16)
    if isinstance(model, LightModel):
        with torch.no_grad(), warnings.catch_warnings():
            # That only the one shape will do; and that torch.compile is the successor, which needs
            # a C++ compiler in the worker.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(run.eval(), tuple(example.values()), check_trace=False)
            run = torch.jit.freeze(traced)
    return lambda inputs: run(*(inputs[name] for name in names))
