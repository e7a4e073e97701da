"""What goes wrong, and when: set by a test, or over HTTP on ``/_faults``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CONFLICT = (
    "ERROR: 1023 DETAIL: Serializable isolation violation on table - 104825, transactions forming "
    "the cycle are: 7654321, 7654322 (pid:17654)"
)


class Faults(BaseModel):
    """Counters run down as they are used; the rest stays until it is set again."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    throttled_requests: Annotated[int, Field(ge=0)] = 0
    """Answered by ThrottlingException."""
    expired_requests: Annotated[int, Field(ge=0)] = 0
    """Answered by ExpiredTokenException: the caller's credentials have run out."""
    lost_answers: Annotated[int, Field(ge=0)] = 0
    """Carried out, but the connection drops before the answer."""
    down: Literal["no", "unavailable", "dropped"] = "no"
    """Every request: 503, or a connection closed without an answer."""
    paused: bool = False
    """The cluster is paused: nothing is taken on."""
    resuming: bool = False
    """The workgroup is on its way up: statements are taken on and stay SUBMITTED."""
    failing_statements: list[str] = Field(default_factory=list)
    """Errors of the next statements or batches, found when they would commit."""
    dies_before_merge: Literal["no", "forgets", "fails", "exits"] = "no"
    """Once, at the next MERGE: its transaction is gone, and the id unknown, or FAILED, or the whole
    process ends."""
