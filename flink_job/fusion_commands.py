"""``train fusion`` and ``evaluate fusion``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flink_job.model_commands import train_app
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


def _say(choice: Choice) -> None:
    """What cross-validation showed, in words."""
    _print(
        f"{choice.num_rows} windows with both sides, {choice.num_groups} groups, each judged by "
        "what was trained without it"
    )
    if choice.num_groups < FEW_GROUPS:
        _print(f"fewer than {FEW_GROUPS} groups: the intervals are narrower than they should be")
    _print(
        f"macro-F1: fused {choice.fused}, text alone {choice.text_alone}, "
        f"audio alone {choice.audio_alone}"
    )
    for side, other, adds in (
        ("audio", "text", choice.audio_adds),
        ("text", "audio", choice.text_adds),
    ):
        verdict = "adds to" if adds.is_above_zero else "adds nothing to"
        _print(f"{side} {verdict} {other}: {adds}")
    if choice.keeps != "both":
        _print(f"kept: {choice.keeps} only")
    for side in ("text", "audio"):
        if side not in choice.alone:
            _print(f"{side} tells nothing alone: a window with {side} only gets no fused score")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
