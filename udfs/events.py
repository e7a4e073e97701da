"""What the job logs: one JSON object a line, under a name that stays.

    {"event": "load_failed", "table": "call_segment", "attempt": 3, ...}

Fields are counts, names of our own and codes of services: never what was said, nor who spoke, nor a
value of a row. So an exception's text goes in only where its class promises as much.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

LOGGER = "call_sentiment"
_LOG = logging.getLogger(LOGGER)


@dataclass(frozen=True, eq=False)
class Event:
    """One name and all that is to be known of it."""

    name: str
    level: int
    meaning: str
    action: str

    @property
    def level_name(self) -> str:
        return logging.getLevelName(self.level)

    def log(self, **fields: str | int | float) -> None:
        """Write one line."""
        _LOG.log(self.level, "%s", json.dumps({"event": self.name, **fields}))


STEP_OPENED = Event(
    "step_opened",
    logging.INFO,
    "a step of the job has begun in a worker, with its process id",
    "Nothing at a start; at another time a worker was lost: see `job-restarts`.",
)
SUPPRESSION_UNREAD = Event(
    "suppression_unread",
    logging.WARNING,
    "the suppression list could not be read again, with where and why; the one known holds on",
    "Let the job's role list and read `suppression/` under the output root.",
)
SUPPRESSION_KEY_LACKING = Event(
    "suppression_key_lacking",
    logging.ERROR,
    "the suppression list has entries under keys that are not given: they keep nobody out",
    "Name the keys in `pseudonyms.former.key.files` or `pseudonyms.former.secret.arns`.",
)
MODEL_FAILED = Event(
    "model_failed",
    logging.ERROR,
    "a local model raised on an input, with the model and the error's kind",
    "The model's own fault: try it by `call-sentiment offline` on such a call.",
)
REMOTE_CALL_FAILED = Event(
    "remote_call_failed",
    logging.WARNING,
    "a request to a remote model brought no answer, with the service's code",
    "By its reason: `throttled` wants quota or instances, `refused` rights or another name.",
)
REMOTE_ANSWER_BROKEN = Event(
    "remote_answer_broken",
    logging.ERROR,
    "a remote model answered what is no answer, with the error's kind",
    "Its container does not keep the contract of the README's models section.",
)
BREAKER_OPENED = Event(
    "breaker_opened",
    logging.WARNING,
    "a remote model failed too often in a row and is left alone for a while",
    "See the alarm `breaker-open`.",
)
BREAKER_CLOSED = Event("breaker_closed", logging.INFO, "a remote model answers again", "Nothing.")
TEXT_NOT_REDACTED = Event(
    "text_not_redacted",
    logging.ERROR,
    "personal data could not be taken out of a text, with the error's kind; it was neither sent "
    "nor stored",
    "One text is its own fault; many tell of a package without Presidio.",
)
LOAD_FAILED = Event(
    "load_failed",
    logging.WARNING,
    "an attempt to load a batch into the warehouse failed; it is tried again",
    "By its reason: see the alarm `warehouse-fails`.",
)
LOAD_STATE_UNKNOWN = Event(
    "load_state_unknown",
    logging.WARNING,
    "Redshift could not be asked how a load fares; it is asked again",
    "Nothing, unless it goes on: then Redshift's Data API throttles.",
)
STAGED_OBJECT_LEFT = Event(
    "staged_object_left",
    logging.WARNING,
    "an object that was loaded could not be deleted from the staging area",
    "The bucket's lifecycle deletes it; mend `s3:DeleteObject` if it goes on.",
)

EVENTS: Mapping[str, Event] = {
    value.name: value for value in list(globals().values()) if isinstance(value, Event)
}
"""By name."""
