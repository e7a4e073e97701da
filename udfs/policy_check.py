"""Rules that never decide, and cases that no rule decides.

A policy looks only at a subject's role, consent, channel, and at which of the file's jurisdictions
and languages hold; so a few values stand for all there are, and every case can be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import product
from typing import NamedTuple, TypeVar

from udfs.jurisdictions import COUNTRIES, UNKNOWN
from udfs.policy import (
    CHANNELS,
    CONSENTS,
    MODALITIES,
    ROLES,
    Modality,
    Policy,
    Subject,
    is_language_in,
)

OTHER_LANGUAGE = "qaa"
"""Of the range that RFC 5646 leaves to private use: a language that no policy names."""


class Unreachable(NamedTuple):
    """A rule that never decides about a modality."""

    rule: str
    modality: Modality
    behind: tuple[str, ...]
    """The rules that decide in its place; none: it fits no case at all."""


class Gap(NamedTuple):
    """Cases that no rule decides: the modality is withheld there."""

    modality: Modality
    subjects: tuple[Subject, ...]


class PolicyFindings(NamedTuple):
    unreachable: tuple[Unreachable, ...]
    gaps: tuple[Gap, ...]


def check_policy(policy: Policy) -> PolicyFindings:
    """Try every case that the policy can tell apart."""
    found = [_check(policy, modality) for modality in MODALITIES]
    return PolicyFindings(
        tuple(one for unreachable, _ in found for one in unreachable),
        tuple(gap for _, gap in found if gap.subjects),
    )


def _check(policy: Policy, modality: Modality) -> tuple[list[Unreachable], Gap]:
    deciding: set[str] = set()
    hidden_behind: dict[str, dict[str, None]] = {}
    undecided: list[Subject] = []
    for subject in cases(policy):
        if modality == "audio" and subject.channel == "chat":
            continue  # a chat has no voice
        fitting = [rule.id for rule in policy.fitting_rules(modality, subject)]
        if not fitting:
            undecided.append(subject)
            continue
        deciding.add(fitting[0])
        for hidden in fitting[1:]:
            hidden_behind.setdefault(hidden, {})[fitting[0]] = None
    unreachable = [
        Unreachable(rule.id, modality, tuple(hidden_behind.get(rule.id, ())))
        for rule in policy.file.rules
        if rule.use_of(modality) is not None and rule.id not in deciding
    ]
    return unreachable, Gap(modality, tuple(undecided))


def cases(policy: Policy) -> Iterator[Subject]:
    """One subject for each case that the policy's rules can tell apart."""
    conditions = [rule.when for rule in policy.file.rules]
    places = [UNKNOWN, *policy.file.groups, *sorted(COUNTRIES)]
    named = {name for when in conditions for name in when.jurisdiction}
    named |= {name for members in policy.file.groups.values() for name in members}
    tags = sorted({tag for when in conditions for tag in when.language})
    by_place = _one_each(
        [*places, *sorted(named)],
        lambda place: tuple(policy.is_in(place, when.jurisdiction) for when in conditions),
    )
    by_language = _one_each(
        ["", OTHER_LANGUAGE, *tags],
        lambda tag: tuple(is_language_in(tag, when.language) for when in conditions),
    )
    for role, place, consent, language, channel in product(
        ROLES, by_place, CONSENTS, by_language, CHANNELS
    ):
        yield Subject(role, place, consent, language, channel)


_Value = TypeVar("_Value")


def _one_each(values: Iterable[_Value], kind: Callable[[_Value], Hashable]) -> list[_Value]:
    """The first value of each kind."""
    found: dict[Hashable, _Value] = {}
    for value in values:
        found.setdefault(kind(value), value)
    return list(found.values())
