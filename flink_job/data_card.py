"""The generated parts of ``deploy/DATA_CARD.md``: how long data are kept, and how good scores are.

    python -m flink_job.data_card deploy/DATA_CARD.md

rewrites what stands between the markers ``<!-- retention -->`` … ``<!-- /retention -->`` and so on:
the first from the settings' defaults, the second from the shipped models' own ``scores.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from flink_job.marked_parts import with_part
from flink_job.retention_settings import RetentionSettings, retention_table
from udfs.models.source import PRETRAINED

MODELS: Final = ("call-sentiment-speech", "call-sentiment-text")


def rewritten(document: str) -> str:
    """The document with its parts as the code and the models have them.

    Raises:
        ValueError: a marker is missing.
    """
    document = with_part(document, "retention", retention_table(RetentionSettings()))
    return with_part(document, "scores", scores_table())


def scores_table() -> Iterator[str]:
    """Right answers by class, for each model, condition and group that was measured."""
    yield "| what was asked | negative found | neutral found | positive found | rows |"
    yield "|---|---:|---:|---:|---:|"
    for model in MODELS:
        file = PRETRAINED / model / "scores.json"
        evaluations = json.loads(file.read_text(encoding="utf-8"))["evaluations"]
        for title, evaluation in evaluations.items():
            yield f"| **{model}: {title}** | | | | |"
            yield from _lines(evaluation)


def _lines(evaluation: Mapping[str, Any]) -> Iterator[str]:
    for condition, measured in evaluation["conditions"].items():
        yield _line(condition, measured)
        for column, groups in measured.get("groups", {}).items():
            worst = "worst " if len(groups) == 1 else ""
            for name, one in groups.items():
                yield _line(f"{condition}, {worst}{column} {name}", one)
    if calm := evaluation["calm"]:
        shares = " | ".join(_percent(share["value"]) for share in calm["share"].values())
        yield f"| calm calls: how often each answer is given | {shares} | {calm['rows']} |"


def _line(what: str, measured: Mapping[str, Any]) -> str:
    recalls = " | ".join(_percent(recall["value"]) for recall in measured["recall"].values())
    return f"| {what} | {recalls} | {measured['rows']} |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
