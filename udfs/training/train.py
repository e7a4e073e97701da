"""From a manifest and a recipe to the folder of a model.

    manifest ─► labels ─► base ─► head or fine-tuning ─► temperature on held-out speakers ─► folder

The folder has weights (safetensors), config with label map, priors and temperature, the
processor's files, ``recipe.toml``, ``scores.json`` and the card.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udfs.models.labels import checked_prior
from udfs.training.bases import BaseModel, load_base
from udfs.training.calibration import fit_temperature, triples_of
from udfs.training.card import write_card
from udfs.training.checkpoint import CHECKPOINT, Checkpoint
from udfs.training.dataset import Dataset, read_dataset
from udfs.training.errors import TrainingError
from udfs.training.examples import Examples, examples_of
from udfs.training.feature_files import FeatureFiles
from udfs.training.finetune import Rows, Training, device
from udfs.training.head import (
    FeatureReader,
    Features,
    LinearHead,
    even_speakers,
    fit_head,
    read_features,
)
from udfs.training.held_out import folds, held_out_part
from udfs.training.labels import (
    Floats,
    Integers,
    Labels,
    class_weights,
    shares_of,
)
from udfs.training.manifest import SPEAKER, Manifest
from udfs.training.recipe import ClassWeights, Finetune, Head, Recipe
from udfs.training.scores import classification_scores

Progress = Callable[[str], None]
FEATURES = "features"
"""Of an output folder, while a head is fitted."""


@dataclass(frozen=True)
class HeldOut:
    """What the model said of people it did not know: for the temperature and the scores."""

    logits: NDArray[np.float32]
    """(rows, labels)"""
    truth: Integers


def train(
    manifest: Manifest,
    recipe: Recipe,
    output: Path,
    *,
    resume: bool,
    progress: Progress,
    features: Path | None = None,
) -> dict[str, Any]:
    """Train and write a model; returns its scores on held-out rows.

    Args:
        manifest: what to learn from
        recipe: and how
        output: folder of the model
        resume: go on from what an interruption left there
        progress: told a line now and then
        features: folder in which what a head learns from stays for later commands

    Raises:
        TrainingError, ModelError: one line on what is wrong and what to do.
    """
    prior = recipe.operating_prior and checked_prior(recipe.operating_prior, "the recipe")
    data = read_dataset(manifest, recipe)
    base = load_base(recipe.base, recipe.modality, data.labels, recipe.seed)
    examples = examples_of(data.manifest, base.processor, recipe, manifest.file.parent)
    output.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(output / CHECKPOINT, fingerprint(data.manifest, recipe))
    own_features = output / FEATURES
    if not resume:
        checkpoint.remove()
        rmtree(own_features, ignore_errors=True)
    if recipe.head is not None:
        files = FeatureFiles.of(features or own_features, data.manifest, recipe, base)
        held_out = _fit_head(base, data, examples, recipe, recipe.head, files, progress)
        label_shares = learnt_shares(data.indices, data.labels, recipe.head.class_weights)
    else:
        how = _chosen(recipe.finetune)
        held_out = _finetune(base, data, examples, recipe, how, checkpoint, progress)
        label_shares = learnt_shares(data.indices, data.labels, how.class_weights)
    weights = balance(held_out.truth, label_shares)
    temperature = fit_temperature(held_out.logits, held_out.truth, data.labels, weights)
    base.model.config.update(
        {
            "training_prior": data.labels.prior(label_shares),
            "operating_prior": prior,
            "calibration_temperature": temperature,
            "label_map": data.labels.label_map,
        }
    )
    base.save(output)
    triples = triples_of(held_out.logits, data.labels, temperature)
    truth = data.labels.sentiments[held_out.truth]
    scores = {"held out in training": classification_scores(truth, triples.argmax(1))}
    (output / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    write_card(output, recipe, data)
    checkpoint.remove()
    rmtree(own_features, ignore_errors=True)
    return scores


def use_threads(number: int) -> None:
    """CPU threads of torch; 0: as many as there are cores."""
    torch.set_num_threads(number or os.cpu_count() or 1)


def _chosen(how: Finetune | None) -> Finetune:
    if how is None:
        msg = "a recipe has [head] or [finetune]"
        raise TypeError(msg)
    return how


def learnt_shares(indices: Integers, labels: Labels, weighting: ClassWeights) -> Floats:
    """How often the model learnt to expect each label: its share times its weight."""
    shares = shares_of(indices, len(labels.names))
    weighed = shares * class_weights(shares, weighting)
    return weighed / weighed.sum()


def balance(truth: Integers, expected: Floats) -> Floats:
    """Weights (rows,) under which held-out labels come as often as the model expects them."""
    found = shares_of(truth, len(expected))
    return (expected / np.maximum(found, 1e-9))[truth]


def _fit_head(
    base: BaseModel,
    data: Dataset,
    examples: Examples,
    recipe: Recipe,
    how: Head,
    files: FeatureFiles,
    progress: Progress,
) -> HeldOut:
    """Fit on every row but ``dev``; held out: ``dev``, or all rows in turn."""
    base.model.to(device())
    features = read_features(FeatureReader(base), examples, recipe.num_copies, files, progress)
    own, own_labels = data.own, data.indices[: data.num_own]
    if own.split is not None and (own.split == "dev").any():
        parts = [own.split == "dev"]
        training = data.with_extra(own.split == "train")
    else:
        parts = list(folds(own, own_labels, how.folds, recipe.seed))
        training = data.with_extra(np.ones(len(own), dtype=bool))
    logits, truth = [], []
    for number, part in enumerate(parts):
        head = head_of(features, data, data.with_extra(~part), how)
        for one in features:
            logits.append(head.logits(one[: data.num_own][part]))
            truth.append(own_labels[part])
        progress(f"held out part {number + 1} of {len(parts)}")
    head_of(features, data, training, how).write_to(base)
    base.model.cpu()
    return HeldOut(np.concatenate(logits), np.concatenate(truth))


def head_of(features: Features, data: Dataset, rows: Integers, how: Head) -> LinearHead:
    """A head fitted to all copies of some rows.

    Raises:
        TrainingError: speakers are to count alike, and the manifest names none.
    """
    inputs = features[:, rows].reshape(-1, features.shape[-1])
    labels = data.indices[rows]
    weights = None
    if how.even_speakers:
        speakers = data.manifest.speakers
        if speakers is None:
            msg = (
                f"head.even_speakers needs speakers: add the column {SPEAKER!r} to "
                f"{data.manifest.file}, or leave the setting out"
            )
            raise TrainingError(msg)
        weights = np.tile(even_speakers(labels, speakers[rows]), len(features))
    return fit_head(inputs, np.tile(labels, len(features)), len(data.labels.names), how, weights)


def _finetune(
    base: BaseModel,
    data: Dataset,
    examples: Examples,
    recipe: Recipe,
    how: Finetune,
    checkpoint: Checkpoint,
    progress: Progress,
) -> HeldOut:
    own_labels = data.indices[: data.num_own]
    held_out = held_out_part(data.own, own_labels, how.held_out_share, recipe.seed)
    rows = Rows(data.with_extra(~held_out), np.flatnonzero(held_out), data.indices)
    shares = shares_of(data.indices[rows.training], len(data.labels.names))
    weights = class_weights(shares, how.class_weights)
    training = Training(base, examples, rows, how, weights, recipe.seed)
    training.run(checkpoint, progress)
    # as they are and as on a call: both are what the temperature must fit
    logits = np.concatenate([training.logits(rows.held_out, copy) for copy in (0, 1)])
    base.model.cpu()
    return HeldOut(logits, np.tile(data.indices[rows.held_out], 2))


def fingerprint(manifest: Manifest, recipe: Recipe) -> str:
    """What a checkpoint belongs to: recipe, rows and torch."""
    digest = hashlib.sha256(recipe.model_dump_json(exclude={"card"}).encode())
    for column in (manifest.contents, manifest.labels, np.array(manifest.spans, dtype=np.str_)):
        digest.update("\0".join(column.ravel().tolist()).encode())
    digest.update(torch.__version__.encode())
    return digest.hexdigest()
