"""What to do about a value that a setting cannot have, in words that name no program's types."""

from __future__ import annotations

from typing import Final

from pydantic_core import ErrorDetails

_REMEDIES: Final = {
    "missing": "is required; set it",
    "string_too_short": "is empty; set it",
    "too_short": "is empty; set it",
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number such as 0.5",
    "finite_number": "write a finite number",
    "bool_parsing": "write true or false",
    "literal_error": "write {expected}",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write a number of at least {ge}",
    "less_than": "write a number below {lt}",
    "less_than_equal": "write a number of at most {le}",
    "string_pattern_mismatch": "write what matches {pattern}",
}


def remedy_for(error: ErrorDetails) -> str:
    """One of pydantic's errors as what to do about it."""
    known = _REMEDIES.get(error["type"])
    if known is not None:
        return known.format_map(error.get("ctx", {}))
    message = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]
