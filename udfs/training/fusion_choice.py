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
from sklearn.model_selection import StratifiedGroupKFold

from udfs.fusion import LABELS, Fused, Fuser, label_of
from udfs.fusion_file import Side, Sides
from udfs.training.errors import TrainingError
from udfs.training.fusion_table import Example, FusionTable
from udfs.training.group_bootstrap import (
    NO_ANSWER,
    GroupBootstrap,
    Interval,
    Labels,
    macro_f1,
    mean_recall,
)

NUM_FOLDS = 5
SEED = 17

Fit = Callable[[Sequence[Example]], Fuser]
"""Trains on examples a fuser that answers both sides and each alone."""


@dataclass(frozen=True)
class Choice:
    """What was found, on rows that have both sides, none of which was trained on."""

    num_rows: int
    num_groups: int
    fused: Interval
    text_alone: Interval
    audio_alone: Interval
    """Macro-F1."""
    text_adds: Interval
    """Macro-F1 of fused less that of audio alone."""
    audio_adds: Interval
    """Macro-F1 of fused less that of text alone."""
    text_tells: Interval
    """Mean recall of text alone less that of chance."""
    audio_tells: Interval

    @property
    def keeps(self) -> Sides:
        if self.text_adds.is_above_zero and self.audio_adds.is_above_zero:
            return "both"
        if self.text_adds.is_above_zero or self.audio_adds.is_above_zero:
            return "text" if self.text_adds.is_above_zero else "audio"
        return "text" if self.text_alone.value >= self.audio_alone.value else "audio"

    @property
    def alone(self) -> tuple[Side, ...]:
        """The sides that may answer where the other is missing."""
        sides: list[Side] = []
        if self.text_tells.is_above_zero or self.keeps == "text":
            sides.append("text")
        if self.audio_tells.is_above_zero or self.keeps == "audio":
            sides.append("audio")
        return tuple(sides)

    @property
    def is_of_use(self) -> bool:
        """Whether anything tells the labels apart."""
        return (
            self.keeps == "both" or self.text_tells.is_above_zero or self.audio_tells.is_above_zero
        )

    def record(self) -> dict[str, object]:
        """For the file; numbers of four digits."""
        intervals = {
            name: [round(number, 4) for number in value]
            for name, value in vars(self).items()
            if isinstance(value, Interval)
        }
        return {"rows": self.num_rows, "groups": self.num_groups, **intervals}


def choose(table: FusionTable, fit: Fit) -> Choice:
    """Measure what each side adds.

    Raises:
        TrainingError: a label has rows with both sides in fewer than two groups.
    """
    labels, groups = table.labels, table.groups
    has_both = np.array([example.has_both for example in table.examples])
    _check_both(table, labels[has_both], groups[has_both])
    both, text, audio = (np.full(len(labels), NO_ANSWER, dtype=np.int64) for _ in range(3))
    num_folds = min(NUM_FOLDS, len(set(groups)), int(np.bincount(labels).max()))
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=SEED)
    for train, held_out in splitter.split(np.zeros(len(labels)), labels, groups):
        fuser = fit([table.examples[row] for row in train])
        for row in held_out:
            example = table.examples[row]
            if example.has_both:
                both[row] = found_label(fuser.fuse(example.text, example.audio))
                text[row] = found_label(fuser.fuse(example.text, None))
                audio[row] = found_label(fuser.fuse(None, example.audio))
    return _choice(
        groups[has_both], labels[has_both], both[has_both], text[has_both], audio[has_both]
    )


def found_label(fused: Fused | None) -> int:
    return NO_ANSWER if fused is None else LABELS.index(label_of(fused.triple))


def _choice(groups: Labels, truth: Labels, both: Labels, text: Labels, audio: Labels) -> Choice:
    draws = GroupBootstrap(groups, truth)
    chance = 1.0 / len(np.unique(truth))
    return Choice(
        num_rows=len(truth),
        num_groups=len(np.unique(groups)),
        fused=draws.interval(macro_f1, both),
        text_alone=draws.interval(macro_f1, text),
        audio_alone=draws.interval(macro_f1, audio),
        text_adds=draws.difference(macro_f1, both, audio),
        audio_adds=draws.difference(macro_f1, both, text),
        text_tells=draws.above(mean_recall, text, chance),
        audio_tells=draws.above(mean_recall, audio, chance),
    )


def _check_both(table: FusionTable, labels: Labels, groups: Labels) -> None:
    for number, label in enumerate(LABELS):
        num_groups = len(np.unique(groups[labels == number]))
        if num_groups < 2:  # noqa: PLR2004 - one to learn from, one to judge by
            msg = (
                f"table {table.path}: label {label} has rows with both sides in {num_groups} "
                "groups: give at least two, so that one can be held out"
            )
            raise TrainingError(msg)
