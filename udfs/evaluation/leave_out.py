"""Answers to a training set by heads that have not heard the speaker, nor, if asked, the sentence.

    all copies of all clips ─► features, once ─► for each speaker (and fold of sentences):
        fit on everyone else's other sentences ─► answers to what was left out

The temperature of a speaker's answers is fitted on the left-out answers to all other speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.evaluation.answers import Answers, Progress, Scorer, rows_that_count
from udfs.evaluation.conditions import heard, read
from udfs.evaluation.measures import Floats
from udfs.models.contract import Prior, Triple
from udfs.training.bases import load_base
from udfs.training.calibration import fit_temperature, triples_of, with_prior
from udfs.training.dataset import Dataset, read_dataset
from udfs.training.errors import TrainingError
from udfs.training.examples import examples_of
from udfs.training.feature_files import FeatureFiles, noises_about
from udfs.training.head import FeatureReader, Features, LinearHead, read_features
from udfs.training.manifest import Manifest
from udfs.training.recipe import Head, Recipe
from udfs.training.sounds import Waveform
from udfs.training.train import balance, head_of, learnt_shares

NUM_FOLDS = 5
"""Of a second column's values, such as sentences."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LeftOut:
    """Answers to everyone by those who do not know them, and the model that knows all."""

    answers: Answers
    score: Scorer


class Part(NamedTuple):
    """One turn: who is judged, and who is learnt from; (rows,) each."""

    judged: Mask
    learnt: Mask


def leave_one_out(
    manifest: Manifest,
    recipe: Recipe,
    by: Sequence[str],
    conditions: Sequence[str],
    *,
    operating_prior: Prior | None,
    skipped_labels: Sequence[str],
    noises: Sequence[Waveform],
    features: Path | None,
    progress: Progress,
) -> LeftOut:
    """Fit a head for each value of a column, and for each of five folds of a second one.

    What the base gives is kept in the folder ``features``, if any.

    Raises:
        TrainingError: the recipe fits no head, or a column is absent or has one value only.
    """
    if recipe.head is None:
        msg = "--leave-one-out needs a recipe with [head]: fine-tuning anew for each takes too long"
        raise TrainingError(msg)
    data = read_dataset(manifest, recipe)
    parts = left_out_parts(data.own, by)
    reader = _Reader(data, recipe, features)
    copies = reader.copies(progress)
    inputs: dict[str, NDArray[np.float32]] = {}
    for condition in conditions:
        inputs[condition] = reader.condition(condition, noises)
        progress(f"{condition}: {data.num_own} rows read")
    heads = _Heads(data, recipe.head, copies, operating_prior)
    triples = heads.left_out(parts, inputs, data.own.groups[by[0]], progress)
    counted = rows_that_count(data.own, skipped_labels)
    truth = data.labels.sentiments[data.indices[: data.num_own][counted]]
    answers = Answers(
        data.own.where(counted), truth, {name: found[counted] for name, found in triples.items()}
    )
    return LeftOut(answers, heads.scorer(reader))


def left_out_parts(manifest: Manifest, by: Sequence[str]) -> list[Part]:
    """Turns in which every row is judged once, by who knows neither its first value nor its fold.

    Raises:
        TrainingError: a column is absent or has one value only.
    """
    for column in by:
        values = manifest.groups.get(column)
        if values is None or len(set(values)) == 1:
            fault = "lacks" if values is None else "has one value only in"
            msg = (
                f"manifest {manifest.file} {fault} the column {column!r}, so none can be left out: "
                "name columns of several values in --leave-one-out"
            )
            raise TrainingError(msg)
    who = manifest.groups[by[0]]
    fold = None
    if len(by) > 1:
        names, numbers = np.unique(manifest.groups[by[1]], return_inverse=True)
        fold = numbers % min(NUM_FOLDS, len(names))
    parts = []
    for name in np.unique(who):
        for number in [None] if fold is None else np.unique(fold):
            judged, learnt = who == name, who != name
            if fold is not None:
                judged, learnt = judged & (fold == number), learnt & (fold != number)
            if judged.any():
                parts.append(Part(judged, learnt))
    return parts


