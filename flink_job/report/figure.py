"""One call as a Plotly figure: curves, weights and speech lanes over one axis of call time.

For each participant, from the top:

    score     text, audio and fused score of each window and the rolling 30 s, −5 … +5;
              grey where a window has no score
    weights   what words and voice weigh in the fused score, 0 … 1

and below all of them one lane each, dark where the participant speaks. Every window answers the
pointer with all that is known of it, or with the reasons why nothing is. Figures hold no ids,
which are hostile input, and no ``text`` that Plotly would read as markup.

Figures are plain dicts in Plotly's schema, for its Python classes take a second for ten calls; the
tests hold every figure against those classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from flink_job.report import wording
from flink_job.report.calls import Call, Participant
from flink_job.report.panels import AXIS_ORIGIN_MS, SCORE_LIMIT, PanelStack, axis_id, plain_words
from udfs.rows import Segment

Trace: TypeAlias = dict[str, Any]
Figure: TypeAlias = dict[str, Any]

# Okabe and Ito's palette; each curve has a dash and a marker of its own besides.
TEXT_COLOUR = "#0072B2"
AUDIO_COLOUR = "#D55E00"
FUSED_COLOUR = "#000000"
ROLLING_COLOUR = "#CC79A7"
NO_SCORE_COLOUR = "#ececea"
CLEAR = "rgba(0,0,0,0)"

LEGEND_ORDER = ("fused", "text", "audio", "rolling 30 s")

MARKERS_BELOW_WINDOWS = 150
"""Longer calls are drawn with finer lines and smaller markers."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One window's place on the axis; no row where nothing of it came."""

    start_ms: int
    end_ms: int
    row: Segment | None

    @property
    def middle(self) -> int:
        """Its place on the axis."""
        return AXIS_ORIGIN_MS + (self.start_ms + self.end_ms) // 2


def call_figure(call: Call) -> Figure | None:
    """The figure of a call, ``data`` and ``layout``; None for a call without any window."""
    parties = [p for p in call.participants if p.segments]
    if not parties:
        return None
    layout = PanelStack.of(parties)
    data: list[Trace] = []
    for number, party in enumerate(parties):
        slots = window_slots(party)
        score_axis, weight_axis = axis_id(2 * number + 1), axis_id(2 * number + 2)
        data += [{**t, "yaxis": score_axis} for t in _score_traces(slots, first=number == 0)]
        data += [{**t, "yaxis": weight_axis} for t in _weight_traces(slots)]
    if layout.lanes:
        data.append({**_lanes(layout.lanes), "yaxis": layout.lane_axis})
    return {"data": data, "layout": layout.layout(parties, call.length_ms)}


def modality_score(row: Segment, modality: str) -> float | None:
    """5 · (positive − negative) of ``text`` or ``audio``, as the fused score is made."""
    positive = wording.known(getattr(row, f"{modality}_positive"))
    negative = wording.known(getattr(row, f"{modality}_negative"))
    if positive is None or negative is None:
        return None
    return round(SCORE_LIMIT * (positive - negative), 2)


def window_slots(party: Participant) -> list[Slot]:
    """A participant's windows with one slot for each run of windows that have no row.

    That run is the reason why a curve breaks there.
    """
    slots: list[Slot] = []
    for row in party.segments:
        if slots and slots[-1].end_ms < row.window_start_ms:
            slots.append(Slot(slots[-1].end_ms, row.window_start_ms, None))
        slots.append(Slot(row.window_start_ms, row.window_end_ms, row))
    return slots


def explain(slot: Slot, *, is_chat: bool = False) -> str:
    """What the pointer shows of a window, lines parted by ``<br>``; our words and numbers only."""
    lines = [f"<b>{wording.clock(slot.start_ms)}–{wording.clock(slot.end_ms)}</b>"]
    row = slot.row
    if row is None:
        lines.append("no message" if is_chat else "no audio and no words came")
        return "<br>".join(lines)
    lines.append(
        f"fused <b>{wording.signed(row.score)}</b> · "
        f"rolling 30 s {wording.signed(row.rolling_30s_score)}"
        if wording.known(row.score) is not None
        else "no score"
    )
    for modality, weight in (("text", row.text_weight), ("audio", row.audio_weight)):
        score = modality_score(row, modality)
        if score is not None:
            share = wording.percent(weight)
            lines.append(f"{modality} {wording.signed(score)} · weight {share}")
    lines.extend(plain_words(words) for words in wording.reasons(row.missing))
    if wording.known(row.disagreement) is not None:
        lines.append(f"disagreement {wording.plain(row.disagreement, 2)}")
    if row.gap_ms:
        lines.append(f"{wording.plain(row.gap_ms / 1000, 1)} s of audio never came")
    return "<br>".join(lines)


