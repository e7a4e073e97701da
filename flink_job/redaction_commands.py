"""``evaluate redaction``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from flink_job.model_commands import evaluate_app
from flink_job.terminal import FAILED, console, explained
from udfs.evaluation.redaction.measure import Measured, Score, measure, total
from udfs.evaluation.redaction.sentences import generated, handwritten

_MIN_RECALL = {"written": 0.98, "spoken": 0.9}
_MIN_PRECISION = 0.9
_HELD_TO_RECALL = ("card", "iban", "phone", "email")


@evaluate_app.command("redaction")
def evaluate_redaction(
    seed: Annotated[int, typer.Option(help="Makes other sentences.")] = 1,
    per_kind: Annotated[
        int, typer.Option(min=1, help="Generated sentences of each kind, form and language.")
    ] = 100,
    show: Annotated[
        int, typer.Option(min=0, help="Print so many misses and false alarms, made-up all.")
    ] = 0,
) -> None:
    """Measure what is found of the personal data in made-up sentences, by kind and language.

    Exit 1 if of the generated ones less is found than promised: recall 0.98 for cards, IBANs,
    phones and e-mails that are written, 0.9 for those that are read out; precision 0.9.
    """
    with explained():
        from udfs.redaction.redactor import Redactor  # noqa: PLC0415 - takes seconds

        by_hand = [*handwritten("handwritten"), *handwritten("held_out")]
        sentences = [*generated(seed, per_kind), *by_hand]
        measured = measure(sentences, Redactor().find)
        _print_scores(measured)
        for miss in measured.misses[:show]:
            what = "false alarm" if miss.is_false_alarm else "missed"
            value = miss.sentence.text[miss.one.start : miss.one.end]
            _print(f"{what}: {miss.one.kind} {value!r} in {miss.sentence.text!r}")
        short = _short_of_promise(measured)
        for line in short:
            _print(line)
        if short:
            raise typer.Exit(FAILED)


def _print_scores(measured: Measured) -> None:
    table = Table(box=box.SIMPLE)
    for name in ("sentences", "in", "form", "kind"):
        table.add_column(name, no_wrap=True)
    for name in ("labels", "recall", "found", "right"):
        table.add_column(name, justify="right", no_wrap=True)
    for group, score in measured.scores.items():
        table.add_row(*group, *_cells(score))
    for source in dict.fromkeys(group.source for group in measured.scores):
        theirs = [score for group, score in measured.scores.items() if group.source == source]
        table.add_row(source, "", "", "all", *_cells(total(theirs)))
    console.print(table)
    clean, alone = measured.clean_sentences, measured.clean_left_alone
    _print(
        f"{measured.num_sentences} sentences; of {clean} without personal data {alone} unchanged"
    )
    share = measured.excess_characters / max(1, measured.labelled_characters)
    _print(f"taken out beside what was labelled: {share:.1%} of its characters")


def _cells(score: Score) -> tuple[str, str, str, str]:
    return str(score.labels), _share(score.recall), str(score.findings), _share(score.precision)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _short_of_promise(measured: Measured) -> list[str]:
    """What of the generated sentences falls short, in words."""
    lines = []
    for group, score in measured.scores.items():
        if group.source != "generated":
            continue
        name = f"{group.language}, {group.form}, {group.kind}"
        least = _MIN_RECALL[group.form] if group.kind in _HELD_TO_RECALL else 0.0
        if score.recall is not None and score.recall < least:
            lines.append(f"{name}: recall {score.recall:.3f} is below {least}")
        if score.precision is not None and score.precision < _MIN_PRECISION:
            lines.append(f"{name}: precision {score.precision:.3f} is below {_MIN_PRECISION}")
    return lines


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
