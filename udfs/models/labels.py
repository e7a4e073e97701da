"""From a model's own labels to negative, neutral and positive.

Several labels may mean one sentiment; their probabilities are summed. A label that nobody has
given a meaning stops the start: guessing would put wrong numbers into every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from udfs.models.contract import ModelError, Prior, Triple

SENTIMENTS = Triple._fields

KNOWN_LABELS: Mapping[str, str] = {
    "negative": "negative",
    "neutral": "neutral",
    "positive": "positive",
    # superb/hubert-base-superb-er, superb/wav2vec2-base-superb-er
    "ang": "negative",
    "sad": "negative",
    "neu": "neutral",
    "hap": "positive",
    # the shipped audio model
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "sadness": "negative",
    "happiness": "positive",
    "boredom": "neutral",  # a flat voice; see udfs.training.emodb
}
"""Lower case. cardiffnlp/twitter-roberta-base-sentiment-latest says negative, neutral, positive."""


@dataclass(frozen=True)
class SentimentMap:
    """Which sentiment each output of a model counts for."""

    sentiments: tuple[int, ...]
    """By output: 0 negative, 1 neutral, 2 positive."""

    def triple(self, probabilities: Sequence[float]) -> Triple:
        """Sums the probabilities of a model's outputs; they sum to 1 again."""
        sums = [0.0, 0.0, 0.0]
        for sentiment, probability in zip(self.sentiments, probabilities, strict=True):
            sums[sentiment] += probability
        return normalised(*sums)


def sentiment_map(
    id2label: Mapping[int, str], label_map: Mapping[str, str] | None, owner: str
) -> SentimentMap:
    """The map for the labels of ``owner``; ``label_map`` is used alone where it is given.

    Raises:
        ModelError: a label has no sentiment, or no two sentiments are told apart.
    """
    known = KNOWN_LABELS if label_map is None else {k.lower(): v for k, v in label_map.items()}
    for label, sentiment in known.items():
        if sentiment not in SENTIMENTS:
            message = (
                f"label map of {owner}: {label!r} is mapped to {sentiment!r}; "
                f"choose one of {', '.join(SENTIMENTS)}"
            )
            raise ModelError(message)
    labels = [id2label[index] for index in range(len(id2label))]
    for label in labels:
        if label.lower() not in known:
            message = (
                f"{owner} has the label {label!r}, which stands for no sentiment: "
                f"set a label map for all its labels ({', '.join(labels)})"
            )
            raise ModelError(message)
    sentiments = tuple(SENTIMENTS.index(known[label.lower()]) for label in labels)
    if len(set(sentiments)) == 1:
        message = f"the labels of {owner} ({', '.join(labels)}) all mean the same: set a label map"
        raise ModelError(message)
    return SentimentMap(sentiments)


def with_operating_prior(triple: Triple, training: Prior, operating: Prior) -> Triple:
    """Bayes' correction for other class shares: p' is proportional to p x operating / training."""
    return normalised(*(p * o / t for p, o, t in zip(triple, operating, training, strict=True)))


def checked_prior(prior: Sequence[float], path: str) -> Prior:
    """Three positive shares that sum to 1.

    Raises:
        ModelError: they are not.
    """
    if len(prior) != len(SENTIMENTS) or min(prior) <= 0 or round(sum(prior), 3) != 1:
        message = (
            f"prior {tuple(prior)} of {path}: give three shares above 0 that sum to 1, "
            "for negative, neutral and positive"
        )
        raise ModelError(message)
    return (prior[0], prior[1], prior[2])


def normalised(negative: float, neutral: float, positive: float) -> Triple:
    total = negative + neutral + positive
    return Triple(negative / total, neutral / total, positive / total)
