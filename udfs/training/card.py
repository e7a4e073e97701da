"""A model's card: README.md, from recipe, data and scores; nobody's words and nobody's name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from udfs.training.dataset import Dataset
from udfs.training.errors import TrainingError
from udfs.training.recipe import Recipe

CARD = "README.md"
_TASK = {"audio": "audio-classification", "text": "text-classification"}
_BEGIN, _END = "<!-- scores -->", "<!-- /scores -->"


def write_card(output: Path, recipe: Recipe, data: Dataset) -> None:
    """Write the card beside ``config.json`` and ``scores.json``."""
    scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
    config = json.loads((output / "config.json").read_text(encoding="utf-8"))
    card = recipe.card
    language = [f"language: {card.language}"] if card.language else []
    front = [
        "---",
        f"license: {card.licence}",
        *language,
        f"pipeline_tag: {_TASK[recipe.modality]}",
        "tags: [emotion, sentiment, calls]",
        "---",
    ]
    settings = json.dumps(recipe.model_dump(exclude={"card"}, exclude_none=True), indent=1)
    sections = [
        "\n".join(front),
        f"# {output.resolve().name}",
        card.about,
        "## Data",
        card.data,
        _counts(data),
        "## Recipe",
        card.recipe,
        f"`call-sentiment train {recipe.modality}` with\n\n```json\n{settings}\n```",
        "## Probabilities",
        _probabilities(config),
        "## Scores",
        f"{_BEGIN}\n{score_table(scores)}\n{_END}",
        "## Use and limits",
        card.limits,
    ]
    text = "\n\n".join(section.strip() for section in sections if section.strip())
    (output / CARD).write_text(text + "\n", encoding="utf-8")


def write_scores(model: Path, table: str) -> None:
    """Put other scores into a card that training wrote.

    Raises:
        TrainingError: there is no such card.
    """
    card = model / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        msg = f"{card} is no card that training wrote: name the folder of a trained model"
        raise TrainingError(msg)
    card.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def _counts(data: Dataset) -> str:
    speakers = data.own.speakers
    by = "" if speakers is None else f" of {len(set(speakers))} speakers"
    counts = Counter(data.manifest.labels.tolist())
    labels = ", ".join(
        f"{label} {counts[label]} ({sentiment})"
        for label, sentiment in data.labels.label_map.items()
    )
    extra = len(data.manifest) - len(data.own)
    more = f", and {extra} extra ones" if extra else ""
    return f"{len(data.own)} examples{by}{more}: {labels}."


def _probabilities(config: Mapping[str, Any]) -> str:
    def shares(prior: tuple[float, ...]) -> str:
        return " / ".join(f"{share:.0%}" for share in prior)

    text = (
        f"Logits are divided by {config['calibration_temperature']}, which fitted people whom "
        "training had not heard. The model learnt to expect "
        f"{shares(config['training_prior'])} negative, neutral and positive"
    )
    prior = config.get("operating_prior")
    if prior is None:
        return f"{text}; no operating prior corrects this unless the settings give one."
    return (
        f"{text}; by Bayes' rule its probabilities are corrected to {shares(prior)}, unless the "
        "settings give another operating prior."
    )


def score_table(scores: Mapping[str, Any]) -> str:
    """Rows of macro-F1 and recalls."""
    lines = [
        "| | macro-F1 | recall of negative / neutral / positive | examples |",
        "|---|---:|---|---:|",
    ]
    for name, value in scores.items():
        recalls = " / ".join(f"{recall:.2f}" for recall in value["recall"].values())
        lines.append(f"| {name} | {value['macro_f1']:.3f} | {recalls} | {value['examples']} |")
    return "\n".join(lines)
