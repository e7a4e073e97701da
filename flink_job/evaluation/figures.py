"""The plots of an evaluation, as plain dicts in Plotly's schema.

Okabe and Ito's palette, told apart without colour too: by number, dash or marker. Group names are
hostile input, so Plotly gets them without anything it would read as markup.
"""

from __future__ import annotations

from typing import Any

from flink_job.report.panels import GRID_COLOUR, INK, plain_words
from udfs.evaluation.measures import Estimate
from udfs.models.labels import SENTIMENTS

Figure = dict[str, Any]
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
MARKERS = (("circle", BLUE), ("square", ORANGE), ("diamond", GREEN))
BAR_PX = 26
MAX_LABEL = 40


def confusion_figure(measured: dict[str, Any]) -> Figure:
    """True classes down, answers across: share of the true class, and the number of rows."""
    rows = measured["confusion"]
    shares = [[n / sum(row) if sum(row) else 0.0 for n in row] for row in rows]
    notes = [
        {
            "x": SENTIMENTS[found],
            "y": SENTIMENTS[true],
            "text": f"{shares[true][found]:.0%}<br>{rows[true][found]}",
            "showarrow": False,
            "font": {"color": "white" if shares[true][found] > 0.5 else INK},  # noqa: PLR2004
        }
        for true in range(len(rows))
        for found in range(len(rows))
    ]
    return _figure(
        [
            {
                "type": "heatmap",
                "z": shares,
                "x": list(SENTIMENTS),
                "y": list(SENTIMENTS),
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, "#ffffff"], [1, BLUE]],
                "showscale": False,
                "hoverinfo": "skip",
            }
        ],
        "Confusion",
        height=340,
        annotations=notes,
        xaxis={"title": {"text": "answer"}, "side": "bottom", "fixedrange": True},
        yaxis={"title": {"text": "truth"}, "autorange": "reversed", "fixedrange": True},
    )


def reliability_figure(measured: dict[str, Any]) -> Figure:
    """How often an answer is right against how sure it is; size tells the rows."""
    bins = measured["reliability"]
    most = max(one["rows"] for one in bins)
    return _figure(
        [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [0, 1],
                "y": [0, 1],
                "line": {"dash": "dot", "color": "#8a8a8a"},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [one["confidence"] for one in bins],
                "y": [one["right"] for one in bins],
                "customdata": [one["rows"] for one in bins],
                "hovertemplate": "sure %{x:.2f}, right %{y:.2f}, %{customdata} rows<extra></extra>",
                "line": {"color": BLUE},
                "marker": {"size": [6 + 16 * (one["rows"] / most) ** 0.5 for one in bins]},
            },
        ],
        "Reliability",
        height=340,
        showlegend=False,
        xaxis=_unit_axis("top probability"),
        yaxis=_unit_axis("share right"),
    )


def recall_figure(conditions: dict[str, Any]) -> Figure:
    """Recall of each class under each condition, with intervals."""
    traces = []
    for (marker, colour), name in zip(MARKERS, SENTIMENTS, strict=True):
        estimates = [found["all"]["recall"][name] for found in conditions.values()]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": list(conditions),
                "y": [estimate.value for estimate in estimates],
                "error_y": _error_bars(estimates),
                "marker": {"symbol": marker, "color": colour, "size": 10},
            }
        )
    return _figure(
        traces,
        "Recall by condition",
        height=340,
        scattermode="group",
        xaxis={"type": "category", "fixedrange": True},
        yaxis=_unit_axis("recall"),
    )


def group_figure(column: str, groups: dict[str, Any], overall: Estimate) -> Figure:
    """Macro-F1 of each group, worst first, against all."""
    values = sorted(groups["values"].items(), key=lambda item: item[1]["macro_f1"].value)
    estimates = [measured["macro_f1"] for _, measured in values]
    names = [f"{plain_words(name)[:MAX_LABEL]} ({m['rows']})" for name, m in values]
    worst = groups.get("worst")
    return _figure(
        [
            {
                "type": "bar",
                "orientation": "h",
                "y": list(range(len(names))),
                "x": [estimate.value for estimate in estimates],
                "error_x": _error_bars(estimates),
                "marker": {"color": [ORANGE if name == worst else BLUE for name, _ in values]},
                "hovertemplate": "macro-F1 %{x:.3f}<extra></extra>",
            }
        ],
        f"Macro-F1 by {plain_words(column)}",
        height=90 + BAR_PX * len(names),
        shapes=[
            {
                "type": "line",
                "x0": overall.value,
                "x1": overall.value,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"dash": "dot", "color": INK},
            }
        ],
        xaxis=_unit_axis("macro-F1 (rows in brackets; dotted: all)"),
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "autorange": "reversed",
            "automargin": True,
            "fixedrange": True,
        },
    )


def _error_bars(estimates: list[Estimate]) -> dict[str, Any]:
    def distance(end: float | None, value: float | None) -> float:
        return 0.0 if end is None or value is None else abs(end - value)

    return {
        "type": "data",
        "symmetric": False,
        "array": [distance(e.high, e.value) for e in estimates],
        "arrayminus": [distance(e.low, e.value) for e in estimates],
        "color": INK,
        "thickness": 1.2,
    }


def _unit_axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "range": [0, 1.02],
        "gridcolor": GRID_COLOUR,
        "zeroline": False,
        "fixedrange": True,
    }


def _figure(data: list[dict[str, Any]], title: str, **layout: Any) -> Figure:
    return {
        "data": data,
        "layout": {
            "title": {"text": title, "font": {"size": 14}, "x": 0},
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "margin": {"l": 70, "r": 20, "t": 40, "b": 50},
            **layout,
        },
    }
