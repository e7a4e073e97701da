"""One contract for whatever scores, in the worker or far away: many inputs in, an outcome for each.

    inputs, drawn one by one ─► scorer ─► outcomes, in the same order

A scorer draws its inputs as it has room for them, so a local one holds one window at a time and a
remote one keeps calls in flight while the next window is still being heard. An outcome
depends on its own input alone, never on what else is in the batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from udfs.events import MODEL_FAILED
from udfs.models.contract import AudioModel, TextModel, Triple, ask

ModelFailure = Literal[
    "model_error",  # the model itself failed
    "bad_answer",  # it answered what is no triple
    "throttled",  # the service takes no more, after all retries
    "timeout",  # no answer within the time limit
    "unavailable",  # the service failed or could not be reached, after all retries
    "refused",  # the service does not take this request: rights, name, content
    "breaker_open",  # not asked: it failed too often in a row
    "redaction_failed",  # not asked: personal data could not be taken out
]
MissingReason = (
    Literal["no_audio", "withheld", "no_speech", "no_words", "unsupported_language", "no_model"]
    | ModelFailure
)
"""Why a modality has no score. After ``model_error`` and those beside it a call is incomplete."""

MODEL_FAILURES: frozenset[str] = frozenset(ModelFailure.__args__)  # type: ignore[attr-defined]

Waveform: TypeAlias = NDArray[np.float32]
"""(80000,) in -1..1 at 16 kHz."""


class Outcome(NamedTuple):
    """What became of one input."""

    triple: Triple | None
    missing: MissingReason | None
    """Why there is no triple."""
    model_id: str | None
    """Who gave the triple."""
    embedding: bytes | None = None
    """As ``Answer.embedding``."""

    @property
    def has_failed(self) -> bool:
        return self.missing in MODEL_FAILURES


class Text(NamedTuple):
    """What a text scorer reads."""

    text: str
    language: str
    """Its language tag."""
    may_send_raw: bool = False
    """Whether a model of others may get it with the personal data in it."""


Input = TypeVar("Input")
Input_contra = TypeVar("Input_contra", contravariant=True)
Model = TypeVar("Model", bound=AudioModel | TextModel)


class Scorer(Protocol[Input_contra]):
    def score(self, inputs: Iterable[Input_contra]) -> Iterator[Outcome]:
        """One outcome for each input, in their order; never raises for an input.

        Several threads may score at once.
        """
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


AudioScorer: TypeAlias = Scorer[Waveform]
TextScorer: TypeAlias = Scorer[Text]


class NoModel:
    """Where a modality is left out."""

    def score(self, inputs: Iterable[object]) -> Iterator[Outcome]:
        for _ in inputs:
            yield Outcome(None, "no_model", None)

    def close(self) -> None: ...


class _Local(Generic[Model]):
    """A model in this process."""

    def __init__(self, model: Model, *, with_embedding: bool = False) -> None:
        self._model = model
        self._with_embedding = with_embedding
        self._one_at_a_time = Lock()  # a model is others' code, and may not bear a second thread

    def close(self) -> None: ...

    def _outcomes(self, inputs: Iterable[Any]) -> Iterator[Outcome]:
        for one in inputs:
            with self._one_at_a_time:
                outcome = self._outcome(one)
            yield outcome

    def _outcome(self, one: Any) -> Outcome:
        try:
            answer = ask(self._model, one, with_embedding=self._with_embedding)
        except Exception as error:  # a model is others' code: whatever it raises is a missing score
            # The type alone: a message may quote its input.
            MODEL_FAILED.log(model=self._model.model_id, error=type(error).__name__)
            return Outcome(None, "model_error", None)
        return Outcome(answer.triple, None, self._model.model_id, answer.embedding)


class LocalAudio(_Local[AudioModel]):
    """A model in this process as a scorer."""

    def score(self, inputs: Iterable[Waveform]) -> Iterator[Outcome]:
        return self._outcomes(inputs)


class LocalText(_Local[TextModel]):
    """A model in this process as a scorer."""

    def score(self, inputs: Iterable[Text]) -> Iterator[Outcome]:
        return self._outcomes(one.text for one in inputs)


class WithFallback(Generic[Input]):
    """Asks ``second`` about every input on which ``first`` failed."""

    def __init__(self, first: Scorer[Input], second: Scorer[Input]) -> None:
        self._first = first
        self._second = second

    def score(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        unanswered: deque[Input] = deque()

        def noted() -> Iterator[Input]:
            for one in inputs:
                unanswered.append(one)
                yield one

        for outcome in self._first.score(noted()):
            one = unanswered.popleft()
            yield next(self._second.score([one])) if outcome.has_failed else outcome

    def close(self) -> None:
        self._first.close()
        self._second.close()
