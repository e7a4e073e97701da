"""What ``evaluate fusion`` shows on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from udfs.evaluation.paired import in_words

NAMES = {"fused": "fused", "text": "text alone", "audio": "audio alone", "prior": "prior"}


def notes(evaluation: Mapping[str, Any]) -> list[str]:
    """What a reader must know before the numbers."""
    lines = [
        f"{evaluation['model']} on {evaluation['rows']} windows of {evaluation['groups']} groups; "
        f"intervals are 95 % over {evaluation['draws']} draws of whole groups"
    ]
    if evaluation["keeps"] != "both":
        lines.append(f"where both sides are there it uses {evaluation['keeps']} only")
    if evaluation["trained_on_this_table"]:
        lines.append("it was trained on this very table: take another to see what it is worth")
    if evaluation["unlabelled"]:
        lines.append(f"{evaluation['unlabelled']} rows without a label are left out")
    return lines


def print_fusion(console: Console, evaluation: Mapping[str, Any]) -> None:
    """A table for each kind of windows: with both sides, with one alone."""
    for line in notes(evaluation):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for name, part in evaluation["windows"].items():
        table = Table(
            title=f"windows with {name}: {part['rows']} of {part['groups']} groups",
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        for head in ("", "macro-F1", "recall −/0/+", "calibration\nerror", "fused less\nthis"):
            table.add_column(head, no_wrap=True)
        for rule, measured in part["rules"].items():
            # intervals on a line of their own, so that the table fits a narrow terminal
            cells = line_of(rule, measured, part)
            table.add_row(*(cell.replace(" (", "\n(") for cell in cells))
        console.print(table)


def line_of(rule: str, measured: Mapping[str, Any] | None, part: Mapping[str, Any]) -> list[str]:
    """A rule's name and measures, as terminal and page show them."""
    if measured is None:
        return [NAMES[rule], "no score", "", "", ""]
    recalls = [
        "–" if one.value is None else f"{one.value:.2f}" for one in measured["recall"].values()
    ]
    less = part["fused_less"].get(rule)
    return [
        NAMES[rule],
        in_words(measured["macro_f1"]),
        "/".join(recalls),
        f"{measured['calibration_error'].value:.3f}",
        "" if less is None else in_words(less),
    ]
