"""Persons by pseudonym: ``person_key`` = HMAC-SHA-256 of ``person_id`` under a secret key, in hex.

It is computed at the door, so that no ``person_id`` is in state or leaves the job. The same key
gives the same person the same pseudonym in every call; without the key nobody can tell whose it is,
nor try out ids. Without a key there are no pseudonyms, and the ids are dropped all the same.

Rotation: a new key gives everybody a new pseudonym. Put it in place of the old one and restart the
job: calls that start afterwards carry the new pseudonyms, rows already written keep the old ones.
To find a person across a rotation (to erase them, or to count calls over the change) keep the old
keys, apart from the job, for as long as rows made under them are kept: look for the pseudonym under
each. Once such a key is destroyed, its pseudonyms belong to nobody any more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

MIN_KEY_BYTES = 32
"""As long as the digest (RFC 2104, section 3)."""


class PseudonymKeyError(Exception):
    """A key cannot be used; the message says why and never quotes it."""


class Pseudonyms:
    """Gives persons their pseudonyms."""

    def __init__(self, key: bytes | None) -> None:
        """Take the key; None: nobody has a pseudonym.

        Raises:
            PseudonymKeyError: the key is too short to be secret.
        """
        if key is not None and len(key) < MIN_KEY_BYTES:
            msg = f"the key has {len(key)} bytes; use {MIN_KEY_BYTES} random ones or more"
            raise PseudonymKeyError(msg)
        self._key = key

    def person_key(self, person_id: str | None) -> str | None:
        """64 hexadecimal digits; None without a person or without a key."""
        if person_id is None or self._key is None:
            return None
        return hmac.new(self._key, person_id.encode(), hashlib.sha256).hexdigest()

    def hide_persons(self, fields: dict[str, Any]) -> bytes:
        """A record's JSON object, written with pseudonyms in place of every ``person_id``."""
        hidden = self._hidden(fields)
        return json.dumps(hidden, ensure_ascii=False, separators=(",", ":")).encode()

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._hidden(one) for one in value]
        if not isinstance(value, dict):
            return value
        hidden = {name: self._hidden(one) for name, one in value.items() if name != "person_id"}
        person_id = value.get("person_id")
        person_key = self.person_key(person_id) if isinstance(person_id, str) else None
        return {**hidden, "person_key": person_key} if person_key else hidden
