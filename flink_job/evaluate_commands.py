"""``evaluate audio`` and ``evaluate text``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flink_job.model_commands import Features, ManifestFile, evaluate_app, tell
from flink_job.terminal import console, explained

if TYPE_CHECKING:
    from udfs.evaluation.run import Job

Model = Annotated[str, typer.Option(help="A folder, a hub id, or shipped.")]
Split = Annotated[str | None, typer.Option(help="Only rows of this split.")]
SkipLabel = Annotated[
    list[str] | None, typer.Option(help="A label that is learnt from but not judged by.")
]
LabelMap = Annotated[
    str | None, typer.Option(help="label=negative,... where labels are no known words.")
]
OperatingPrior = Annotated[
    str,
    typer.Option(
        help="Shares such as 0.25,0.50,0.25; own: the model's; none: as training made its answers."
    ),
]
LeaveOneOut = Annotated[
    str | None,
    typer.Option(
        help="Whom not to know, such as speaker, or speaker,sentence: the recipe's head is fitted "
        "anew for each, instead of asking --model."
    ),
]
Recipe = Annotated[
    str, typer.Option(help="Of --leave-one-out: a TOML file, or the name of a shipped one.")
]
Calm = Annotated[
    Path | None, typer.Option(help="Calm calls (call folders or a manifest): shares of answers.")
]
Output = Annotated[
    Path | None, typer.Option(help="Folder for evaluation.json and evaluation.html.")
]
CardOf = Annotated[
    Path | None, typer.Option(help="Folder of a trained model: put the table into its card.")
]


@evaluate_app.command("audio")
def evaluate_audio(
    manifest: ManifestFile,
    model: Model = "shipped",
    conditions: Annotated[
        str,
        typer.Option(
            help="Of clean, telephone, noise-20, noise-10, noise-0 (dB), packet-loss; or all."
        ),
    ] = "clean",
    noise: Annotated[Path | None, typer.Option(help="Folder of sounds for noise.")] = None,
    split: Split = None,
    skip_label: SkipLabel = None,
    label_map: LabelMap = None,
    operating_prior: OperatingPrior = "own",
    leave_one_out: LeaveOneOut = None,
    recipe: Recipe = "speech",
    calm: Calm = None,
    features: Features = None,
    output: Output = None,
    card: CardOf = None,
) -> None:
    """Measure a model of voices by class, by group of callers and by condition."""
    with explained():
        from udfs.evaluation.run import Job  # noqa: PLC0415 - loads torch

        job = Job(
            "audio",
            manifest,
            model,
            conditions,
            noise,
            split,
            tuple(skip_label or ()),
            label_map,
            operating_prior,
            leave_one_out,
            recipe,
            calm,
            features,
        )
        _run(job, output, card)


@evaluate_app.command("text")
def evaluate_text(
    manifest: ManifestFile,
    model: Model = "shipped",
    conditions: Annotated[
        str, typer.Option(help="Of written, recognised (no case, no punctuation); or all.")
    ] = "written",
    split: Split = None,
    skip_label: SkipLabel = None,
    label_map: LabelMap = None,
    operating_prior: OperatingPrior = "own",
    leave_one_out: LeaveOneOut = None,
    recipe: Recipe = "text",
    calm: Calm = None,
    features: Features = None,
    output: Output = None,
    card: CardOf = None,
) -> None:
    """Measure a model of words by class, by group of callers and by condition."""
    with explained():
        from udfs.evaluation.run import Job  # noqa: PLC0415 - loads torch

        job = Job(
            "text",
            manifest,
            model,
            conditions,
            None,
            split,
            tuple(skip_label or ()),
            label_map,
            operating_prior,
            leave_one_out,
            recipe,
            calm,
            features,
        )
        _run(job, output, card)


def _run(job: Job, output: Path | None, card: Path | None) -> None:
    from flink_job.evaluation.page import write_page  # noqa: PLC0415 - loads plotly
    from flink_job.evaluation.table import print_evaluation  # noqa: PLC0415 - beside it
    from udfs.evaluation.cards import add_to_card  # noqa: PLC0415
    from udfs.evaluation.evaluation import write_json  # noqa: PLC0415
    from udfs.evaluation.run import evaluate  # noqa: PLC0415 - loads torch

    evaluation = evaluate(job, tell)
    print_evaluation(console, evaluation)
    if card is not None:
        add_to_card(evaluation, card)
    if output is not None:
        write_json(evaluation, output)
        page = write_page(evaluation, output)
        console.print(f"page: {page}", markup=False, highlight=False, soft_wrap=True)
