"""The conditions a model is tried under: what calls do to sounds, recognisers to words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from udfs.training.augment import condition_window
from udfs.training.errors import TrainingError
from udfs.training.examples import plain
from udfs.training.manifest import Manifest
from udfs.training.recipe import Modality
from udfs.training.sounds import Waveform

AUDIO: Mapping[str, str] = {
    "clean": "clean",
    "telephone": "telephone",
    "noise-20": "20",
    "noise-10": "10",
    "noise-0": "0",
    "packet-loss": "packet loss",
}
"""Noise is on a telephone, over the clip, so many dB below its speech."""
WINDOW_NOISE: Mapping[str, str] = {"window-10": "window:10", "window-0": "window:0"}
"""Noise on a telephone over the whole window, the clip anywhere in it."""
TEXT = ("written", "recognised")
ALL = "all"
_SEED = 7


def chosen(conditions: str, modality: Modality) -> tuple[str, ...]:
    """Conditions of a list such as ``clean,telephone``, or of ``all``.

    Raises:
        TrainingError: there is no such condition.
    """
    usual = tuple(AUDIO) if modality == "audio" else TEXT
    known = (*usual, *WINDOW_NOISE) if modality == "audio" else TEXT
    if conditions == ALL:
        return usual
    names = tuple(dict.fromkeys(name.strip() for name in conditions.split(",")))
    for name in names:
        if name not in known:
            msg = f"no condition {name!r} for {modality}: choose among {', '.join(known)}, or all"
            raise TrainingError(msg)
    return names


def needs_noise(conditions: Sequence[str]) -> bool:
    return any(name.startswith(("noise-", "window-")) for name in conditions)


def heard(manifest: Manifest, condition: str, noises: Sequence[Waveform]) -> Iterator[Waveform]:
    """Every sound of a manifest under a condition, (80000,) each; noises are drawn in row order."""
    random = np.random.default_rng(_SEED)
    how = {**AUDIO, **WINDOW_NOISE}[condition]
    for row in range(len(manifest)):
        yield condition_window(manifest.sound(row), how, noises, random)


def read(manifest: Manifest, condition: str) -> Iterator[str]:
    """Every text of a manifest under a condition."""
    for text in manifest.contents:
        yield (plain(str(text)) or str(text)) if condition == "recognised" else str(text)
