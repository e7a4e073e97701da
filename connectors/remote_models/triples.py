"""What a remote model said, as a triple; whatever is not one is a bad answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from connectors.remote_models.client import CallError
from connectors.remote_models.spec import RemoteSpec
from udfs.models.contract import Triple
from udfs.models.labels import KNOWN_LABELS, SENTIMENTS, normalised, with_operating_prior

SUM_TOLERANCE = 0.02
"""How far the probabilities may be from 1 in all: rounding, or labels of next to no weight."""
_UNIFORM = (1 / 3, 1 / 3, 1 / 3)


def answers_of_json(body: bytes, count: int) -> list[Any]:
    """A model server's answers to so many inputs: the only one's as it is, several's from a list.

    Raises:
        CallError: it is no JSON, or not of so many inputs.
    """
    try:
        said = json.loads(body)
    except ValueError:
        raise bad_answer("no JSON") from None
    if count == 1:
        return [said]
    if not isinstance(said, list) or len(said) != count:
        raise bad_answer("not as many answers as inputs; the server must take several a request")
    return said


def triple_of_answer(said: Any, spec: RemoteSpec) -> Triple:
    """The answer to one input.

    Either what Hugging Face's containers give for every label, ``[{"label": "POSITIVE", "score":
    0.9}, …]``, or our own ``{"negative": …, "neutral": …, "positive": …}``; alone or in a list.

    Raises:
        CallError: it is neither.
    """
    while isinstance(said, list) and len(said) == 1 and not _is_label(said[0]):
        said = said[0]
    if isinstance(said, dict):
        return triple_of(said, spec)
    if not isinstance(said, list) or not all(_is_label(entry) for entry in said):
        raise bad_answer("neither labels with scores nor three sentiments")
    return triple_of_labels([(str(entry["label"]), entry["score"]) for entry in said], spec)


def triple_of_labels(scores: list[tuple[str, object]], spec: RemoteSpec) -> Triple:
    """Every label of a classifier with its probability.

    Raises:
        CallError: a label has no sentiment, or the probabilities are none.
    """
    known = KNOWN_LABELS
    if spec.label_map is not None:
        known = {label.lower(): sentiment for label, sentiment in spec.label_map.items()}
    sums = dict.fromkeys(SENTIMENTS, 0.0)
    for label, score in scores:
        sentiment = known.get(label.lower())
        if sentiment is None:
            raise bad_answer("a label that stands for no sentiment; set label.map")
        sums[sentiment] += _probability(score)
    return triple_of(sums, spec)


def triple_of(
    shares: Mapping[str, object], spec: RemoteSpec, tolerance: float = SUM_TOLERANCE
) -> Triple:
    """Three sentiments with their probabilities, corrected by the priors in the settings.

    Raises:
        CallError: one is lacking, or they are no probabilities that sum to 1.
    """
    if set(shares) != set(SENTIMENTS):
        raise bad_answer("not negative, neutral and positive")
    negative, neutral, positive = (_probability(shares[sentiment]) for sentiment in SENTIMENTS)
    if not math.isclose(negative + neutral + positive, 1.0, abs_tol=tolerance):
        raise bad_answer("probabilities that do not sum to 1; the model must tell every label's")
    triple = normalised(negative, neutral, positive)
    if spec.operating_prior is None:
        return triple
    return with_operating_prior(triple, spec.training_prior or _UNIFORM, spec.operating_prior)


def bad_answer(what: str) -> CallError:
    return CallError("bad_answer", what)


def _is_label(entry: object) -> bool:
    return isinstance(entry, dict) and set(entry) == {"label", "score"}


def _probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise bad_answer("a score that is no probability")
    return float(value)
