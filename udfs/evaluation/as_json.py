"""An evaluation as JSON: estimates as objects, numbers of four digits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from udfs.evaluation.measures import Estimate


def as_json(evaluation: Mapping[str, Any]) -> str:
    return json.dumps(plain_values(evaluation), indent=1, allow_nan=False) + "\n"


def plain_values(value: Any) -> Any:
    if isinstance(value, Estimate):
        return {name: plain_values(number) for name, number in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): plain_values(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
