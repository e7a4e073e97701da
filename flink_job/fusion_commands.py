"""``train fusion`` and ``evaluate fusion``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flink_job.model_commands import evaluate_app, train_app
from flink_job.terminal import console, explained

if TYPE_CHECKING:
    from udfs.training.fusion_choice import Choice

Table = Annotated[
    Path,
    typer.Option(help="CSV or Parquet of labelled windows, as offline --features writes."),
]
FILE_NAME = "fusion.json"
FEW_GROUPS = 10
"""With fewer groups intervals come out too narrow."""


@train_app.command("fusion")
def train_fusion(
    table: Table,
    output: Annotated[Path, typer.Option(help=f"Folder for {FILE_NAME}, or a file *.json.")],
    kind: Annotated[
        Literal["late", "early"],
        typer.Option(help="late: over both models' probabilities; early: over their embeddings."),
    ] = "late",
) -> None:
    """Train how voice and words become one; a side that adds nothing is left out."""
    with explained():
        from udfs.fusion_file import written  # noqa: PLC0415 - loads torch and scikit-learn
        from udfs.training.fusion import train  # noqa: PLC0415

        file, choice = train(table, kind)
        path = output if output.suffix == ".json" else output / FILE_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(file))
        _say(choice)
        _print(f"fusion of kind {kind}: {path}")


@evaluate_app.command("fusion")
def evaluate_fusion(
    table: Table,
    model: Annotated[Path, typer.Option(help="The file that train fusion wrote.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.json and evaluation.html.")
    ] = None,
) -> None:
    """Hold a fusion against words alone, voice alone and the prior, on the same windows."""
    with explained():
        from flink_job.fusion_view import print_fusion  # noqa: PLC0415
        from flink_job.report.fusion import write_fusion_page  # noqa: PLC0415 - loads plotly
        from udfs.evaluation.as_json import as_json  # noqa: PLC0415
        from udfs.evaluation.fusion import measure  # noqa: PLC0415

        evaluation = measure(model, table)
        print_fusion(console, evaluation)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            (output / "evaluation.json").write_text(as_json(evaluation), encoding="utf-8")
            write_fusion_page(evaluation, output / "evaluation.html")
            _print(f"{output / 'evaluation.html'}, evaluation.json beside it")


def _say(choice: Choice) -> None:
    """What cross-validation showed, in words."""
    from udfs.evaluation.paired import in_words, is_above_zero  # noqa: PLC0415 - loads numpy

    _print(
        f"{choice.num_rows} windows with both sides, {choice.num_groups} groups, each judged by "
        "what was trained without it"
    )
    if choice.num_groups < FEW_GROUPS:
        _print(f"fewer than {FEW_GROUPS} groups: the intervals are narrower than they should be")
    _print(
        f"macro-F1: fused {in_words(choice.fused)}, text alone {in_words(choice.text_alone)}, "
        f"audio alone {in_words(choice.audio_alone)}"
    )
    for side, other, adds in (
        ("audio", "text", choice.audio_adds),
        ("text", "audio", choice.text_adds),
    ):
        verdict = "adds to" if is_above_zero(adds) else "adds nothing to"
        _print(f"{side} {verdict} {other}: {in_words(adds)}")
    if choice.keeps != "both":
        _print(f"kept: {choice.keeps} only")
    for side in ("text", "audio"):
        if side not in choice.alone:
            _print(f"{side} tells nothing alone: a window with {side} only gets no fused score")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
