"""An evaluation as one plain structure: what the terminal, the JSON and the page show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udfs.evaluation.answers import Answers
from udfs.evaluation.as_json import as_json
from udfs.evaluation.calm import Calm, calm_shares
from udfs.evaluation.groups import by_group
from udfs.evaluation.measures import NUM_BINS, NUM_DRAWS, Bootstrap, Estimate, always_commonest
from udfs.models.contract import Prior
from udfs.training.recipe import Modality

Evaluation = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What was evaluated, and how."""

    modality: Modality
    model: str
    """A model's id, or which heads were fitted."""
    protocol: str
    """Whether speakers were known to the model, as far as can be said."""
    operating_prior: Prior | None


def evaluation_of(answers: Answers, settings: Settings, calm: Calm | None) -> Evaluation:
    """All measures of all conditions, and of calm calls under the same settings."""
    speakers = answers.manifest.speakers
    conditions = {}
    for condition, triples in answers.triples.items():
        conditions[condition] = {
            "all": Bootstrap(answers.truth, triples, speakers).measured(),
            "groups": by_group(answers.truth, triples, answers.manifest.groups, speakers),
        }
    return {
        "modality": settings.modality,
        "model": settings.model,
        "protocol": settings.protocol,
        "manifest": answers.manifest.file.name,
        "operating_prior": settings.operating_prior,
        "drawn_by": "row" if speakers is None else "speaker",
        "draws": NUM_DRAWS,
        "calibration": f"top probability, {NUM_BINS} equally wide bins",
        "always_commonest": always_commonest(answers.truth),
        "conditions": conditions,
        "calm": None if calm is None else calm_shares(calm),
    }


def number(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.2f}"


def with_interval(estimate: Estimate) -> str:
    """Such as 0.812 (0.774–0.851)."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"


def write_json(evaluation: Evaluation, folder: Path) -> Path:
    """``evaluation.json`` in a folder that is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "evaluation.json"
    file.write_text(as_json(evaluation), encoding="utf-8")
    return file
