"""What may be scored: first-match rules over role, jurisdiction, consent, language and channel.

A policy file (YAML 1.2; ``policies/policy.schema.json`` is its JSON Schema) flows in, checked. A
``Policy`` flows out, which gives a ``Ruling`` for the voice or the words of one ``Subject``. The
first rule that fits and speaks of the modality decides; where none does, it is withheld.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from udfs.jurisdictions import UNKNOWN, jurisdiction_of, lies_in
from udfs.records import Role

Modality: TypeAlias = Literal["audio", "text"]
Use: TypeAlias = Literal["score", "withhold"]
Consent: TypeAlias = Literal["given", "refused", "unknown"]
Channel: TypeAlias = Literal["call", "chat"]

MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
CONSENTS: Final[tuple[Consent, ...]] = get_args(Consent)
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)

DEFAULT_POLICY: Final = Path(__file__).parent / "policies" / "default.yaml"
NO_RULE: Final = "(no rule)"


class PolicyError(Exception):
    """A policy file cannot be used; the message is one line that says where and what to do."""


class Subject(NamedTuple):
    """Whose voice or words, and under what circumstances."""

    role: Role
    jurisdiction: str
    """As the producer wrote it."""
    consent: Consent
    language: str
    """A tag of RFC 5646; empty: unknown."""
    channel: Channel
    """``call`` for what is spoken, ``chat`` for what is written."""


class Ruling(msgspec.Struct, frozen=True, array_like=True):
    """What policy says of one modality of one subject; kept in state."""

    is_withheld: bool
    keeps_rejects: bool
    """Whether the content of a refused record may be stored with its reject."""
    rule: str
    """Id of the rule that decided."""
    may_send_raw: bool = False
    """Whether a model of others may get the words as they are, personal data and all."""


def consent_of(consent: bool | None) -> Consent:
    """A record's ``consent`` in the words of a policy."""
    return "unknown" if consent is None else "given" if consent else "refused"


# --- the file ------------------------------------------------------------------------------------

_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
_Group = Annotated[str, Field(max_length=100, pattern=r"^[A-Z][A-Z0-9._-]*$")]
_Prose = Annotated[str, Field(min_length=1, max_length=2_000)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Entry):
    """Where a rule fits; what is left out fits everything."""

    role: Annotated[tuple[Role, ...], Field(description="agent, customer")] = ()
    jurisdiction: Annotated[
        tuple[str, ...],
        Field(
            description="ISO 3166 codes, their subdivisions within them (US, US-CA), groups of "
            "this file, or unknown"
        ),
    ] = ()
    consent: Annotated[tuple[Consent, ...], Field(description="given, refused, unknown")] = ()
    language: Annotated[
        tuple[str, ...],
        Field(description="RFC 5646 tags, narrower ones within them (en, en-US), or unknown"),
    ] = ()
    channel: Annotated[
        tuple[Channel, ...], Field(description="call for what is spoken, chat for what is written")
    ] = ()


class Rule(_Entry):
    """Says of voice, of words or of both whether they may be scored."""

    id: _Name
    when: Condition = Condition()
    audio: Annotated[Use | None, Field(description="left out: the rule is not about voice")] = None
    text: Annotated[Use | None, Field(description="left out: the rule is not about words")] = None
    keep_rejects: Annotated[
        bool,
        Field(
            description="store the content of a refused record with its reject; what is withheld "
            "is never stored"
        ),
    ] = True
    send_raw: Annotated[
        bool,
        Field(
            description="let models of others have the words as they are; else personal data is "
            "taken out first"
        ),
    ] = False
    reason: _Prose
    sources: tuple[_Prose, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if self.audio is None and self.text is None:
            msg = "says neither audio nor text; add one"
            raise ValueError(msg)
        if self.send_raw and self.text != "score":
            msg = "says send_raw of words that it does not let score; take it out"
            raise ValueError(msg)
        return self

    def use_of(self, modality: Modality) -> Use | None:
        return self.audio if modality == "audio" else self.text


class PolicyFile(_Entry):
    """A call-sentiment policy."""

    version: Annotated[_Name, Field(description="kept with every call it decided about")]
    groups: Annotated[
        Mapping[_Group, tuple[str, ...]],
        Field(description="names for several jurisdictions or groups"),
    ] = {}
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_known(self) -> PolicyFile:
        ids = [rule.id for rule in self.rules]
        twice = {name for name in ids if ids.count(name) > 1}
        if twice:
            msg = f"two rules have the id {min(twice)}; rename one"
            raise ValueError(msg)
        for group in self.groups:
            if jurisdiction_of(group) != UNKNOWN or group.lower() == UNKNOWN:
                msg = f"group {group} has the name of a jurisdiction; rename it"
                raise ValueError(msg)
            list(_members(group, self.groups, ()))
        for rule in self.rules:
            for name in rule.when.jurisdiction:
                list(_members(name, self.groups, ()))
        return self


def _members(name: str, groups: Mapping[str, tuple[str, ...]], within: tuple[str, ...]) -> Any:
    """The codes that a jurisdiction, group or ``unknown`` of a policy file stands for."""
    if name in within:
        msg = f"group {name} contains itself; take it out"
        raise ValueError(msg)
    if name in groups:
        yield name
        for member in groups[name]:
            yield from _members(member, groups, (*within, name))
    elif name == UNKNOWN or jurisdiction_of(name) == name:
        yield name
    else:
        msg = f"jurisdiction {name} is neither an ISO 3166 code (DE, US-CA) nor a group; mend it"
        raise ValueError(msg)


def policy_schema() -> str:
    """The JSON Schema of a policy file."""
    schema = PolicyFile.model_json_schema()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **schema}, indent=2) + "\n"


