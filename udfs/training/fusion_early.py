"""Train early fusion: one head over both embeddings, each side in turn dropped.

Every row that has both sides is seen whole, without its words and without its voice, and the three
losses count alike: modality dropout (Neverova et al. 2016, IEEE TPAMI 38(8)), each of its three
cases on every row rather than one at random. What the models' probabilities say is weighed as late
fusion learnt to and stays so; the head learns from the embeddings what that lacks. Each part of the
groups is held out once: a head learns from the others and stops when that part gets no better; the
mean of these heads is kept, and used in the cases in which it helped those it had not seen.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor, nn
from torch.nn import functional

from udfs.fusion import LABELS, AudioEvidence, PriorFusion, TextEvidence
from udfs.fusion_early import Array, EarlyFile, EarlyFusion, SideWeights
from udfs.fusion_features import AUDIO_FEATURES, TEXT_FEATURES, audio_features, text_features
from udfs.fusion_file import Side, Sides, TrainedFor
from udfs.fusion_late import Weights
from udfs.training.errors import TrainingError
from udfs.training.fusion_choice import Choice, choose
from udfs.training.fusion_late import fit_late, is_more_than_chance
from udfs.training.fusion_table import Example, FusionTable

NUM_HIDDEN = 16
"""Of each head; there is one for each part."""
NUM_PARTS = 3
"""Each part of the groups is held out once, to stop by and to judge by."""
DROPOUT = 0.3
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.02
BATCH_ROWS = 128
MAX_EPOCHS = 60
PATIENCE_EPOCHS = 6
LEAST_GAIN = 1e-4
SEED = 17
SIDES: tuple[Sides, ...] = ("both", "text", "audio")
"""The cases in which a row is seen."""


def train_early(table: FusionTable) -> tuple[EarlyFile, Choice]:
    """Measure each side, then fit on all rows what is kept.

    Raises:
        TrainingError: the table cannot be held out by group, or is of several models.
    """
    for side, ids in (("text", table.trained_for.text), ("audio", table.trained_for.audio)):
        if len(ids) > 1:
            msg = (
                f"table {table.path} has {side} embeddings of several models ({', '.join(ids)}): "
                "they lie in different spaces, give rows of one model"
            )
            raise TrainingError(msg)
    choice = choose(table, lambda examples: EarlyFusion(fit_early(examples), PriorFusion()))
    file = fit_early(
        table.examples,
        keeps=choice.keeps,
        alone=choice.alone,
        trained_for=table.trained_for,
        training={"table": table.digest, **choice.record()},
    )
    return file, choice


def fit_early(
    examples: Sequence[Example],
    *,
    keeps: Sides = "both",
    alone: tuple[Side, ...] = ("text", "audio"),
    trained_for: TrainedFor | None = None,
    training: dict[str, object] | None = None,
) -> EarlyFile:
    """The mean of one head for each part held out; of sides not used, weights are left out."""
    torch.manual_seed(SEED)
    rows = _Rows.of(examples)
    late = fit_late(examples).both
    heads = []
    gains = torch.zeros(len(SIDES), len(examples))
    for held_out in _parts(examples):
        head = _Head(rows, late)
        judge = torch.from_numpy(held_out)
        learn = torch.from_numpy(np.setdiff1d(np.arange(len(examples)), held_out))
        _optimise(head, rows.at(learn), rows.at(judge))
        gains[:, judge] = head.gains(rows.at(judge))
        heads.append(head)
    groups = np.array([example.group for example in examples])
    of_use = [is_more_than_chance(of_case, groups) for of_case in gains.double().numpy()]
    used = {*alone, *(("text", "audio") if keeps == "both" else (keeps,))}
    output = torch.cat([head.output.weight for head in heads], dim=1) / len(heads)
    return EarlyFile(
        trained_for=trained_for or TrainedFor(),
        keeps=keeps,
        alone=alone,
        training=training or {},
        hidden_bias=_array(torch.cat([head.hidden_bias for head in heads])),
        output=_array(output),
        output_bias=_array(heads[0].output_bias),
        embeddings_for=tuple(
            sides for sides, is_of_use in zip(SIDES, of_use, strict=True) if is_of_use
        ),
        text=_joined([head.text for head in heads]) if "text" in used else None,
        audio=_joined([head.audio for head in heads]) if "audio" in used else None,
    )


@dataclass(frozen=True)
class _Input:
    """One side of all rows; zeros where it is missing."""

    embedding: Tensor
    """(rows, embedding_size)"""
    features: Tensor
    """(rows, features)"""
    there: Tensor
    """(rows, 1): 1 or 0"""

    def at(self, rows: Tensor) -> _Input:
        return _Input(self.embedding[rows], self.features[rows], self.there[rows])


@dataclass(frozen=True)
class _Rows:
    text: _Input
    audio: _Input
    labels: Tensor

    @classmethod
    def of(cls, examples: Sequence[Example]) -> _Rows:
        text: list[TextEvidence | None] = [example.text for example in examples]
        audio: list[AudioEvidence | None] = [example.audio for example in examples]
        return cls(
            _input(text, text_features, len(TEXT_FEATURES)),
            _input(audio, audio_features, len(AUDIO_FEATURES)),
            torch.tensor([example.label for example in examples]),
        )

    def seen(self) -> Tensor:
        """(cases, rows): 1 where the sides of a case are there."""
        has_text, has_audio = self.text.there[:, 0], self.audio.there[:, 0]
        return torch.stack([has_text * has_audio, has_text, has_audio])

    def at(self, rows: Tensor) -> _Rows:
        return _Rows(self.text.at(rows), self.audio.at(rows), self.labels[rows])


def _input(evidence: Sequence[Any], features_of: Any, num_features: int) -> _Input:
    size = next((len(one.embedding) for one in evidence if one is not None), 0)
    embeddings = np.zeros((len(evidence), size), dtype=np.float32)
    features = np.zeros((len(evidence), num_features), dtype=np.float32)
    there = np.zeros((len(evidence), 1), dtype=np.float32)
    for row, one in enumerate(evidence):
        if one is not None:
            embeddings[row], features[row], there[row] = one.embedding, features_of(one), 1.0
    return _Input(*map(torch.from_numpy, (embeddings, features, there)))


class _SideHead(nn.Module):
    """What one side adds to the hidden layer and to the logits, on standardised embeddings."""

    def __init__(self, given: _Input, linear: Sequence[Sequence[float]]) -> None:
        super().__init__()
        known = given.embedding[given.there[:, 0] > 0]
        self.register_buffer("mean", known.mean(0) if len(known) else known.new_zeros(0))
        deviation = known.std(0, unbiased=False) if len(known) else known.new_ones(0)
        self.register_buffer("deviation", deviation.clamp(min=1e-3))
        self.hidden = nn.Linear(given.embedding.shape[1], NUM_HIDDEN)
        self.register_buffer("linear", torch.tensor(linear))

    def forward(self, given: _Input) -> tuple[Tensor, Tensor]:
        scaled = (given.embedding - self.mean) / self.deviation
        scaled = functional.dropout(scaled, DROPOUT, self.training)
        return given.there * self.hidden(scaled), given.there * (given.features @ self.linear.T)


class _Head(nn.Module):
    def __init__(self, rows: _Rows, late: Weights | None) -> None:
        super().__init__()
        assert late is not None  # noqa: S101 - for the type checker
        self.text = _SideHead(rows.text, late.text or ())
        self.audio = _SideHead(rows.audio, late.audio or ())
        self.register_buffer("output_bias", torch.tensor(late.bias))
        self.hidden_bias = nn.Parameter(torch.zeros(NUM_HIDDEN))
        self.output = nn.Linear(NUM_HIDDEN, len(LABELS), bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, rows: _Rows) -> tuple[Tensor, Tensor]:
        """Logits (cases, rows, 3) of the probabilities, and what the embeddings add to them."""
        text_hidden, text_logits = self.text(rows.text)
        audio_hidden, audio_logits = self.audio(rows.audio)
        hidden = torch.stack([text_hidden + audio_hidden, text_hidden, audio_hidden])
        hidden = functional.relu(self.hidden_bias + hidden)
        added = self.output(functional.dropout(hidden, DROPOUT, self.training))
        logits = torch.stack([text_logits + audio_logits, text_logits, audio_logits])
        return self.output_bias + logits, added

    def loss(self, rows: _Rows) -> Tensor:
        """Mean over rows and the cases in which each can be seen."""
        logits, added = self(rows)
        seen = rows.seen()
        return (_losses(logits + added, rows.labels) * seen).sum() / seen.sum()

    @torch.no_grad()
    def gains(self, rows: _Rows) -> Tensor:
        """(cases, rows): by how much the embeddings lower the loss."""
        logits, added = self(rows)
        gains = _losses(logits, rows.labels) - _losses(logits + added, rows.labels)
        return gains * rows.seen()


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """(cases, rows): minus the log-probability of each true label."""
    truth = labels.expand(len(logits), -1)
    return functional.cross_entropy(logits.flatten(0, 1), truth.flatten(), reduction="none").view(
        truth.shape
    )


def _optimise(head: _Head, learn: _Rows, judge: _Rows) -> None:
    """Leaves the head as it was best on the rows to judge by."""
    optimiser = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, best_loss, worse = copy.deepcopy(head.state_dict()), float("inf"), 0
    for _ in range(MAX_EPOCHS):
        head.train()
        for batch in torch.randperm(len(learn.labels)).split(BATCH_ROWS):
            optimiser.zero_grad()
            head.loss(learn.at(batch)).backward()
            optimiser.step()
        head.eval()
        with torch.no_grad():
            loss = float(head.loss(judge))
        if loss < best_loss - LEAST_GAIN:
            best, best_loss, worse = copy.deepcopy(head.state_dict()), loss, 0
        else:
            worse += 1
        if worse == PATIENCE_EPOCHS:
            break
    head.load_state_dict(best)
    head.eval()


def _joined(sides: Sequence[_SideHead]) -> SideWeights:
    """The hidden layers of several heads one below the other, mean and deviation folded in."""
    hidden = [side.hidden.weight / side.deviation for side in sides]
    bias = [side.hidden.bias - one @ side.mean for side, one in zip(sides, hidden, strict=True)]
    return SideWeights(
        hidden=_array(torch.cat(hidden)),
        hidden_bias=_array(torch.cat(bias)),
        linear=_array(sides[0].linear),
    )


def _parts(examples: Sequence[Example]) -> Iterator[NDArray[np.int64]]:
    """Rows held out, one part after another, by group; of a single group, by row."""
    groups = [example.group for example in examples]
    labels = [example.label for example in examples]
    if len(set(groups)) == 1:
        for part in range(NUM_PARTS):
            yield np.arange(part, len(groups), NUM_PARTS)
        return
    num_parts = min(NUM_PARTS, len(set(groups)), int(np.bincount(labels).max()))
    splitter = StratifiedGroupKFold(num_parts, shuffle=True, random_state=SEED)
    for _, held_out in splitter.split(labels, labels, groups):
        yield held_out


def _array(values: Tensor) -> Array:
    return Array.of(values.detach().double().numpy())
