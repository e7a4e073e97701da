"""What an interrupted training goes on from: one file, written in one step."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from udfs.training.errors import TrainingError

CHECKPOINT = "checkpoint.pt"


class Checkpoint:
    """A file that belongs to one recipe and one manifest."""

    def __init__(self, file: Path, fingerprint: str) -> None:
        self._file = file
        self._fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Tensors, numbers and words; a kill leaves the state before."""
        unfinished = self._file.with_suffix(".new")
        torch.save({"fingerprint": self._fingerprint, **state}, unfinished)
        unfinished.replace(self._file)

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None where nothing was.

        Raises:
            TrainingError: it is of another training, or damaged.
        """
        if not self._file.exists():
            return None
        state: dict[str, Any] = {}
        if zipfile.is_zipfile(self._file):  # torn otherwise
            state = torch.load(self._file, map_location="cpu", weights_only=True)
        if state.get("fingerprint") != self._fingerprint:
            msg = (
                f"{self._file} is of another recipe, manifest or seed, or damaged: "
                "train without --resume, or into another folder"
            )
            raise TrainingError(msg)
        return state

    def remove(self) -> None:
        self._file.unlink(missing_ok=True)
