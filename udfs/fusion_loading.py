"""A fusion file to the rule that applies it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from udfs.fusion import Fuser, PriorFusion
from udfs.fusion_early import EarlyFile, EarlyFusion
from udfs.fusion_file import FusionFileError, Side, read_bytes, read_checked
from udfs.fusion_late import LateFile, LateFusion
from udfs.models.contract import AudioModel, TextModel, embedding_size_of

TrainedFusion: TypeAlias = LateFusion | EarlyFusion


def load_fusion(path: Path, prior: Fuser | None = None) -> TrainedFusion:
    """Read a file that ``train fusion`` wrote.

    Args:
        path: the file.
        prior: fuses windows that an early fusion cannot, for they were scored without embeddings.

    Raises:
        FusionFileError: it cannot be read or used; the message begins after the path.
    """
    return fusion_of(read_checked(read_bytes(path), LateFile | EarlyFile), prior)


def fusion_of(file: LateFile | EarlyFile, prior: Fuser | None = None) -> TrainedFusion:
    """The rule of a file.

    Raises:
        FusionFileError: its weights do not fit each other.
    """
    if isinstance(file, LateFile):
        return LateFusion(file)
    return EarlyFusion(file, prior or PriorFusion())


def check_models(
    fusion: TrainedFusion, text: Iterable[TextModel], audio: Iterable[AudioModel]
) -> None:
    """Whether a fusion was trained on what these models answer, and they give what it needs.

    Raises:
        FusionFileError: the message begins after the path.
    """
    of_side: tuple[tuple[Side, tuple[TextModel | AudioModel, ...]], ...] = (
        ("text", tuple(text)),
        ("audio", tuple(audio)),
    )
    for side, models in of_side:
        for model in models:
            fusion.file.check_model(side, model.model_id)
            if isinstance(fusion, EarlyFusion):
                fusion.check_embedding(side, model.model_id, embedding_size_of(model))


__all__ = ["FusionFileError", "TrainedFusion", "check_models", "fusion_of", "load_fusion"]
