"""Who must not come back: the suppression list, and whether a call or a person stands on it.

The list names nobody: an entry holds a digest of a call's id, of a person's id or of a pseudonym.
Digests are HMAC-SHA-256 under the key of the pseudonyms, so that nobody without it can try out ids;
where there is no key they are under a random salt, which stands beside them. An entry tells the
fingerprint of its key: after a rotation the old key must still be given to match it.

An entry of a call holds for ever. One of a person holds for calls that started before the erasure:
so a replayed stream brings nobody back, and who calls again later is heard anew.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from udfs.call_state import OpenCall
from udfs.records import PersonSuppressed

EntryKind: TypeAlias = Literal["call", "person", "pseudonym", "voice"]
"""A voice, somebody's in one call, stands in receipts and never on the list."""

_CACHED_IDS = 50_000


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the list."""

    kind: EntryKind
    under: str
    """``key:`` and a key's fingerprint, or ``salt:`` and the salt itself, both hexadecimal."""
    digest: str
    before_ms: int | None = None
    """Of a person or pseudonym: it holds for calls that started before, epoch milliseconds."""
    dt: str | None = None
    """Of a call or voice: the date of its rows' partition, if known."""
    from_ms: int | None = None
    """Of a voice: from here on, from the call's start."""


class SuppressionListError(ValueError):
    """A file of the list cannot be read."""


