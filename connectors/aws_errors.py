"""What a failed call to AWS says, for whoever has to mend it."""

from __future__ import annotations

from typing import Any


def code_of(error: BaseException) -> Any:
    """The service's own code, such as ``AccessDenied``; the error's type where no answer came."""
    answer: dict[str, Any] = getattr(error, "response", {})
    return answer.get("Error", {}).get("Code", type(error).__name__)
