"""The commands about models, in two groups: ``train …`` and ``evaluate …``.

Commands of further kinds of model live in files of their own and register on the same groups::

    from flink_job.model_commands import evaluate_app, train_app

    @train_app.command("fusion")
    def train_fusion(...) -> None: ...

``flink_job.cli`` imports these files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flink_job.terminal import console, errors, explained

train_app = typer.Typer(help="Train a model on your own data.", no_args_is_help=True)
evaluate_app = typer.Typer(
    help="Measure a model by class, by group of callers and by condition.", no_args_is_help=True
)

ManifestFile = Annotated[
    Path, typer.Option(help="CSV or Parquet: path or text, label, and groups such as speaker.")
]
Output = Annotated[Path, typer.Option(help="Folder of the model.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interruption left off.")]
Features = Annotated[
    Path | None,
    typer.Option(
        help="Folder in which what a recipe's base gives is kept: train and evaluate "
        "--leave-one-out then read the same sounds once."
    ),
]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0: all.")]


@train_app.command("audio")
def train_audio(
    manifest: ManifestFile,
    output: Output,
    recipe: Annotated[
        str, typer.Option(help="TOML file, or the name of a shipped one.")
    ] = "speech",
    resume: Resume = False,
    features: Features = None,
    threads: Threads = 0,
) -> None:
    """Train a model of voices on labelled sounds."""
    _train("audio", manifest, recipe, output, resume=resume, features=features, threads=threads)


@train_app.command("text")
def train_text(
    manifest: ManifestFile,
    output: Output,
    recipe: Annotated[str, typer.Option(help="TOML file, or the name of a shipped one.")] = "text",
    resume: Resume = False,
    features: Features = None,
    threads: Threads = 0,
) -> None:
    """Train a model of words on labelled texts."""
    _train("text", manifest, recipe, output, resume=resume, features=features, threads=threads)


def _train(
    modality: Literal["audio", "text"],
    manifest: Path,
    recipe: str,
    output: Path,
    *,
    resume: bool,
    features: Path | None,
    threads: int,
) -> None:
    with explained():
        from udfs.training.manifest import read_manifest  # noqa: PLC0415 - loads pandas
        from udfs.training.recipe import read_recipe  # noqa: PLC0415 - beside it

        how, examples = read_recipe(recipe, modality), read_manifest(manifest, modality)
        from udfs.training.onnx_export import export, is_exportable  # noqa: PLC0415 - loads torch
        from udfs.training.train import train, use_threads  # noqa: PLC0415 - loads torch

        use_threads(threads)
        scores = train(examples, how, output, resume=resume, progress=tell, features=features)
        if is_exportable(output):
            export(output)
        for name, measured in scores.items():
            tell(f"{name}: macro-F1 {measured['macro_f1']:.3f}")
        console.print(f"model: {output}", markup=False, highlight=False, soft_wrap=True)


def tell(what: str) -> None:
    """A line of progress."""
    errors.print(what, style="dim", markup=False, highlight=False, soft_wrap=True)
