"""What a base gave, kept in a folder, so that no later command reads the same sounds again.

A file's name is a digest of all that its numbers hang on, so none is taken for another's, and
whatever is in the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from udfs.training.bases import BaseModel
from udfs.training.manifest import Manifest
from udfs.training.recipe import Recipe
from udfs.training.sounds import Waveform, noise_files

Array = NDArray[np.float32]
_READ_BY = {"modality", "seed", "base", "audio", "text", "max_tokens"}
"""What of a recipe changes features; the rest concerns what is made of them."""


class FeatureFiles:
    """Arrays of one base, one manifest and one way to read it; kept nowhere without a folder."""

    def __init__(self, folder: Path | None, about: str = "") -> None:
        self._folder = folder
        self._about = about

    @classmethod
    def of(
        cls, folder: Path | None, manifest: Manifest, recipe: Recipe, base: BaseModel
    ) -> FeatureFiles:
        return cls(None) if folder is None else cls(folder, features_about(manifest, recipe, base))

    def kept(self, name: str, read: Callable[[], Array]) -> tuple[Array, bool]:
        """What is kept under a name, else what ``read`` gives, kept in one step.

        Returns:
            The array, and whether it was there before.
        """
        if self._folder is None:
            return read(), False
        file = self._folder / f"{digest_of([self._about.encode(), name.encode()])}.npy"
        if file.exists():
            return np.load(file), True
        found = read()
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".new")
        with unfinished.open("wb") as opened:
            np.save(opened, found)
        unfinished.replace(file)
        return found, False


def features_about(manifest: Manifest, recipe: Recipe, base: BaseModel) -> str:
    """A digest of what features hang on: recipe, base, texts or sounds, noise, torch.

    Not of this program: use another folder once it reads sounds in another way.
    """

    def parts() -> Iterable[bytes]:
        yield recipe.model_dump_json(include=_READ_BY).encode()
        yield torch.__version__.encode()
        for name, tensor in sorted(base.model.state_dict().items()):
            yield name.encode()
            yield tensor.detach().cpu().float().numpy().tobytes()
        for content, span in zip(manifest.contents, manifest.spans, strict=True):
            yield repr(span).encode()
            is_sound = manifest.modality == "audio"
            yield Path(content).read_bytes() if is_sound else str(content).encode()
        if recipe.audio is not None and recipe.audio.noise is not None:
            for noise in noise_files(manifest.file.parent / recipe.audio.noise):
                yield noise.read_bytes()

    return digest_of(parts())


def noises_about(noises: Sequence[Waveform]) -> str:
    return digest_of(noise.tobytes() for noise in noises)


def digest_of(parts: Iterable[bytes]) -> str:
    """SHA-256 of some parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
