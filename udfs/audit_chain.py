"""The audit log's lines: what they may say, how they are chained, and what is wrong with a chain.

    line 1 ◄─ SHA-256 ─ line 2 ◄─ SHA-256 ─ line 3 ◄─ SHA-256 ─ head

Each line is a JSON object and holds its number and the digest of the line before; the head is the
last line's number and digest. A chain shows any change within it. It cannot show that its end was
cut off or written anew, head and all: for that, hold it against a head that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, NamedTuple, Self, TypeAlias

import msgspec

Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hexadecimal."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]

NOTHING_BEFORE: Final[Digest] = "0" * 64


class PolicyInForce(msgspec.Struct, frozen=True, kw_only=True, tag="policy", tag_field="kind"):
    """A job started under a policy that is not the one recorded last."""

    version: str
    """As the policy file names itself."""
    sha256: Digest
    """Of the policy file."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True, tag="erasure", tag_field="kind"):
    """A call, a person or a voice was erased; who, when and why stands in the receipt."""

    scope: Literal["call", "person", "voice"]
    receipt_id: str
    """Random; says nothing of whom it was about."""
    subject_sha256: Digest
    """See ``subject_digest``."""
    receipt_sha256: Digest
    """Of the receipt file."""
    erased: dict[str, Count]
    """By place, how many rows, objects or records."""


class Replay(msgspec.Struct, frozen=True, kw_only=True, tag="replay", tag_field="kind"):
    """Dead letters were sent back to the streams; ``replays/`` has which."""

    rejects: Count
    """So many were looked at."""
    sent: Count
    left: Count
    """So many were to be sent and were not."""


AuditEntry: TypeAlias = PolicyInForce | Erasure | Replay


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the log."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    previous: Digest
    """Of the line before, all its bytes; ``NOTHING_BEFORE`` in the first."""
    at_ms: int
    """Epoch milliseconds."""
    entry: AuditEntry


class Head(NamedTuple):
    """The last line of a log, by which the whole log can be told from any other."""

    number: int
    sha256: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """``NUMBER:SHA256``, as ``str`` writes it.

        Raises:
            ValueError: it is something else.
        """
        match = re.fullmatch(r"([1-9]\d{0,11}):([0-9a-f]{64})", text)
        if match is None:
            msg = "a head is NUMBER:SHA256, as audit verify prints it"
            raise ValueError(msg)
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256}"


def digest(line: bytes) -> str:
    """A line's SHA-256, hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def subject_digest(receipt_id: str, scope: Literal["call", "person"], subject_id: str) -> str:
    """A digest of an erased id: who knows id and receipt can check it, no table can look it up."""
    return digest(f"{receipt_id}\n{scope}\n{subject_id}".encode())


def encode(line: Line) -> bytes:
    """A line as it is stored, with its end."""
    return msgspec.json.encode(line) + b"\n"


def decode(data: bytes) -> Line:
    """The line that was stored.

    Raises:
        ValueError: it is none.
    """
    return msgspec.json.decode(data, type=Line)


def flaws(lines: Mapping[int, bytes], heads: Iterable[Head]) -> list[str]:
    """What shows that a log was tampered with; empty when nothing does.

    Args:
        lines: all that are there, by the number under which they are stored.
        heads: of the log, now or earlier, as noted outside its lines.
    """
    last = max(lines, default=0)
    digests = {0: NOTHING_BEFORE} | {number: digest(lines[number]) for number in lines}
    found = [f"line {number} is gone" for number in range(1, last) if number not in lines]
    for number in sorted(lines):
        try:
            line = decode(lines[number])
        except ValueError:
            found.append(f"line {number} was changed: it is no line of this log")
            continue
        if line.number != number:
            found.append(f"line {number} was changed: it says that it is line {line.number}")
        elif number - 1 in digests and line.previous != digests[number - 1]:
            found.append(
                f"line {number} does not follow line {number - 1}: one of the two was changed"
                if number > 1
                else "line 1 does not begin the log: it was changed, or lines before it are gone"
            )
    for head in dict.fromkeys(heads):
        if head.number > last:
            found.append(f"the log ends with line {last}, and had {head.number}: its end is gone")
        elif head.number in lines and digests[head.number] != head.sha256:
            found.append(f"line {head.number} was changed: it is not the one noted as head")
    return found
