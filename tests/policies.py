"""Policies and subjects, named and random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from udfs.policy import CHANNELS, CONSENTS, ROLES, Policy, PolicyFile, Subject

PLACES = ["DE", "FR", "US", "US-CA", "US-NY", "NO", "unknown", "Elbonia", "", "EU", "WIDE"]
LANGUAGES = ["en", "en-US", "de", "de-AT", ""]


def rule(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "reason": "a test", **fields}


def policy(*rules: dict[str, Any], **fields: Any) -> Policy:
    return Policy(PolicyFile.model_validate({"version": "test-1", "rules": rules, **fields}))


def subject(
    role: str = "customer",
    jurisdiction: str = "US-CA",
    consent: str = "given",
    language: str = "en-US",
    channel: str = "call",
) -> Subject:
    return Subject(role, jurisdiction, consent, language, channel)


def subjects() -> st.SearchStrategy[Subject]:
    return st.builds(
        Subject,
        st.sampled_from(ROLES),
        st.sampled_from(PLACES),
        st.sampled_from(CONSENTS),
        st.sampled_from(LANGUAGES),
        st.sampled_from(CHANNELS),
    )


def _some(values: list[str] | tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.just([]) | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@st.composite
def policies(draw) -> Policy:
    """One to five rules over a handful of places and languages."""
    rules = []
    for number in range(draw(st.integers(1, 5))):
        uses = draw(
            st.fixed_dictionaries(
                {}, optional={m: st.sampled_from(["score", "withhold"]) for m in ("audio", "text")}
            )
        )
        when = {
            "role": draw(_some(ROLES)),
            "jurisdiction": draw(_some(["DE", "US", "US-CA", "unknown", "EU", "WIDE"])),
            "consent": draw(_some(CONSENTS)),
            "language": draw(_some(["en", "de", "de-AT", "unknown"])),
            "channel": draw(_some(CHANNELS)),
        }
        keep = draw(st.booleans())
        rules.append(
            rule(f"r{number}", when=when, keep_rejects=keep, **(uses or {"text": "score"}))
        )
    return policy(*rules, groups={"EU": ["DE", "FR"], "WIDE": ["EU", "NO"]})
