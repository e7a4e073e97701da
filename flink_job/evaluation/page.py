"""An evaluation as one self-contained HTML page, by the report's script and styles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_job.evaluation.figures import (
    confusion_figure,
    group_figure,
    recall_figure,
    reliability_figure,
)
from flink_job.report.page import pack, render_page
from udfs.evaluation.evaluation import Evaluation, number, with_interval
from udfs.models.labels import SENTIMENTS

PAGE = "evaluation.html"


@dataclass(frozen=True)
class Chart:
    title: str
    packed: str
    height_px: int


@dataclass(frozen=True)
class Section:
    condition: str
    facts: str
    charts: list[Chart]
    gaps: list[str]


def write_page(evaluation: Evaluation, folder: Path) -> Path:
    """``evaluation.html`` in a folder that exists."""
    file = folder / PAGE
    file.write_text(render(evaluation), encoding="utf-8")
    return file


def render(evaluation: Evaluation) -> str:
    conditions = evaluation["conditions"]
    return render_page(
        "flink_job.evaluation",
        "evaluation.html.jinja",
        evaluation=evaluation,
        sentiments=SENTIMENTS,
        number=number,
        with_interval=with_interval,
        overview=_chart(recall_figure(conditions)),
        sections=[_section(name, found) for name, found in conditions.items()],
    )


def _section(condition: str, found: dict[str, Any]) -> Section:
    measured = found["all"]
    charts = [confusion_figure(measured), reliability_figure(measured)]
    gaps = []
    for column, groups in found["groups"].items():
        if groups["values"]:
            charts.append(group_figure(column, groups, measured["macro_f1"]))
        if "worst" in groups:
            gaps.append(
                f"{column}: worst {groups['worst']}, {groups['gap']:.3f} macro-F1 below "
                f"{groups['best']}"
            )
    facts = f"macro-F1 {with_interval(measured['macro_f1'])}"
    return Section(condition, facts, [_chart(figure) for figure in charts], gaps)


def _chart(figure: dict[str, Any]) -> Chart:
    return Chart(
        figure["layout"]["title"]["text"],
        pack(json.dumps(figure, separators=(",", ":"), allow_nan=False)),
        figure["layout"]["height"],
    )