class _Reader:
    """What the base's output layer gets, of training copies and of test conditions."""

    def __init__(self, data: Dataset, recipe: Recipe, features: Path | None) -> None:
        base = load_base(recipe.base, recipe.modality, data.labels, recipe.seed)
        self._files = FeatureFiles.of(features, data.manifest, recipe, base)
        self._data = data
        self._reader = FeatureReader(base)
        self._examples = examples_of(data.manifest, base.processor, recipe, data.own.file.parent)
        self._num_copies = recipe.num_copies

    def copies(self, progress: Progress) -> Features:
        return read_features(self._reader, self._examples, self._num_copies, self._files, progress)

    def condition(self, condition: str, noises: Sequence[Waveform]) -> NDArray[np.float32]:
        """(own rows, dim)."""
        name = f"{condition} with {noises_about(noises)}"
        return self._files.kept(name, partial(self._read_condition, condition, noises))[0]

    def _read_condition(self, condition: str, noises: Sequence[Waveform]) -> NDArray[np.float32]:
        own = self._data.own
        given = heard(own, condition, noises) if own.modality == "audio" else read(own, condition)
        return np.concatenate([self.read(one) for one in given])

    def read(self, given: Any) -> NDArray[np.float32]:
        """(1, dim) of one window or text."""
        return self._reader(self._examples.prepared([given]))


class _Heads:
    """Heads of some rows each, and how their logits become sentiments."""

    def __init__(
        self, data: Dataset, how: Head, features: Features, operating_prior: Prior | None
    ) -> None:
        self._data = data
        self._how = how
        self._features = features
        self._shares = learnt_shares(data.indices, data.labels, how.class_weights)
        self._training_prior = data.labels.prior(self._shares)
        self._operating_prior = operating_prior
        self._temperature = 1.0
        """Of the model that knows all."""

    def left_out(
        self,
        parts: Sequence[Part],
        inputs: dict[str, NDArray[np.float32]],
        who: NDArray[np.str_],
        progress: Progress,
    ) -> dict[str, Floats]:
        """By condition, sentiments (own rows, 3)."""
        data, num_labels = self._data, len(self._data.labels.names)
        own = self._features[:, : data.num_own]
        copies = np.zeros((len(own), data.num_own, num_labels), dtype=np.float32)
        logits = {name: np.zeros((data.num_own, num_labels), np.float32) for name in inputs}
        for number, part in enumerate(parts):
            head = self._fit(part.learnt)
            copies[:, part.judged] = head.logits(own[:, part.judged])
            for name, given in inputs.items():
                logits[name][part.judged] = head.logits(given[part.judged])
            if number % 10 == 9 or number + 1 == len(parts):  # noqa: PLR2004 (a line in ten)
                progress(f"left out {number + 1} of {len(parts)}")
        triples = {name: np.zeros((data.num_own, 3)) for name in inputs}
        for name in np.unique(who):
            judged = who == name
            temperature = self._fitted_temperature(copies, ~judged)
            for condition, found in logits.items():
                triples[condition][judged] = self._triples(found[judged], temperature)
        self._temperature = self._fitted_temperature(copies, np.ones(data.num_own, dtype=bool))
        return triples

    def scorer(self, reader: _Reader) -> Scorer:
        """The head of all rows."""
        everyone = self._fit(np.ones(self._data.num_own, dtype=bool))

        def score(given: Any) -> Triple:
            logits = everyone.logits(reader.read(given))
            return Triple(*self._triples(logits, self._temperature)[0].tolist())

        return score

    def _fit(self, own_rows: Mask) -> LinearHead:
        return head_of(self._features, self._data, self._data.with_extra(own_rows), self._how)

    def _fitted_temperature(self, copies: NDArray[np.float32], rows: Mask) -> float:
        data = self._data
        logits = copies[:, rows].reshape(-1, copies.shape[-1])
        truth = np.tile(data.indices[: data.num_own][rows], len(copies))
        weights = balance(truth, self._shares)
        return fit_temperature(logits, truth, data.labels, weights)

    def _triples(self, logits: NDArray[np.float32], temperature: float) -> Floats:
        triples = triples_of(logits, self._data.labels, temperature)
        return with_prior(triples, self._training_prior, self._operating_prior)