# --- the rules, applied --------------------------------------------------------------------------


class Policy:
    """The rules of one file."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        self._codes = {
            name: tuple(_members(name, file.groups, ()))
            for rule in file.rules
            for name in rule.when.jurisdiction
        }
        self._rulings = lru_cache(maxsize=10_000)(self._decide)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled into a worker as its rules alone."""
        return Policy, (self.file,)

    @property
    def version(self) -> str:
        return self.file.version

    def ruling(self, modality: Modality, subject: Subject) -> Ruling:
        """What may be done with the voice or the words of a subject."""
        return self._rulings(modality, subject)

    def deciding_rule(self, modality: Modality, subject: Subject) -> Rule | None:
        """The rule that decides; None where none does."""
        return next(self.fitting_rules(modality, subject), None)

    def fitting_rules(self, modality: Modality, subject: Subject) -> Iterator[Rule]:
        """All rules that fit and speak of the modality; the first of them decides."""
        for rule in self.file.rules:
            if rule.use_of(modality) is not None and self._fits(rule.when, subject):
                yield rule

    def _decide(self, modality: Modality, subject: Subject) -> Ruling:
        rule = self.deciding_rule(modality, subject)
        if rule is None or rule.use_of(modality) == "withhold":
            return Ruling(is_withheld=True, keeps_rejects=False, rule=rule.id if rule else NO_RULE)
        return Ruling(
            is_withheld=False,
            keeps_rejects=rule.keep_rejects,
            rule=rule.id,
            may_send_raw=rule.send_raw and modality == "text",
        )

    def _fits(self, when: Condition, subject: Subject) -> bool:
        return (
            (not when.role or subject.role in when.role)
            and (not when.consent or subject.consent in when.consent)
            and (not when.channel or subject.channel in when.channel)
            and (not when.language or is_language_in(subject.language, when.language))
            and (not when.jurisdiction or self.is_in(subject.jurisdiction, when.jurisdiction))
        )

    def is_in(self, jurisdiction: str, names: tuple[str, ...]) -> bool:
        """Whether a place, as a producer writes it, lies in one of a rule's."""
        group = jurisdiction.strip().upper()
        place = group if group in self.file.groups else jurisdiction_of(jurisdiction)
        return any(lies_in(place, code) for name in names for code in self._codes[name])


def is_language_in(language: str, tags: tuple[str, ...]) -> bool:
    """Whether a language is one of the tags or narrower: ``en-US`` is in ``en``."""
    spoken = language.replace("_", "-").lower() or UNKNOWN
    return any(spoken == tag or spoken.startswith(f"{tag}-") for tag in map(_lower, tags))


def _lower(tag: str) -> str:
    return tag.replace("_", "-").lower()


def read_policy(path: Path = DEFAULT_POLICY) -> Policy:
    """The policy of a file.

    Raises:
        PolicyError: it cannot be read, or is no policy.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: {error.strerror or type(error).__name__}; name a policy file"
        raise PolicyError(msg) from None
    except (YAMLError, UnicodeDecodeError) as error:
        first_line = str(error).split("\n", 1)[0]
        msg = f"{path}: not YAML ({first_line}); mend it"
        raise PolicyError(msg) from None
    try:
        return Policy(PolicyFile.model_validate(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        msg = f"{path}: {place}: {str(first['msg']).removeprefix('Value error, ')}"
        raise PolicyError(msg) from None
