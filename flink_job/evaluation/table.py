"""An evaluation on the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from udfs.evaluation.evaluation import Evaluation, number, with_interval
from udfs.evaluation.measures import Estimate
from udfs.models.labels import SENTIMENTS


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Conditions, then the first condition's groups, then calm calls."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    line(f"{evaluation['model']}: {evaluation['protocol']}")
    prior = evaluation["operating_prior"]
    line(
        "operating prior: "
        + ("none" if prior is None else " / ".join(f"{share:.2f}" for share in prior))
    )
    line(f"95 % intervals over {evaluation['draws']} draws, by {evaluation['drawn_by']}")
    console.print(_conditions(evaluation))
    for title, table in _groups(evaluation):
        line(title)
        console.print(table)
    if calm := evaluation["calm"]:
        shares = ", ".join(f"{name} {with_interval(e)}" for name, e in calm["share"].items())
        line(
            f"calm calls, {calm['rows']} {_unit(evaluation)} of {calm['units']} parties: "
            f"{shares}; mean score {calm['mean_score']:+.2f}"
        )


def _unit(evaluation: Evaluation) -> str:
    return "spoken windows" if evaluation["modality"] == "audio" else "utterances"


def _conditions(evaluation: Evaluation) -> Table:
    table = _empty_table("condition")
    for condition, found in evaluation["conditions"].items():
        table.add_row(condition, *_cells(found["all"]))
    base = evaluation["always_commonest"]
    table.add_row(f"always {base['label']}", "", f"{base['macro_f1']:.3f}")
    return table


def _empty_table(first: str) -> Table:
    """Narrow enough for 80 characters; accuracy and all intervals are in JSON and page."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(escape(first), min_width=len("packet-loss"))
    for head in ("rows", "macro-F1", "calibration\nerror"):
        table.add_column(head, justify="right", no_wrap=True)
    for head in ("recall\nneg neu pos", "precision\nneg neu pos"):
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _cells(measured: dict[str, Any]) -> list[str]:
    return [
        str(measured["rows"]),
        _on_two_lines(measured["macro_f1"]),
        _on_two_lines(measured["calibration_error"]),
        *(
            " ".join(number(measured[name][sentiment]) for sentiment in SENTIMENTS)
            for name in ("recall", "precision")
        ),
    ]


def _on_two_lines(estimate: Estimate) -> str:
    value, _, interval = with_interval(estimate).partition(" ")
    return f"{value}\n{interval.strip('()')}" if interval else value


def _groups(evaluation: Evaluation) -> list[tuple[str, Table]]:
    condition, found = next(iter(evaluation["conditions"].items()))
    tables = []
    for column, groups in found["groups"].items():
        title = f"by {column}, {condition}"
        if "worst" in groups:
            title += (
                f": worst {groups['worst']}, {groups['gap']:.3f} macro-F1 below {groups['best']}"
            )
        if groups["too_small"]:
            title += f" ({len(groups['too_small'])} groups too small to measure)"
        table = _empty_table(column)
        for value, measured in groups["values"].items():
            table.add_row(escape(value), *_cells(measured))
        tables.append((title, table))
    return tables
