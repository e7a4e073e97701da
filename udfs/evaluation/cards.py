"""An evaluation in a model's own card, beside the scores that training wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from udfs.evaluation.as_json import plain_values
from udfs.evaluation.evaluation import Evaluation, number, with_interval
from udfs.evaluation.measures import Estimate
from udfs.training.card import write_scores
from udfs.training.errors import TrainingError

FEW_GROUPS = 4
"""So many groups of a column stand in the card; of more, the one that is served worst."""
_MEASURES = ("rows", "macro_f1", "calibration_error", "recall", "precision")


def add_to_card(evaluation: Evaluation, model: Path) -> None:
    """Keep an evaluation in ``scores.json`` and write the card's table anew.

    Groups are told of the first condition; of all of them, the evaluation's own page tells.

    One of the same title is replaced, so that a model trained anew gets its figures anew.

    Raises:
        TrainingError: the folder holds no model that training wrote.
    """
    file = model / "scores.json"
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        msg = f"{file} cannot be read: name the folder of a model that train wrote"
        raise TrainingError(msg) from None
    conditions = {
        condition: {name: found["all"][name] for name in _MEASURES}
        for condition, found in evaluation["conditions"].items()
    }
    first, found = next(iter(evaluation["conditions"].items()))
    conditions[first]["groups"] = _groups(found)
    kept = {"conditions": conditions, "calm": evaluation["calm"]}
    scores.setdefault("evaluations", {})[title_of(evaluation)] = plain_values(kept)
    file.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    write_scores(model, evaluations_table(scores["evaluations"]))


def _groups(found: Mapping[str, Any]) -> dict[str, Any]:
    """By column: every group where they are few, else the one that is served worst."""
    kept = {}
    for column, groups in found["groups"].items():
        values = groups["values"]
        if len(values) > FEW_GROUPS:
            values = {name: values[name] for name in (groups.get("worst"),) if name}
        kept[column] = {
            name: {measure: one[measure] for measure in _MEASURES} for name, one in values.items()
        }
    return kept


def title_of(evaluation: Evaluation) -> str:
    prior = evaluation["operating_prior"]
    under = "without operating prior"
    if prior is not None:
        under = "operating prior " + " / ".join(f"{share:.0%}" for share in prior)
    return f"{evaluation['manifest']}, {evaluation['protocol']}, {under}"


def evaluations_table(evaluations: Mapping[str, Any]) -> str:
    """Markdown, a block for each evaluation."""
    lines = [
        "| | macro-F1 (95 %) | recall negative / neutral / positive | calibration error | rows |",
        "|---|---|---|---:|---:|",
    ]
    for title, evaluation in evaluations.items():
        lines.append(f"| **{title}** | | | | |")
        for condition, measured in evaluation["conditions"].items():
            lines.append(_line(condition, measured))
            for column, groups in measured.get("groups", {}).items():
                worst = "worst " if len(groups) == 1 else ""
                lines += (
                    _line(f"{condition}, {worst}{column} {name}", one)
                    for name, one in groups.items()
                )
        if calm := evaluation["calm"]:
            shares = " / ".join(number(Estimate(**one)) for one in calm["share"].values())
            lines.append(
                f"| calm calls: shares negative / neutral / positive | | {shares} | | "
                f"{calm['rows']} |"
            )
    return "\n".join(lines)


def _line(what: str, measured: Mapping[str, Any]) -> str:
    recalls = " / ".join(number(Estimate(**one)) for one in measured["recall"].values())
    return (
        f"| {what} | {with_interval(Estimate(**measured['macro_f1']))} | {recalls} | "
        f"{number(Estimate(**measured['calibration_error']))} | {measured['rows']} |"
    )
