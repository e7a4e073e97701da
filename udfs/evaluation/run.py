"""One evaluation from its options: a model asked, or heads fitted without whom they judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udfs.evaluation.answers import Answers, Progress, Scorer, answers_of
from udfs.evaluation.calm import calm_answers
from udfs.evaluation.conditions import chosen, needs_noise
from udfs.evaluation.evaluation import Evaluation, Settings, evaluation_of
from udfs.evaluation.leave_out import leave_one_out
from udfs.models.audio import load_audio_model
from udfs.models.contract import SHIPPED, ModelError, ModelSpec, Prior
from udfs.models.labels import checked_prior
from udfs.models.text import load_text_model
from udfs.training.errors import TrainingError
from udfs.training.manifest import Manifest, read_manifest
from udfs.training.recipe import Modality, read_recipe
from udfs.training.sounds import Waveform, read_noises

UNIFORM: Prior = (1 / 3, 1 / 3, 1 / 3)
OWN_PRIOR, NO_PRIOR = "own", "none"


@dataclass(frozen=True)
class Job:
    """What to evaluate, as the command line says it."""

    modality: Modality
    manifest: Path
    model: str = SHIPPED
    conditions: str = "clean"
    noise: Path | None = None
    """Folder of the sounds that noisy conditions mix in."""
    split: str | None = None
    skipped_labels: tuple[str, ...] = ()
    label_map: str | None = None
    operating_prior: str = OWN_PRIOR
    """Three shares; ``own``: the model's or recipe's; ``none``: answers as training made them."""
    leave_one_out: str | None = None
    """Columns; then a recipe's heads are asked instead of the model."""
    recipe: str = ""
    calm: Path | None = None
    features: Path | None = None
    """Folder in which what the recipe's base gives is kept for later commands."""


def evaluate(job: Job, progress: Progress) -> Evaluation:
    """Ask, measure, and measure calm calls under the same settings.

    Raises:
        TrainingError, ModelError, CallFolderError: one line on what is wrong and what to do.
    """
    conditions = chosen(job.conditions, job.modality)
    prior = parsed_prior(job.operating_prior)
    manifest = read_manifest(job.manifest, job.modality)
    if job.split is not None:
        manifest = _of_split(manifest, job.split)
    noises = _noises(job.noise, conditions)
    if job.leave_one_out is None:
        answers, score, settings = _asked(job, manifest, conditions, prior, noises, progress)
    else:
        answers, score, settings = _left_out(job, manifest, conditions, prior, noises, progress)
    calm = None if job.calm is None else calm_answers(score, job.calm, job.modality)
    return evaluation_of(answers, settings, calm)


def _asked(
    job: Job,
    manifest: Manifest,
    conditions: tuple[str, ...],
    prior: Prior | None,
    noises: list[Waveform],
    progress: Progress,
) -> tuple[Answers, Scorer, Settings]:
    label_map = parsed_label_map(job.label_map)
    spec = ModelSpec(job.model, operating_prior=prior)
    if job.operating_prior == NO_PRIOR:
        spec = ModelSpec(job.model, training_prior=UNIFORM, operating_prior=UNIFORM)
    model: Any = load_audio_model(spec) if job.modality == "audio" else load_text_model(spec)
    answers = answers_of(
        model.probabilities,
        manifest,
        conditions,
        label_map=label_map,
        skipped_labels=job.skipped_labels,
        noises=noises,
        progress=progress,
    )
    used = None if job.operating_prior == NO_PRIOR else prior or model.operating_prior
    settings = Settings(job.modality, model.model_id, "as the job runs it", used)
    return answers, model.probabilities, settings


def _left_out(
    job: Job,
    manifest: Manifest,
    conditions: tuple[str, ...],
    prior: Prior | None,
    noises: list[Waveform],
    progress: Progress,
) -> tuple[Answers, Scorer, Settings]:
    by = tuple(column.strip() for column in (job.leave_one_out or "").split(","))
    if len(by) > 2:  # noqa: PLR2004
        msg = f"--leave-one-out {job.leave_one_out}: name one column, or two"
        raise TrainingError(msg)
    recipe = read_recipe(job.recipe, job.modality)
    label_map = parsed_label_map(job.label_map)
    if label_map is not None:
        recipe = recipe.model_copy(update={"labels": label_map})
    used = prior or (None if job.operating_prior == NO_PRIOR else recipe.operating_prior)
    found = leave_one_out(
        manifest,
        recipe,
        by,
        conditions,
        operating_prior=used,
        skipped_labels=job.skipped_labels,
        noises=noises,
        features=job.features,
        progress=progress,
    )
    settings = Settings(
        job.modality, f"recipe {Path(job.recipe).stem}", f"{' and '.join(by)} unseen", used
    )
    return found.answers, found.score, settings


def parsed_prior(text: str) -> Prior | None:
    """Three shares; None where the text names none.

    Raises:
        TrainingError: they are none.
    """
    if text in (OWN_PRIOR, NO_PRIOR):
        return None
    try:
        return checked_prior([float(share) for share in text.split(",")], "--operating-prior")
    except (ModelError, ValueError):
        msg = (
            f"--operating-prior {text}: give three shares above 0 that sum to 1, such as "
            f"0.25,0.50,0.25, {OWN_PRIOR}, or {NO_PRIOR}"
        )
        raise TrainingError(msg) from None


def parsed_label_map(text: str | None) -> dict[str, str] | None:
    """``label=sentiment,…``; ``labels_of`` checks the words.

    Raises:
        TrainingError: an entry has no ``=``.
    """
    if text is None:
        return None
    pairs = [entry.partition("=") for entry in text.split(",")]
    if not all(label.strip() and sentiment.strip() for label, _, sentiment in pairs):
        msg = f"--label-map {text}: give label=negative and so on, with commas between"
        raise TrainingError(msg)
    return {label.strip(): sentiment.strip() for label, _, sentiment in pairs}


def _of_split(manifest: Manifest, split: str) -> Manifest:
    if manifest.split is None or not (manifest.split == split).any():
        msg = f"manifest {manifest.file} has no row whose split is {split}: leave out --split"
        raise TrainingError(msg)
    return manifest.where(manifest.split == split)


def _noises(folder: Path | None, conditions: tuple[str, ...]) -> list[Waveform]:
    if not needs_noise(conditions):
        return []
    if folder is None:
        msg = "noisy conditions need --noise: name a folder of sounds that training has not heard"
        raise TrainingError(msg)
    return read_noises(folder)
