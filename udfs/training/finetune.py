"""Gradient descent through a whole model, epoch by epoch, until held-out speakers gain no more.

    rows -> batches of like length -> augmented copies (one an epoch) -> loss -> AdamW
    after each epoch: macro-F1 of the held-out rows; the best weights; a checkpoint, as there is
    after every few hundred batches

Every epoch draws from its own seed and a checkpoint knows how far, so a training that goes on from
one ends in the same weights as one that was never interrupted.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch.nn import functional

from udfs.training.bases import BaseModel
from udfs.training.checkpoint import Checkpoint
from udfs.training.errors import TrainingError
from udfs.training.examples import Examples, by_size
from udfs.training.labels import Floats, Integers
from udfs.training.recipe import Finetune

Progress = Callable[[str], None]
SCORING_BATCH = 64
BLOCK_BATCHES = 50
"""Batches whose rows are sorted by length together."""
FINAL_RATE = 0.02
CHECKPOINT_BATCHES = 300


@dataclass(frozen=True)
class Rows:
    """Who is learnt from and who is held out, among the examples."""

    training: Integers
    held_out: Integers
    labels: Integers
    """By example."""


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _random() -> Any:
    """The library whose random state dropout is drawn from."""
    return torch.cuda if device().type == "cuda" else torch


def repeatable() -> None:
    """The same numbers in every run on the same machine."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True)


