"""Where the suppression list lies: travels to the workers, and loads nothing that reads it."""

from __future__ import annotations

from typing import NamedTuple

from connectors.secret_key import KeySource


class SuppressionSource(NamedTuple):
    """Where the list lies and how it is read."""

    root: str
    """The lake's."""
    refresh_s: float
    keys: tuple[KeySource, ...]
    """Of the pseudonyms, the current one first."""
    kms_key_arn: str | None
    region: str
