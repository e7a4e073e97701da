"""What of the dead letters was sent again: files under ``<root>/replays/``, written beside it.

    claim ─► <attempt>-000000.intent.jsonl ─► send ─► <attempt>-000000.outcome.jsonl

At most once: a record's key is in an intent before it is sent. What an intent has and its outcome
has not, because the process was killed between the two, was perhaps sent: it is never sent again
and told as such. What an outcome calls released was certainly not sent, and is free. Two processes
may replay at once: each reads all intents after it has written its own, and lets go of what another
has claimed too. A file holds keys, no content.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from connectors.lake_files import Lake, LakeError
from udfs.dead_letters import Attempt, RejectKey

FOLDER: Final = "replays"
_INTENT, _OUTCOME = ".intent.jsonl", ".outcome.jsonl"

_Lines: TypeAlias = dict[RejectKey, bool | None]
"""Of an outcome: whether the record was sent."""


class ReplayLedger:
    """The attempts of one lake, and this process's own."""

    def __init__(self, lake: Lake, now_ms: int) -> None:
        """Begin an attempt, of which nothing is written yet.

        Args:
            lake: of the rejects.
            now_ms: epoch milliseconds; stands in the attempt's name.
        """
        self._lake = lake
        self._attempt = f"{now_ms:013d}-{uuid.uuid4().hex[:8]}"
        self._num_claims = 0
        self._known: dict[str, _Lines] = {}

    def attempts(self) -> dict[RejectKey, Attempt]:
        """Every record that was sent again, or perhaps was.

        Raises:
            LakeError: a file cannot be read.
        """
        found: dict[RejectKey, Attempt] = {}
        for claim, keys in self._claims().items():
            at_ms = int(claim.partition("-")[0])
            for key, is_sent in keys.items():
                before = found.get(key)
                if before is None or (is_sent and not before.is_sent):
                    found[key] = Attempt(is_sent, at_ms)
        return found

    def claim(self, keys: Sequence[RejectKey]) -> tuple[str, frozenset[RejectKey]]:
        """Say that these records will be sent now; the claim, and what it has got of them.

        Raises:
            LakeError: it could not be written.
        """
        claim = f"{self._attempt}-{self._num_claims:06d}"
        self._num_claims += 1
        self._write(claim + _INTENT, ((key, None) for key in keys))
        others = {
            key for other, claimed in self._claims().items() if other != claim for key in claimed
        }
        return claim, frozenset(keys) - others

    def settle(self, claim: str, sent: Iterable[RejectKey], released: Iterable[RejectKey]) -> None:
        """Say what became of a claim; of what is not named nobody knows.

        Raises:
            LakeError: it could not be written.
        """
        outcome = [*((key, True) for key in sent), *((key, False) for key in released)]
        if outcome:
            self._write(claim + _OUTCOME, outcome)

    def _claims(self) -> dict[str, dict[RejectKey, bool]]:
        """By claim, whether each of its records was certainly sent; without the released."""
        for file in self._lake.files(FOLDER):
            if file.name not in self._known and file.name.endswith((_INTENT, _OUTCOME)):
                self._known[file.name] = _parsed(self._lake.read_bytes(file.path), file.path)
        claims: dict[str, dict[RejectKey, bool]] = {}
        for name, keys in self._known.items():
            if name.endswith(_INTENT):
                claim = name.removesuffix(_INTENT)
                outcome = self._known.get(claim + _OUTCOME, {})
                claims[claim] = {
                    key: bool(outcome.get(key)) for key in keys if outcome.get(key) is not False
                }
        return claims

    def _write(self, name: str, lines: Iterable[tuple[RejectKey, bool | None]]) -> None:
        text = "".join(_line(key, is_sent) for key, is_sent in lines)
        self._lake.put_bytes(f"{self._lake.base}/{FOLDER}/{name}", text.encode())


def _line(key: RejectKey, is_sent: bool | None) -> str:
    stream, shard, sequence_number = key
    entry = {"stream": stream, "shard": shard, "sequence_number": sequence_number}
    told = {} if is_sent is None else {"sent": is_sent}
    return json.dumps(entry | told) + "\n"


def _parsed(data: bytes, path: str) -> _Lines:
    return dict(_entries(data, path))


def _entries(data: bytes, path: str) -> Iterator[tuple[RejectKey, bool | None]]:
    try:
        for line in data.splitlines():
            entry = json.loads(line)
            key = (entry["stream"], entry["shard"], entry["sequence_number"])
            yield key, entry.get("sent")
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path}: is no file of the replay ledger; put back what was there"
        raise LakeError(msg) from error
