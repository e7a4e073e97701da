"""A fusion's evaluation as one self-contained page, drawn like the report of calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flink_job.fusion_view import NAMES, line_of, notes
from flink_job.report import wording
from flink_job.report.figure import AUDIO_COLOUR, FUSED_COLOUR, ROLLING_COLOUR, TEXT_COLOUR, Figure
from flink_job.report.page import pack, render_page
from udfs.fusion import LABELS

COLOURS = {
    "fused": FUSED_COLOUR,
    "text": TEXT_COLOUR,
    "audio": AUDIO_COLOUR,
    "prior": ROLLING_COLOUR,
}
HEIGHT_PX = 360
HEADS = ("macro-F1", "recall −/0/+", "calibration error", "fused less this")


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    figure: str
    """Packed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Windows with both sides, or with one alone."""

    name: str
    rows: int
    groups: int
    lines: list[list[str]]
    charts: list[Chart]


def write_fusion_page(evaluation: Mapping[str, Any], output: Path) -> None:
    """Writes the page of what ``udfs.evaluation.fusion`` measured."""
    page = render_page(
        "flink_job.report",
        "fusion.html.jinja",
        model=evaluation["model"],
        table=evaluation["table"],
        notes=notes(evaluation),
        heads=HEADS,
        parts=[_part(name, part) for name, part in evaluation["windows"].items()],
        height_px=HEIGHT_PX,
        made=wording.moment(int(datetime.now(UTC).timestamp() * 1000)),
    )
    output.write_text(page, encoding="utf-8")


def _part(name: str, part: Mapping[str, Any]) -> Part:
    return Part(
        name=name,
        rows=part["rows"],
        groups=part["groups"],
        lines=[line_of(rule, measured, part) for rule, measured in part["rules"].items()],
        charts=[
            Chart(title, pack(json.dumps(figure, separators=(",", ":"), allow_nan=False)))
            for title, figure in figures(part)
        ],
    )


def figures(part: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Title and figure of each chart; as plain dicts in Plotly's schema."""
    rules = {rule: measured for rule, measured in part["rules"].items() if measured is not None}
    yield (
        "Macro-F1 of each rule, with its interval",
        _figure(
            [_points(list(rules), [one["macro_f1"] for one in rules.values()])],
            xaxis={"range": [0, 1], "title": {"text": "macro-F1"}},
            yaxis={"autorange": "reversed"},
        ),
    )
    if part["fused_less"]:
        yield (
            "Fused less each other rule: right of the line, fused is better",
            _figure(
                [_points(list(part["fused_less"]), list(part["fused_less"].values()))],
                xaxis={"zeroline": True, "zerolinewidth": 2, "title": {"text": "macro-F1"}},
                yaxis={"autorange": "reversed"},
            ),
        )
    if "fused" in rules:
        yield (
            "Fused: how each true label was found",
            _figure(
                [_confusion(rules["fused"]["confusion"])],
                xaxis={"title": {"text": "found"}},
                yaxis={"title": {"text": "true"}, "autorange": "reversed"},
            ),
        )
    yield (
        "Reliability: how often a probability was right",
        _figure(
            [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": [0, 1],
                    "y": [0, 1],
                    "line": {"color": "#999999", "dash": "dot"},
                    "showlegend": False,
                    "hoverinfo": "skip",
                },
                *(_reliability(rule, one["reliability"]) for rule, one in rules.items()),
            ],
            xaxis={"range": [0, 1], "title": {"text": "probability of the label found"}},
            yaxis={"range": [0, 1], "title": {"text": "share that was right"}},
        ),
    )


def _figure(data: list[dict[str, Any]], **axes: Any) -> Figure:
    layout = {
        "height": HEIGHT_PX,
        "margin": {"l": 110, "r": 30, "t": 20, "b": 60},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.1},
        **axes,
    }
    return {"data": data, "layout": layout}


def _points(rules: list[str], estimates: list[Any]) -> dict[str, Any]:
    lows = [one.value if one.low is None else one.low for one in estimates]
    highs = [one.value if one.high is None else one.high for one in estimates]
    values = [one.value for one in estimates]
    return {
        "type": "scatter",
        "mode": "markers",
        "showlegend": False,
        "y": [NAMES[rule] for rule in rules],
        "x": [round(value, 4) for value in values],
        "marker": {"size": 11, "color": [COLOURS[rule] for rule in rules]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(high - value, 4) for high, value in zip(highs, values, strict=True)],
            "arrayminus": [round(value - low, 4) for low, value in zip(lows, values, strict=True)],
            "color": "#646464",
        },
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
    }


def _confusion(counts: list[list[int]]) -> dict[str, Any]:
    """Each row as shares of its true label, with the counts written in."""
    return {
        "type": "heatmap",
        "x": list(LABELS),
        "y": list(LABELS),
        "z": [[round(count / max(1, sum(row)), 4) for count in row] for row in counts],
        "zmin": 0,
        "zmax": 1,
        "text": [[str(count) for count in row] for row in counts],
        "texttemplate": "%{text}",
        "colorscale": [[0, "#ffffff"], [1, TEXT_COLOUR]],
        "showscale": False,
        "hovertemplate": "true %{y}, found %{x}: %{text}, %{z:.0%} of the true<extra></extra>",
    }


def _reliability(rule: str, bins: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": NAMES[rule],
        "x": [round(one["confidence"], 4) for one in bins],
        "y": [round(one["right"], 4) for one in bins],
        "customdata": [one["rows"] for one in bins],
        "line": {"color": COLOURS[rule]},
        "hovertemplate": "said %{x:.2f}, right %{y:.2f}, %{customdata} windows<extra></extra>",
    }
