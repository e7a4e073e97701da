"""Where the panels of a call's figure lie, and how their axes look.

One below the other, for each participant a title, the scores and the weights, then the speech
lanes, all over one axis of call time. Lengths are in pixels and become fractions of the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flink_job.report import wording
from flink_job.report.calls import Participant

GRID_COLOUR = "#e4e4e0"
INK = "#222222"

SCORE_LIMIT = 5.0
AXIS_ORIGIN_MS = 86_400_000
"""Where call time 0 lies on Plotly's date axis: it takes a number below 10,000 for a year."""
HOUR_MS = 3_600_000

TITLE_PX, SCORE_PX, WEIGHT_PX, GAP_PX, LANE_PX = 34, 190, 22, 6, 20
AXIS_PX, LEGEND_PX = 44, 34


@dataclass(frozen=True, slots=True)
class PanelStack:
    """Panels one below the other, in pixels, as Plotly's domains in fractions of the height."""

    lanes: list[Participant]
    panel_count: int

    @classmethod
    def of(cls, parties: list[Participant]) -> PanelStack:
        heard = [p for p in parties if any(row.speech_ratio is not None for row in p.segments)]
        return cls(heard, len(parties))

    @property
    def lane_axis(self) -> str:
        return axis_id(2 * self.panel_count + 1)

    @property
    def height_px(self) -> int:
        panels = self.panel_count * (TITLE_PX + SCORE_PX + GAP_PX + WEIGHT_PX)
        lanes = TITLE_PX + LANE_PX * len(self.lanes) if self.lanes else 0
        return panels + lanes

    def layout(self, parties: list[Participant], length_ms: int) -> dict[str, Any]:
        height, top, axes, notes = self.height_px, 0, {}, []

        def domain(height_px: int) -> list[float]:
            return [max(0.0, 1 - (top + height_px) / height), 1 - top / height]

        for number, party in enumerate(parties):
            notes.append(_note(_panel_title(party), 1 - (top + TITLE_PX - 6) / height))
            top += TITLE_PX
            axes[_axis(2 * number + 1)] = _score_axis(domain(SCORE_PX))
            top += SCORE_PX + GAP_PX
            axes[_axis(2 * number + 2)] = _weight_axis(domain(WEIGHT_PX))
            top += WEIGHT_PX
        if self.lanes:
            notes.append(_note("<b>Who speaks</b>", 1 - (top + TITLE_PX - 6) / height))
            top += TITLE_PX
            axes[_axis(2 * self.panel_count + 1)] = {
                "domain": domain(LANE_PX * len(self.lanes)),
                "autorange": "reversed",
                "fixedrange": True,
                "showgrid": False,
                "ticks": "",
                "ticklabelstandoff": 6,
            }
        last = max(length_ms, *(p.segments[-1].window_end_ms for p in parties))
        return {
            "height": height + AXIS_PX + LEGEND_PX,
            "annotations": notes,
            "xaxis": _time_axis(
                last, anchor=self.lane_axis if self.lanes else axis_id(2 * self.panel_count)
            ),
            **axes,
            **_LOOK,
        }


_LOOK: dict[str, Any] = {
    "margin": {"l": 76, "r": 16, "t": LEGEND_PX, "b": AXIS_PX},
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "barmode": "stack",
    "bargap": 0,
    "hovermode": "closest",
    "hoverlabel": {
        "bgcolor": "white",
        "bordercolor": "#888",
        "align": "left",
        "font": {"color": INK, "size": 13},
    },
    "legend": {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
    },
}


def axis_id(number: int) -> str:
    """The axis as a trace names it: ``y``, ``y2``, …."""
    return "y" if number == 1 else f"y{number}"


def _axis(number: int) -> str:
    """The axis as the layout names it: ``yaxis``, ``yaxis2``, …."""
    return axis_id(number).replace("y", "yaxis")


def _panel_title(party: Participant) -> str:
    title = f"<b>{plain_words(party.label).capitalize()}</b>   score {wording.signed(party.score)}"
    if party.score_change is not None:
        title += f", change {wording.signed(party.score_change)}"
    return title


def _note(text: str, y: float) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13},
    }


def _score_axis(domain: list[float]) -> dict[str, Any]:
    return {
        "domain": domain,
        "range": [-SCORE_LIMIT - 0.4, SCORE_LIMIT + 0.4],
        "tickvals": [-5, -2.5, 0, 2.5, 5],
        "ticktext": ["−5", "", "0", "", "+5"],
        "ticklabelstandoff": 4,
        "gridcolor": GRID_COLOUR,
        "zeroline": True,
        "zerolinecolor": "#8a8a8a",
        "zerolinewidth": 1,
        "fixedrange": True,
        "title": {"text": "score", "standoff": 4},
    }


def _weight_axis(domain: list[float]) -> dict[str, Any]:
    return {
        "domain": domain,
        "range": [0, 1],
        "tickvals": [0.5],
        "ticktext": ["weights"],
        "ticklabelstandoff": 6,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _time_axis(last_ms: int, anchor: str) -> dict[str, Any]:
    """Call time as a clock: Plotly's date axis, on its second day."""
    return {
        "type": "date",
        "range": [AXIS_ORIGIN_MS, AXIS_ORIGIN_MS + last_ms],
        "anchor": anchor,
        "gridcolor": GRID_COLOUR,
        "zeroline": False,
        "tickformatstops": [
            {"dtickrange": [None, 1000], "value": "%-M:%S.%L"},
            {
                "dtickrange": [1000, None],
                "value": "%-H:%M:%S" if last_ms >= HOUR_MS else "%-M:%S",
            },
        ],
        "title": {"text": "call time", "standoff": 6},
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "hovered data",
        "spikecolor": "#8a8a8a",
        "spikethickness": 1,
        "spikedash": "solid",
    }


def plain_words(words: str) -> str:
    """Words without anything that Plotly would take for markup or a template."""
    return "".join(ch if ch.isalnum() or ch in " :-" else " " for ch in words)