class Training:
    """The state of one fine-tuning: what a checkpoint holds, and the loop."""

    def __init__(
        self,
        base: BaseModel,
        examples: Examples,
        rows: Rows,
        how: Finetune,
        weights: Floats,
        seed: int,
    ) -> None:
        repeatable()
        self._model = base.model.to(device())
        self._examples = examples
        self._rows = rows
        self._how = how
        self._weights = torch.tensor(weights, dtype=torch.float32, device=device())
        self._seed = seed
        head = {id(parameter) for parameter in base.output_layer.parameters()}
        for name, parameter in self._model.named_parameters():
            parameter.requires_grad_(not name.startswith(how.frozen) or not how.frozen)
        learning = [p for p in self._model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in learning if id(p) not in head], "lr": how.learning_rate},
                {"params": [p for p in learning if id(p) in head], "lr": how.head_learning_rate},
            ],
            weight_decay=how.weight_decay,
        )
        steps = how.epochs * -(-len(rows.training) // how.batch_size)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer,
            lambda step: (
                min(1.0, (step + 1) / how.warmup_steps) * max(FINAL_RATE, 1 - step / steps)
            ),
        )
        self.scores: list[float] = []
        """Held-out macro-F1 after each epoch, over labels."""
        self._losses: list[float] = []
        """By batch of the epoch that is under way."""
        self._best: dict[str, Any] = {}

    def run(self, checkpoint: Checkpoint, progress: Progress) -> None:
        """Train to the end; the model then has the best epoch's weights.

        Args:
            checkpoint: written after every few hundred batches and each epoch; gone on from where
                there is one
            progress: told one line an epoch

        Raises:
            TrainingError: the checkpoint is of another training, or the loss is no number.
        """
        if state := checkpoint.load():
            self._restore(state)
            progress(f"resumed after epoch {len(self.scores)}, batch {len(self._losses)}")
        while len(self.scores) < self._how.epochs and not self._is_stale():
            loss = self._epoch(len(self.scores), checkpoint)
            score = self._held_out_score()
            if not self.scores or score > max(self.scores):
                self._best = copy.deepcopy(self._model.state_dict())
            self.scores.append(score)
            checkpoint.save(self._state())
            progress(
                f"epoch {len(self.scores)} of {self._how.epochs}: loss {loss:.3f}, "
                f"held-out macro-F1 {score:.3f}"
            )
        self._model.load_state_dict(self._best)
        self._model.eval().cpu()

    def _is_stale(self) -> bool:
        if not self.scores:
            return False
        return len(self.scores) - 1 - int(np.argmax(self.scores)) >= self._how.patience

    def _epoch(self, epoch: int, checkpoint: Checkpoint) -> float:
        self._model.train()
        batches = list(self._batches(np.random.default_rng([self._seed, epoch])))
        if not self._losses:
            torch.manual_seed(self._seed * 1_000 + epoch)  # dropout
        for number in range(len(self._losses), len(batches)):
            rows = batches[number]
            loss = self._loss(self._examples.batch(rows, epoch + 1), self._rows.labels[rows])
            self._optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._schedule.step()
            self._losses.append(loss.item())
            if len(self._losses) % CHECKPOINT_BATCHES == 0:
                checkpoint.save(self._state())
        losses, self._losses = self._losses, []
        if not np.isfinite(losses).all():
            msg = "the loss is no number: lower finetune.learning_rate in the recipe"
            raise TrainingError(msg)
        return float(np.mean(losses))

    def _loss(self, inputs: dict[str, torch.Tensor], labels: Integers) -> torch.Tensor:
        truth = torch.tensor(labels, device=device())
        if not self._how.consistency:
            return self._cross_entropy(self._logits(inputs), truth)
        twice = {name: torch.cat([tensor, tensor]) for name, tensor in inputs.items()}
        first, second = self._logits(twice).chunk(2)
        both = self._cross_entropy(first, truth) + self._cross_entropy(second, truth)
        return both / 2 + self._how.consistency * divergence(first, second)

    def _cross_entropy(self, logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            logits, truth, weight=self._weights, label_smoothing=self._how.label_smoothing
        )

    def _batches(self, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Every row once, rows of like length together."""
        order = random.permutation(self._rows.training)
        block_rows = self._how.batch_size * BLOCK_BATCHES
        for start in range(0, len(order), block_rows):
            block = order[start : start + block_rows]
            parts = by_size(block, self._examples.sizes, self._how.batch_size)
            for part in random.permutation(len(parts)):
                yield parts[part]

    def _logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        logits: torch.Tensor = self._model(
            **{name: tensor.to(device()) for name, tensor in inputs.items()}
        ).logits
        return logits

    @torch.no_grad()
    def logits(self, rows: Integers, copy_number: int = 0) -> NDArray[np.float32]:
        """(rows, labels) of some examples, in the order of ``rows``."""
        self._model.eval().to(device())
        found = np.empty((len(rows), len(self._weights)), dtype=np.float32)
        places = np.arange(len(rows))
        for part in by_size(places, self._examples.sizes[rows], SCORING_BATCH):
            inputs = self._examples.batch(rows[part], copy_number)
            found[part] = self._logits(inputs).float().cpu().numpy()
        return found

    def _held_out_score(self) -> float:
        found = self.logits(self._rows.held_out).argmax(1)
        truth = self._rows.labels[self._rows.held_out]
        return float(f1_score(truth, found, average="macro", zero_division=0))

    def _state(self) -> dict[str, Any]:
        return {
            "scores": self.scores,
            "losses": self._losses,
            "random": _random().get_rng_state(),
            "best": self._best,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.last_epoch,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.scores = state["scores"]
        self._losses = state["losses"]
        _random().set_rng_state(state["random"])
        self._best = state["best"]
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.last_epoch = state["schedule"]


def divergence(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """How much two passes over the same rows differ, as R-Drop counts it: a regulariser.

    The mean over rows of the Kullback-Leibler divergence, mean of both directions, in nats. Liang
    et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", https://arxiv.org/abs/2106.14448

    Args:
        first: logits (rows, labels).
        second: logits (rows, labels).
    """
    one, other = functional.log_softmax(first, dim=1), functional.log_softmax(second, dim=1)
    there = functional.kl_div(one, other, log_target=True, reduction="batchmean")
    back = functional.kl_div(other, one, log_target=True, reduction="batchmean")
    return (there + back) / 2
