"""Results of all rounds: a table on the terminal, one in Markdown, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.table import Table

from tests.chaos.faults import TRIALS
from tests.chaos.rounds import RoundResult

Results = Mapping[str, Mapping[int, RoundResult]]
"""By trial and seed."""
HEAD = ("fault", "rounds", "result", "recovery, s (median, longest)")


def as_json(results: Results) -> dict[str, Any]:
    return {
        name: {str(seed): asdict(result) for seed, result in rounds.items()}
        for name, rounds in results.items()
    }


def drawn(results: Results) -> Table:
    table = Table(title="rows after each fault, against offline")
    for head in HEAD:
        table.add_column(head)
    for line in _lines(results):
        table.add_row(*line)
    return table


def markdown(results: Results) -> str:
    lines = [HEAD, tuple("---" for _ in HEAD), *_lines(results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _lines(results: Results) -> Iterator[tuple[str, ...]]:
    for name, rounds in results.items():
        wrong = sum(bool(result.problems) for result in rounds.values())
        verdict = f"{wrong} wrong" if wrong else "exact"
        recoveries = [r.recovery_s for r in rounds.values() if r.recovery_s is not None]
        yield TRIALS[name].title, str(len(rounds)), verdict, _seconds(recoveries)


def _seconds(recoveries: Sequence[float]) -> str:
    return f"{median(recoveries):.0f}, {max(recoveries):.0f}" if recoveries else "–"
