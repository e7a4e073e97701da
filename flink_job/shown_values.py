"""How a setting's value is shown to people: short, on one line, and never a secret.

A password belongs in the environment; somebody will write it into the settings all the same, and
the message that says so goes to a terminal, a log and a ticket.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "(hidden)"
MAX_CHARACTERS = 120

_NAMES = r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|(?:api|access|private)[._-]?key"
_KEY_OF_SECRET = re.compile(_NAMES, re.IGNORECASE)
# secret.arn or token.file say where the secret is, not what it is
_KEY_OF_PLACE = re.compile(r"[._-](?:arn|file|path|name|id)s?$", re.IGNORECASE)
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^:/@\s]*:.*@", re.DOTALL)
_ASSIGNED = re.compile(rf"((?:{_NAMES})[\w.-]*\s*=\s*)[^&;\s]+", re.IGNORECASE)


def shown(key: str, value: object) -> str:
    """A value as a message may quote it.

    Args:
        key: of the setting; one that names a secret hides its value.
        value: anything that a file in JSON may hold.
    """
    if _KEY_OF_SECRET.search(key) and not _KEY_OF_PLACE.search(key):
        return HIDDEN
    if not isinstance(value, str):
        return repr(_without_secrets(value))[:MAX_CHARACTERS]
    text = without_secrets(value)
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:20]}…"
    return repr(text)


def without_secrets(text: str) -> str:
    """A text without the passwords of the URLs and connection strings in it."""
    hidden = _USER_AND_PASSWORD.sub(f"{HIDDEN}@", text)
    return _ASSIGNED.sub(rf"\g<1>{HIDDEN}", hidden)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if isinstance(value, dict):
        return {
            key: HIDDEN if shown(key, "") == HIDDEN else _without_secrets(each)
            for key, each in value.items()
        }
    return value