class Digester:
    """Makes digests under one key, or under a salt."""

    def __init__(self, under: str, secret: bytes) -> None:
        self.under = under
        self._secret = secret

    def digest(self, kind: EntryKind, value: str) -> str:
        """64 hexadecimal digits."""
        return hmac.new(self._secret, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()

    def call(self, call_id: str, dt: str | None) -> Entry:
        """The entry of a call, with the date of its rows if known."""
        return Entry("call", self.under, self.digest("call", call_id), dt=dt)

    def voice(self, call_id: str, participant_id: str, dt: str | None, from_ms: int) -> Entry:
        """What a receipt tells of somebody's voice in a call, from some time on."""
        digest = self.digest("voice", f"{call_id}\0{participant_id}")
        return Entry("voice", self.under, digest, dt=dt, from_ms=from_ms)

    def person(self, person_id: str, person_keys: Iterable[str], before_ms: int) -> list[Entry]:
        """The entries of a person and of every pseudonym the person has had.

        Args:
            person_id: as the producer writes it.
            person_keys: the pseudonyms, one a key.
            before_ms: calls that started before are suppressed, epoch milliseconds.
        """
        return [
            Entry("person", self.under, self.digest("person", person_id), before_ms),
            *(
                Entry("pseudonym", self.under, self.digest("pseudonym", key), before_ms)
                for key in person_keys
            ),
        ]


def digester(keys: Sequence[bytes], salt: bytes) -> Digester:
    """What new entries are made with: the first key, or the salt where there is none."""
    if keys:
        return Digester(_under_key(keys[0]), keys[0])
    return Digester(f"salt:{salt.hex()}", salt)


def digesters(unders: Iterable[str], keys: Sequence[bytes]) -> Iterator[Digester]:
    """What existing entries are matched with, as far as their keys are given."""
    by_under = {_under_key(key): key for key in keys}
    for under in sorted(set(unders)):
        how, _, secret = under.partition(":")
        if how == "salt":
            yield Digester(under, bytes.fromhex(secret))
        elif under in by_under:
            yield Digester(under, by_under[under])


def _under_key(key: bytes) -> str:
    fingerprint = hashlib.sha256(b"call-sentiment suppression key\0" + key).hexdigest()
    return f"key:{fingerprint[:16]}"


class Suppression(Protocol):
    """What is asked about every record, call and row."""

    @property
    def has_persons(self) -> bool:
        """Whether anybody is on the list by person."""

    def has_call(self, call_id: str) -> bool:
        """Whether a call must not come back."""

    def person_before_ms(self, person_id: str | None, person_key: str | None) -> int | None:
        """Calls of this person that started before must not come back; None: all may."""

    def add_call(self, call_id: str, dt: str | None) -> None:
        """Put a call on the list that was found to be a suppressed person's."""


class SuppressionList:
    """Entries, ready to be asked."""

    def __init__(self, entries: Iterable[Entry], keys: Sequence[bytes]) -> None:
        """Take entries, and the keys under which they may have been made: the current one first."""
        self.entries = frozenset(entries)
        self._digests = {
            (one.kind, one.under, one.digest): one.before_ms or 0 for one in self.entries
        }
        self._digesters = list(digesters((one.under for one in self.entries), keys))
        self.has_persons = any(one.kind != "call" for one in self.entries)
        known = {each.under for each in self._digesters}
        self.unknown_keys = frozenset(one.under for one in self.entries) - known
        """Fingerprints of keys that are not given: their entries match nobody."""
        self.has_call = lru_cache(_CACHED_IDS)(self._has_call)
        self.person_before_ms = lru_cache(_CACHED_IDS)(self._person_before_ms)

    @property
    def dates(self) -> frozenset[str]:
        """The partitions in which the calls' rows are, as far as known."""
        return frozenset(one.dt for one in self.entries if one.dt is not None)

    def _has_call(self, call_id: str) -> bool:
        return self._find("call", call_id) is not None

    def _person_before_ms(self, person_id: str | None, person_key: str | None) -> int | None:
        found = [
            None if person_id is None else self._find("person", person_id),
            None if person_key is None else self._find("pseudonym", person_key),
        ]
        return max((before for before in found if before is not None), default=None)

    def _find(self, kind: EntryKind, value: str) -> int | None:
        found = [
            before_ms
            for each in self._digesters
            if (before_ms := self._digests.get((kind, each.under, each.digest(kind, value))))
            is not None
        ]
        return max(found, default=None)


class NoSuppression:
    """Nobody is suppressed: for runs without a lake."""

    @property
    def has_persons(self) -> bool:
        return False

    def has_call(self, call_id: str) -> bool:
        return False

    def person_before_ms(self, person_id: str | None, person_key: str | None) -> int | None:
        return None

    def add_call(self, call_id: str, dt: str | None) -> None:
        raise AssertionError


NO_SUPPRESSION = NoSuppression()


def persons_in(value: Any) -> Iterator[tuple[str | None, str | None]]:
    """Every ``(person_id, person_key)`` in a record's JSON, valid or not."""
    if isinstance(value, list):
        for one in value:
            yield from persons_in(one)
    elif isinstance(value, Mapping):
        person_id, person_key = value.get("person_id"), value.get("person_key")
        pair = (
            person_id if isinstance(person_id, str) else None,
            person_key if isinstance(person_key, str) else None,
        )
        if pair != (None, None):
            yield pair
        for one in value.values():
            yield from persons_in(one)


def before_ms_of(fields: Mapping[str, Any], suppression: Suppression) -> int | None:
    """Before when a call must have started for a record's persons to suppress it; None: never."""
    found = [suppression.person_before_ms(*pair) for pair in persons_in(fields)]
    return max((before_ms for before_ms in found if before_ms is not None), default=None)


def has_suppressed_person(call: OpenCall, suppression: Suppression) -> bool:
    """Whether an open call is one that a person's erasure takes with it."""
    if call.started is None or not suppression.has_persons:
        return False
    before = [
        suppression.person_before_ms(None, voice.participant.person_key)
        for voice in call.voices.values()
    ]
    return any(
        before_ms is not None and call.started.started_at_ms < before_ms for before_ms in before
    )


def is_taken_along(call: OpenCall | None, found: PersonSuppressed) -> bool:
    """Whether a call goes because a record of it names a suppressed person.

    Where the call's start is not known, or no longer, it goes: rather too much than too little.
    """
    if call is None or call.started is None:
        return True
    return call.started.started_at_ms < found.before_ms


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


def entry_lines(entries: Iterable[Entry]) -> bytes:
    """Entries as the file of the list holds them: one JSON object a line, in a fixed order."""
    return b"".join(line + b"\n" for line in sorted(map(_encoder.encode, set(entries))))


def parsed_entries(data: bytes) -> list[Entry]:
    """The entries of a file.

    Raises:
        SuppressionListError: it is no file of the list.
    """
    try:
        return [_decoder.decode(line) for line in data.splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise SuppressionListError from error