def _score_traces(slots: list[Slot], *, first: bool) -> Iterator[Trace]:
    middles = [slot.middle for slot in slots]
    rows = [slot.row for slot in slots]
    is_chat = all(row is None or row.speech_ratio is None for row in rows)
    size = 1.0 if len(slots) <= MARKERS_BELOW_WINDOWS else 0.5
    yield _window_bars(slots, middles, is_chat=is_chat)
    curves = (
        ("rolling 30 s", ROLLING_COLOUR, "solid", 5, "lines", "circle", 0.0),
        ("text", TEXT_COLOUR, "dash", 1.5, "lines+markers", "square", 8.0),
        ("audio", AUDIO_COLOUR, "dot", 1.5, "lines+markers", "triangle-up", 9.0),
        ("fused", FUSED_COLOUR, "solid", 2, "lines+markers", "circle", 4.5),
    )
    for name, colour, dash, width, mode, symbol, marker_size in curves:
        yield {
            "type": "scatter",
            "name": name,
            "legendgroup": name,
            "showlegend": first,
            "legendrank": LEGEND_ORDER.index(name),
            "x": middles,
            "y": [_curve_value(name, row) for row in rows],
            "mode": mode,
            "connectgaps": is_chat and name == "rolling 30 s",
            "opacity": 0.55 if name == "rolling 30 s" else 1.0,
            "line": {"color": colour, "dash": dash, "width": width * (0.5 + size / 2)},
            "marker": {"color": colour, "symbol": symbol, "size": marker_size * size},
            "hoverinfo": "skip",
        }


def _curve_value(name: str, row: Segment | None) -> float | None:
    if row is None:
        return None
    if name in {"text", "audio"}:
        return modality_score(row, name)
    value = wording.known(row.score if name == "fused" else row.rolling_30s_score)
    return None if value is None else round(value, 2)


def _window_bars(slots: list[Slot], middles: list[int], *, is_chat: bool) -> Trace:
    """One bar over the full height for each window: what one points at, grey without a score."""
    has_score = [
        slot.row is not None and wording.known(slot.row.score) is not None for slot in slots
    ]
    # a pause in a chat is no gap: nothing was to come
    colours = [
        CLEAR if ok or (is_chat and slot.row is None) else NO_SCORE_COLOUR
        for ok, slot in zip(has_score, slots, strict=True)
    ]
    return {
        "type": "bar",
        "name": "window",
        "showlegend": False,
        "x": middles,
        "width": [slot.end_ms - slot.start_ms for slot in slots],
        "base": -SCORE_LIMIT,
        "y": [2 * SCORE_LIMIT] * len(slots),
        "marker": {"color": colours, "line": {"width": 0}},
        "customdata": [explain(slot, is_chat=is_chat) for slot in slots],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _weight_traces(slots: list[Slot]) -> Iterator[Trace]:
    scored = [slot for slot in slots if slot.row is not None]
    for name, colour, pattern in (("text", TEXT_COLOUR, ""), ("audio", AUDIO_COLOUR, "/")):
        weights = [wording.known(getattr(slot.row, f"{name}_weight")) for slot in scored]
        yield {
            "type": "bar",
            "name": f"{name} weight",
            "legendgroup": name,
            "showlegend": False,
            "x": [slot.middle for slot in scored],
            "width": [slot.end_ms - slot.start_ms for slot in scored],
            "y": [None if weight is None else round(weight, 2) for weight in weights],
            "marker": {
                "color": colour,
                "opacity": 0.6,
                "line": {"width": 0},
                "pattern": {
                    "shape": pattern,
                    "fillmode": "overlay",
                    "fgcolor": "white",
                    "size": 5,
                    "solidity": 0.25,
                },
            },
            "hovertemplate": f"{name} weighs %{{y:.0%}}<extra></extra>",
        }


def _lanes(lanes: list[Participant]) -> Trace:
    """Speech ratio by lane and window; the first lane on top."""
    starts = sorted({row.window_start_ms for p in lanes for row in p.segments})
    ends = {row.window_start_ms: row.window_end_ms for p in lanes for row in p.segments}
    ratios = [
        {row.window_start_ms: wording.known(row.speech_ratio) for row in p.segments} for p in lanes
    ]
    return {
        "type": "heatmap",
        "name": "speech",
        "x": [AXIS_ORIGIN_MS + (start + ends[start]) // 2 for start in starts],
        "y": [p.label for p in lanes],
        "z": [
            [None if (v := ratio.get(s)) is None else round(v, 2) for s in starts]
            for ratio in ratios
        ],
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "#f1f1ef"], [1, "#3b3b3b"]],
        "showscale": False,
        "ygap": 4,
        "hoverongaps": False,
        "hovertemplate": "%{y} speaks %{z:.0%} of the window<extra></extra>",
    }
