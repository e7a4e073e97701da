"""The commands about models, in two groups: ``train …`` and ``evaluate …``.

Commands of further kinds of model live in files of their own and register on the same groups::

    from flink_job.model_commands import evaluate_app, train_app

    @train_app.command("fusion")
    def train_fusion(...) -> None: ...

``flink_job.cli`` imports these files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flink_job.terminal import console, explained

train_app = typer.Typer(help="Train a model on your own data.", no_args_is_help=True)
evaluate_app = typer.Typer(
    help="Measure a model by class, by group of callers and by condition.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option(help="Folder of the data sets.")]
Output = Annotated[Path, typer.Option(help="Folder of the model.")]


@train_app.command("audio")
def train_audio(data: Data, output: Output) -> None:
    """Train the shipped model of voices."""
    with explained():
        from udfs.training.audio import main  # noqa: PLC0415 - loads torch

        main(["--data", str(data), "--output", str(output)])
        console.print(f"model: {output}", markup=False, soft_wrap=True)


@train_app.command("text")
def train_text(data: Data, output: Output) -> None:
    """Train the shipped model of words."""
    with explained():
        from udfs.training.text import main  # noqa: PLC0415 - loads torch

        main(["--data", str(data), "--output", str(output)])
        console.print(f"model: {output}", markup=False, soft_wrap=True)
