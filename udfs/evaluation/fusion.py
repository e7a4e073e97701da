"""Fused against words alone, voice alone and the prior, on the same rows.

Words and voice alone are the models' own answers. Rows are parted by what is there, since a rule
with both sides and one with a single side answer different questions. Differences are paired, their
intervals drawn by group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from udfs.evaluation.measures import NUM_DRAWS, Bootstrap, macro_f1
from udfs.evaluation.paired import difference
from udfs.fusion import Fused, PriorFusion
from udfs.fusion_file import FusionFileError
from udfs.fusion_loading import TrainedFusion, load_fusion
from udfs.models.contract import Triple
from udfs.training.errors import TrainingError
from udfs.training.fusion_table import Example, FusionTable, check_spread, read_fusion_table

FUSED = "fused"
Rule = Callable[[Example], Triple | None]


def measure(model: Path, table: Path) -> dict[str, Any]:
    """The evaluation of a file on a table.

    Raises:
        TrainingError: one of them cannot be used, or they do not belong together.
    """
    try:
        fusion = load_fusion(model)
    except FusionFileError as error:
        msg = f"fusion {model} {error}"
        raise TrainingError(msg) from None
    rows = read_fusion_table(table, with_embeddings=fusion.kind == "early")
    check_spread(rows, all_labels=False)
    return evaluation_of(fusion, rows)


def evaluation_of(fusion: TrainedFusion, table: FusionTable) -> dict[str, Any]:
    """All that terminal, JSON and page show.

    Raises:
        TrainingError: the table is of other models than the fusion was trained for.
    """
    try:
        for model_id in table.trained_for.text:
            fusion.file.check_model("text", model_id)
        for model_id in table.trained_for.audio:
            fusion.file.check_model("audio", model_id)
    except FusionFileError as error:
        msg = f"table {table.path} does not fit this fusion, which {error}"
        raise TrainingError(msg) from None
    parts = {
        "both sides": [e for e in table.examples if e.has_both],
        "text alone": [e for e in table.examples if e.audio is None],
        "audio alone": [e for e in table.examples if e.text is None],
    }
    return {
        "model": fusion.fusion_model_id,
        "keeps": fusion.file.keeps,
        "alone": list(fusion.file.alone),
        "table": table.path.name,
        "rows": len(table.examples),
        "groups": len(table.group_names),
        "unlabelled": table.unlabelled,
        "trained_on_this_table": fusion.file.training.get("table") == table.digest,
        "drawn_by": "group",
        "draws": NUM_DRAWS,
        "windows": {name: _part(rows, fusion) for name, rows in parts.items() if rows},
    }


def _part(examples: Sequence[Example], fusion: TrainedFusion) -> dict[str, Any]:
    """The rules that answer these rows; fused is None where it gives no score there."""
    prior = PriorFusion()
    rules: dict[str, Rule] = {FUSED: lambda e: _triple(fusion.fuse(e.text, e.audio))}
    if all(e.text is not None for e in examples):
        rules["text"] = lambda e: e.text.triple if e.text else None
    if all(e.audio is not None for e in examples):
        rules["audio"] = lambda e: e.audio.triple if e.audio else None
    if all(e.has_both for e in examples):
        rules["prior"] = lambda e: _triple(prior.fuse(e.text, e.audio))
    draws = {name: _bootstrap(examples, rule) for name, rule in rules.items()}
    fused = draws[FUSED]
    return {
        "rows": len(examples),
        "groups": len({e.group for e in examples}),
        "rules": {name: one.measured() if one else None for name, one in draws.items()},
        "fused_less": {
            name: difference(macro_f1, fused, other)
            for name, other in draws.items()
            if name != FUSED and fused is not None and other is not None
        },
    }


def _bootstrap(examples: Sequence[Example], rule: Rule) -> Bootstrap | None:
    answers = [rule(example) for example in examples]
    if any(answer is None for answer in answers):
        return None
    return Bootstrap(
        np.array([example.label for example in examples], dtype=np.int64),
        np.array(answers, dtype=np.float64),
        np.array([example.group for example in examples]),
    )


def _triple(fused: Fused | None) -> Triple | None:
    return fused.triple if fused else None
