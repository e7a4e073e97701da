"""Amazon Comprehend: up to 25 utterances of one language a call.

https://docs.aws.amazon.com/comprehend/latest/APIReference/API_BatchDetectSentiment.html
Its fourth sentiment, MIXED, is both good and bad: half of it counts as negative, half as positive.
It is billed by units of 100 characters, three at least an utterance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.remote_models.client import CallError, DeadlineClient
from connectors.remote_models.payloads import clean
from connectors.remote_models.remote_scorer import Reply
from connectors.remote_models.spec import RemoteSpec
from connectors.remote_models.triples import triple_of
from udfs.models.scorer import ModelFailure, Outcome, Text

MAX_BYTES = 5_000
LANGUAGES = frozenset({"de", "en", "es", "it", "pt", "fr", "ja", "ko", "hi", "ar", "zh"})
TRADITIONAL_CHINESE = "zh-TW"
MODEL_ID = "comprehend:sentiment"
_CHARACTERS_PER_UNIT, _LEAST_UNITS = 100, 3
_FAILED_ALONE = "internal"
"""In an error's code: the service's own failure, which a second try may mend."""


class Comprehend:
    """A ``Service``."""

    inputs_per_call = 25

    def __init__(self, spec: RemoteSpec) -> None:
        self._spec = spec
        self._client = DeadlineClient("comprehend", spec)

    def kind_of(self, one: Text) -> str | None:
        """Its language's code."""
        return language_code(one.language)

    def ask(self, inputs: Sequence[Text], deadline_s: float) -> Reply:
        language = language_code(inputs[0].language)
        texts = [cut(one.text) for one in inputs]
        first = self._detect(texts, language, deadline_s)
        outcomes = self._outcomes(first, len(texts))
        again = [place for place, one in enumerate(outcomes) if one.missing == "unavailable"]
        retries = first["ResponseMetadata"]["RetryAttempts"]
        if again:  # in part, which botocore does not count as a failure
            second = self._detect([texts[place] for place in again], language, deadline_s)
            retries += 1 + second["ResponseMetadata"]["RetryAttempts"]
            for place, outcome in zip(again, self._outcomes(second, len(again)), strict=True):
                outcomes[place] = outcome
        units = sum(units_of(text) for text, one in zip(texts, outcomes, strict=True) if one.triple)
        return Reply(outcomes, retries, units * self._spec.price_input)

    def close(self) -> None:
        self._client.close()

    def _detect(self, texts: list[str], language: str | None, deadline_s: float) -> Any:
        return self._client.call(
            "batch_detect_sentiment", deadline_s, TextList=texts, LanguageCode=language
        )

    def _outcomes(self, response: Any, count: int) -> list[Outcome]:
        """By place; what it does not speak of is a bad answer."""
        outcomes = [Outcome(None, "bad_answer", None)] * count
        for result in response.get("ResultList", ()):
            outcomes[result["Index"]] = self._outcome(result.get("SentimentScore", {}))
        for error in response.get("ErrorList", ()):
            outcomes[error["Index"]] = Outcome(None, _reason(error.get("ErrorCode", "")), None)
        return outcomes

    def _outcome(self, scores: dict[str, float]) -> Outcome:
        try:
            mixed = scores["Mixed"] / 2
            shares = {
                "negative": scores["Negative"] + mixed,
                "neutral": scores["Neutral"],
                "positive": scores["Positive"] + mixed,
            }
            return Outcome(triple_of(shares, self._spec), None, MODEL_ID)
        except (KeyError, TypeError, CallError):
            return Outcome(None, "bad_answer", None)


def language_code(tag: str) -> str | None:
    """Comprehend's code of a language tag; None: it does not know the language."""
    parts = tag.replace("_", "-").lower().split("-")
    if parts[0] == "zh" and {"tw", "hk", "mo", "hant"} & set(parts[1:]):
        return TRADITIONAL_CHINESE
    return parts[0] if parts[0] in LANGUAGES else None


def cut(text: str) -> str:
    """As much of a text as Comprehend reads, whole characters."""
    return clean(text).encode()[:MAX_BYTES].decode("utf-8", "ignore")


def units_of(text: str) -> int:
    return max(_LEAST_UNITS, -(-len(text) // _CHARACTERS_PER_UNIT))


def _reason(code: str) -> ModelFailure:
    return "unavailable" if _FAILED_ALONE in code.lower() else "refused"
