"""Examples as a model takes them in: tensors of some rows, as they are or augmented.

Copy 0 of an example is the example itself; copy 1, 2, … are drawn from the seed, the copy and the
row, so that they are the same in any order, batch or process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udfs.models.contract import SAMPLE_RATE_HZ
from udfs.training.augment import condition_window, happens, training_window
from udfs.training.labels import Integers
from udfs.training.manifest import Manifest
from udfs.training.recipe import Recipe
from udfs.training.sounds import Waveform, read_noises

Inputs = dict[str, Tensor]


class Examples(Protocol):
    def __len__(self) -> int: ...

    @property
    def sizes(self) -> Integers:
        """What a batch of like length is put together by."""
        ...

    def batch(self, rows: Sequence[int] | Integers, copy: int) -> Inputs:
        """What a model is called with, first dimension the rows."""
        ...

    def prepared(self, given: Sequence[Any]) -> Inputs:
        """The same of windows (80000,) or texts from elsewhere."""
        ...


class AudioExamples:
    """Sounds of a manifest as windows of 5 s."""

    def __init__(self, manifest: Manifest, extractor: Any, recipe: Recipe, folder: Path) -> None:
        self._manifest = manifest
        self._extractor = extractor
        self._augmentation = recipe.audio
        self._seed = recipe.seed
        noise = recipe.audio.noise if recipe.audio else None
        self._noises = read_noises(folder / noise) if noise else []

    def __len__(self) -> int:
        return len(self._manifest)

    @property
    def sizes(self) -> Integers:
        return np.zeros(len(self), dtype=np.int64)

    def window(self, row: int, copy: int) -> Waveform:
        """(80000,) at 16 kHz."""
        random = np.random.default_rng([self._seed, copy, row])
        clip = self._manifest.sound(row)
        if copy == 0 or self._augmentation is None:
            return condition_window(clip, "clean", (), random)
        return training_window(clip, self._noises, random, self._augmentation)

    def batch(self, rows: Sequence[int] | Integers, copy: int) -> Inputs:
        return self.prepared([self.window(int(row), copy) for row in rows])

    def prepared(self, given: Sequence[Waveform]) -> Inputs:
        """Each window alone, as when it is scored; all have one shape."""
        inputs = [
            self._extractor(window, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
            for window in given
        ]
        return {name: torch.cat([one[name] for one in inputs]) for name in inputs[0]}


class TextExamples:
    """Texts of a manifest as tokens."""

    def __init__(self, manifest: Manifest, tokenizer: Any, recipe: Recipe) -> None:
        self._texts = manifest.contents
        self._tokenizer = tokenizer
        self._max_tokens = min(recipe.max_tokens, tokenizer.model_max_length)
        self._plain_share = recipe.text.plain_share if recipe.text else 0.0
        self._seed = recipe.seed

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def sizes(self) -> Integers:
        return np.char.str_len(self._texts)

    def text(self, row: int, copy: int) -> str:
        text = str(self._texts[row])
        strip = happens(self._plain_share, np.random.default_rng([self._seed, copy, row]))
        return (plain(text) or text) if copy and strip else text

    def batch(self, rows: Sequence[int] | Integers, copy: int) -> Inputs:
        return self.prepared([self.text(int(row), copy) for row in rows])

    def prepared(self, given: Sequence[str]) -> Inputs:
        texts = list(given)
        tokens = self._tokenizer(texts, truncation=True, max_length=self._max_tokens)["input_ids"]
        return padded(tokens, self._tokenizer.pad_token_id or 0)


def examples_of(manifest: Manifest, processor: Any, recipe: Recipe, folder: Path) -> Examples:
    """Examples of either modality; ``folder`` is where the recipe's noise folder lies."""
    if manifest.modality == "audio":
        return AudioExamples(manifest, processor, recipe, folder)
    return TextExamples(manifest, processor, recipe)


def padded(texts: Sequence[Sequence[int]], pad_id: int) -> Inputs:
    """Token ids and mask, both (texts, longest)."""
    longest = max(map(len, texts))
    ids = torch.full((len(texts), longest), pad_id, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def plain(text: str) -> str:
    """A text as a speech recogniser would write it: lower case, no punctuation."""
    words = re.sub(r"[^\w\s'\[\]]", " ", text.lower().replace("’", "'"))
    return " ".join(words.split())


def by_size(rows: Integers, sizes: Integers, batch_size: int) -> list[NDArray[np.int64]]:
    """Batches of rows of like size, small ones first; for scoring, where order is free."""
    ordered = rows[np.argsort(sizes[rows], kind="stable")]
    return [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
