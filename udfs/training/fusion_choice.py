"""What each side adds, by cross-validation: whole groups held out, fused against each side alone.

    table ─► five folds by group ─► fit on four, answer the fifth ─► paired differences ─► Choice

A side stays only where fusing beats the other side alone, the interval of the difference above
zero. A side may answer alone where it tells the labels apart at all: its mean recall above that of
chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from udfs.evaluation.measures import Bootstrap, Counts, Estimate, Floats, Integers, macro_f1, recall
from udfs.evaluation.paired import above, difference, is_above_zero
from udfs.fusion import LABELS, AudioEvidence, Fuser, TextEvidence
from udfs.fusion_file import Side, Sides
from udfs.training.errors import TrainingError
from udfs.training.fusion_table import Example, FusionTable

NUM_FOLDS = 5
SEED = 17

Fit = Callable[[Sequence[Example]], Fuser]
"""Trains on examples a fuser that answers both sides and each alone."""


@dataclass(frozen=True)
class Choice:
    """What was found, on rows that have both sides, none of which was trained on."""

    num_rows: int
    num_groups: int
    fused: Estimate
    text_alone: Estimate
    audio_alone: Estimate
    """Macro-F1."""
    text_adds: Estimate
    """Macro-F1 of fused less that of audio alone."""
    audio_adds: Estimate
    """Macro-F1 of fused less that of text alone."""
    text_tells: Estimate
    """Mean recall of text alone less that of chance."""
    audio_tells: Estimate

    @property
    def keeps(self) -> Sides:
        if is_above_zero(self.text_adds) and is_above_zero(self.audio_adds):
            return "both"
        if is_above_zero(self.text_adds) or is_above_zero(self.audio_adds):
            return "text" if is_above_zero(self.text_adds) else "audio"
        return "text" if (self.text_alone.value or 0) >= (self.audio_alone.value or 0) else "audio"

    @property
    def alone(self) -> tuple[Side, ...]:
        """The sides that may answer where the other is missing."""
        sides: list[Side] = []
        if is_above_zero(self.text_tells) or self.keeps == "text":
            sides.append("text")
        if is_above_zero(self.audio_tells) or self.keeps == "audio":
            sides.append("audio")
        return tuple(sides)

    @property
    def is_of_use(self) -> bool:
        """Whether anything tells the labels apart."""
        return (
            self.keeps == "both"
            or is_above_zero(self.text_tells)
            or is_above_zero(self.audio_tells)
        )

    def record(self) -> dict[str, object]:
        """For the file; numbers of four digits."""
        estimates = {
            name: [None if number is None else round(number, 4) for number in value]
            for name, value in vars(self).items()
            if isinstance(value, Estimate)
        }
        return {"rows": self.num_rows, "groups": self.num_groups, **estimates}


def choose(table: FusionTable, fit: Fit) -> Choice:
    """Measure what each side adds.

    Raises:
        TrainingError: a label has rows with both sides in fewer than two groups.
    """
    labels = table.labels
    groups = np.array([example.group for example in table.examples])
    has_both = np.array([example.has_both for example in table.examples])
    _check_both(table, labels[has_both], groups[has_both])
    both, text, audio = (np.full((len(labels), len(LABELS)), np.nan) for _ in range(3))
    num_folds = min(NUM_FOLDS, len(table.group_names), int(np.bincount(labels).max()))
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=SEED)
    for train, held_out in splitter.split(np.zeros(len(labels)), labels, groups):
        fuser = fit([table.examples[row] for row in train])
        for row in held_out[has_both[held_out]]:
            example = table.examples[row]
            both[row] = _answer(fuser, example.text, example.audio)
            text[row] = _answer(fuser, example.text, None)
            audio[row] = _answer(fuser, None, example.audio)
    fused, text_alone, audio_alone = (
        Bootstrap(labels[has_both], triples[has_both], groups[has_both])
        for triples in (both, text, audio)
    )
    chance = 1.0 / len(np.unique(labels[has_both]))
    return Choice(
        num_rows=int(has_both.sum()),
        num_groups=fused.num_units,
        fused=fused.estimate(macro_f1),
        text_alone=text_alone.estimate(macro_f1),
        audio_alone=audio_alone.estimate(macro_f1),
        text_adds=difference(macro_f1, fused, audio_alone),
        audio_adds=difference(macro_f1, fused, text_alone),
        text_tells=above(mean_recall, text_alone, chance),
        audio_tells=above(mean_recall, audio_alone, chance),
    )


def mean_recall(counts: Counts) -> Floats:
    """(draws,): over the labels that occur; 1/labels for whoever knows nothing."""
    recalls: Floats = np.nanmean([recall(counts, label) for label in range(len(LABELS))], axis=0)
    return recalls


def _answer(fuser: Fuser, text: TextEvidence | None, audio: AudioEvidence | None) -> Floats:
    fused = fuser.fuse(text, audio)
    if fused is None:
        msg = "a fuser in training answers whatever is there"
        raise ValueError(msg)
    return np.array(fused.triple)


def _check_both(table: FusionTable, labels: Integers, groups: NDArray[np.str_]) -> None:
    for number, label in enumerate(LABELS):
        num_groups = len(np.unique(groups[labels == number]))
        if num_groups < 2:  # noqa: PLR2004 - one to learn from, one to judge by
            msg = (
                f"table {table.path}: label {label} has rows with both sides in {num_groups} "
                "groups: give at least two, so that one can be held out"
            )
            raise TrainingError(msg)
