"""What the files of a call folder may say: ``call.json`` and the lines of ``transcript.jsonl``.

Text flows in, checked entries flow out. What does not fit is a ``CallFolderError`` that names the
file, the line and the field, and never quotes what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from udfs.envelope import Limits
from udfs.records import Role

LIMITS: Final = Limits()
"""A folder may hold what the door lets in, so that a replay is refused nothing."""


class CallFolderError(Exception):
    """A call folder cannot be used; the message says where and what to do."""


_Id = Annotated[str, Field(min_length=1, max_length=LIMITS.id_characters, pattern=r"^[^\x00]*$")]
_Tag = Annotated[str, Field(min_length=1, max_length=35)]  # RFC 5646, section 4.4.1
_CallTimeMs = Annotated[int, Field(ge=0, le=LIMITS.offset_ms)]


class Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ConsentEntry(Line):
    at_ms: _CallTimeMs
    consent: bool
    retroactive: bool = False


class ParticipantEntry(Line):
    participant_id: _Id
    role: Role
    person_id: _Id | None = None
    consent: bool | None = None
    audio: str | None = None
    channel: int = Field(default=0, ge=0)
    offset_ms: _CallTimeMs = 0
    joined_ms: _CallTimeMs | None = None
    consent_changes: list[ConsentEntry] = Field(default=[], max_length=100)


class CallFile(Line):
    call_id: _Id
    started_at_ms: int = Field(ge=0)
    language: _Tag
    jurisdiction: _Tag
    participants: list[ParticipantEntry] = Field(min_length=1, max_length=LIMITS.participants)


class UtteranceLine(Line):
    type: Literal["utterance"] = "utterance"
    call_id: _Id | None = None
    participant_id: _Id
    utterance_id: _Id
    start_ms: _CallTimeMs
    end_ms: _CallTimeMs
    text: str = Field(max_length=LIMITS.text_characters)
    language: _Tag | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    is_partial: bool = False


_Model = TypeVar("_Model", bound=Line)


def parse(model: type[_Model], text: bytes, where: str) -> _Model:
    """One entry, checked.

    Raises:
        CallFolderError: it does not fit; ``where`` is named, its content is not.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as err:
        wrong = err.errors(include_url=False, include_input=False, include_context=False)
        msg = "; ".join(f"{where}: {_place(error['loc'])}{error['msg']}" for error in wrong)
    # outside of the except clause: pydantic's own error quotes what was said
    raise CallFolderError(msg)


def _place(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location)) + ": " if location else ""
