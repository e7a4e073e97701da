"""A table to a trained fusion of either kind."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from udfs.evaluation.paired import in_words
from udfs.fusion_early import EarlyFile
from udfs.fusion_late import LateFile
from udfs.training.errors import TrainingError
from udfs.training.fusion_choice import Choice
from udfs.training.fusion_early import train_early
from udfs.training.fusion_late import train_late
from udfs.training.fusion_table import check_spread, read_fusion_table


def train(path: Path, kind: Literal["late", "early"]) -> tuple[LateFile | EarlyFile, Choice]:
    """Train on a table.

    Raises:
        TrainingError: the table cannot be used, or nothing in it tells the labels apart.
    """
    table = read_fusion_table(path, with_embeddings=kind == "early")
    check_spread(table, all_labels=True)
    file: LateFile | EarlyFile
    file, choice = train_late(table) if kind == "late" else train_early(table)
    if not choice.is_of_use:
        msg = (
            f"table {path}: neither words nor voice tell the labels apart (mean recall above "
            f"chance: text {in_words(choice.text_tells)}, "
            f"audio {in_words(choice.audio_tells)}): nothing is written; "
            "check the labels, or give more rows"
        )
        raise TrainingError(msg)
    return file, choice
