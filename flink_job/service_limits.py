"""What Managed Service for Apache Flink takes as runtime properties, and what it does not.

The limits are those of ``PropertyGroup`` in its API
(https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_PropertyGroup.html). The service tells
of the first that is broken when the application is created or updated, and names no group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flink_job.setting_types import SettingsError

MAX_GROUPS = 50
MAX_KEYS = 50
MAX_KEY_CHARACTERS = 2_048
MAX_VALUE_CHARACTERS = 2_048
GROUP_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,50}")


def broken_limits(groups: Mapping[str, Mapping[str, Any]]) -> Iterator[SettingsError]:
    """Every limit of the service that property groups break."""
    if len(groups) > MAX_GROUPS:
        yield SettingsError(
            "(all)",
            "(groups)",
            len(groups),
            f"the service takes {MAX_GROUPS} groups; leave some out",
        )
    for group, properties in groups.items():
        if not GROUP_NAME.fullmatch(group):
            yield SettingsError(
                group,
                "(group)",
                group,
                "the service takes 1 to 50 letters, digits, _, . and -; rename it",
            )
        yield from _broken_by_keys(group, properties)


def _broken_by_keys(group: str, properties: Mapping[str, Any]) -> Iterator[SettingsError]:
    if len(properties) > MAX_KEYS:
        yield SettingsError(
            group,
            "(keys)",
            len(properties),
            f"the service takes {MAX_KEYS} keys a group; leave some out",
        )
    for key, value in properties.items():
        if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
            yield SettingsError(
                group,
                key,
                value,
                f"the service takes keys of 1 to {MAX_KEY_CHARACTERS} characters; rename it",
            )
        if not isinstance(value, str):
            yield SettingsError(group, key, value, "write the value as a string in quotes")
        elif len(value) > MAX_VALUE_CHARACTERS:
            yield SettingsError(
                group,
                key,
                value,
                f"has {len(value)} characters; shorten it to the service's {MAX_VALUE_CHARACTERS}",
            )
