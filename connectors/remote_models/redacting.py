"""A remote model of texts that gets them without personal data, unless policy lets it have all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from udfs.events import TEXT_NOT_REDACTED
from udfs.metrics import Metrics, ModelMetrics
from udfs.models.scorer import Outcome, Text, TextScorer
from udfs.redaction.stored import Redact

_NOT_ASKED: Final = Outcome(None, "redaction_failed", None)


class Redacting:
    """A ``Scorer`` before another's model; what it cannot redact it does not send."""

    def __init__(
        self, remote: TextScorer, redact: Redact, metrics: Metrics, names: ModelMetrics
    ) -> None:
        self._remote = remote
        self._redact = redact
        self._metrics = metrics
        self._failed = names.remote_failed["redaction_failed"]

    def score(self, inputs: Iterable[Text]) -> Iterator[Outcome]:
        was_sent: deque[bool] = deque()

        def redacted() -> Iterator[Text]:
            for one in inputs:
                text = self._redacted(one)
                was_sent.append(text is not None)
                if text is not None:
                    yield text

        for outcome in self._remote.score(redacted()):
            while not was_sent.popleft():
                yield self._not_asked()
            yield outcome
        for _ in was_sent:
            yield self._not_asked()

    def close(self) -> None:
        self._remote.close()

    def _redacted(self, one: Text) -> Text | None:
        if one.may_send_raw:
            return one
        try:
            return one._replace(text=self._redact(one.text, one.language))
        except Exception as error:  # whatever it is: never the raw text
            # The type alone: a message may quote the text.
            TEXT_NOT_REDACTED.log(error=type(error).__name__)
            return None

    def _not_asked(self) -> Outcome:
        self._metrics.count(self._failed)
        return _NOT_ASKED
