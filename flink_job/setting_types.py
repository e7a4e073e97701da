"""What the settings' groups are made of: values of strings, each checked and of one meaning."""

from __future__ import annotations

import re
from math import isclose
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from flink_job.shown_values import shown
from udfs.fusion import LABELS
from udfs.models.contract import Prior


class SettingsError(ValueError):
    """A setting cannot be used. One line: group, key, value, and what to do."""

    def __init__(self, group: str, key: str, value: object, remedy: str) -> None:
        self.group, self.key = group, key
        super().__init__(
            f"settings: group {_name(group)}, key {_name(key)}, value {shown(key, value)}: {remedy}"
        )


def _name(text: str) -> str:
    return shown("", text)


def key_of(name: str) -> str:
    return name.replace("_", ".")


class Group(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=key_of, populate_by_name=True
    )


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _names(value: object) -> object:
    parts = _split(value)
    return tuple(part for part in parts if part) if isinstance(parts, tuple) else parts


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    entries = [entry.partition("=") for entry in value.split(",") if entry.strip()]
    if any(not separator for _, separator, _ in entries):
        msg = "not of the form label=negative,other=positive"
        raise ValueError(msg)
    return {label.strip(): sentiment.strip() for label, _, sentiment in entries}


LANGUAGE = re.compile(r"\*|[a-z]{2,3}")  # ISO 639
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)")


def _prior(value: object) -> object:
    parts = _split(value)
    if not isinstance(parts, tuple):
        return parts
    msg = "not three shares above 0 that sum to 1, such as 0.15,0.70,0.15"
    try:
        shares = tuple(float(part) for part in parts)
    except ValueError:
        raise ValueError(msg) from None
    # so that NaN, of which nothing is true, fails
    is_right = all(share > 0 for share in shares) and isclose(sum(shares), 1, abs_tol=0.001)
    if len(shares) != len(LABELS) or not is_right:
        raise ValueError(msg)
    return shares


def _languages(value: object) -> object:
    parts = _split(value)
    if isinstance(parts, tuple) and not all(LANGUAGE.fullmatch(part) for part in parts):
        msg = "not primary language subtags such as en,de, or * for any"
        raise ValueError(msg)
    return parts


def _timestamp(value: object) -> object:
    if isinstance(value, str) and not _TIMESTAMP.fullmatch(value):
        msg = "not of the form 2026-11-23T12:00:00.000-00:00"
        raise ValueError(msg)
    return value


def _endpoint(value: object) -> object:
    if isinstance(value, str):
        url = _url(value)
        if url is None or url.scheme not in ("http", "https") or not url.hostname:
            msg = "not of the form http://host:port"
            raise ValueError(msg)
    return value


def _place(value: object) -> object:
    url = _url(value) if isinstance(value, str) else None
    if isinstance(value, str) and (url is None or url.scheme not in ("", "file", "s3", "s3a")):
        msg = "not of the form s3a://bucket/prefix, nor a folder"
        raise ValueError(msg)
    return value


def _url(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Millis = Annotated[int, Field(ge=0, le=86_400_000)]
PositiveMillis = Annotated[int, Field(ge=1, le=86_400_000)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
OptionalCount = Annotated[
    Annotated[int, Field(ge=1, le=10_000_000)] | None, BeforeValidator(_empty_is_none)
]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]
OptionalEndpoint = Annotated[
    str | None, BeforeValidator(_endpoint), BeforeValidator(_empty_is_none)
]
Place = Annotated[str, BeforeValidator(_place)]
OptionalPlace = Annotated[str | None, BeforeValidator(_place), BeforeValidator(_empty_is_none)]
OptionalPrior = Annotated[Prior | None, BeforeValidator(_prior), BeforeValidator(_empty_is_none)]
LabelMap = Annotated[
    dict[str, Literal["negative", "neutral", "positive"]] | None,
    BeforeValidator(_pairs),
    BeforeValidator(_empty_is_none),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Languages = Annotated[tuple[str, ...], BeforeValidator(_languages)]
OptionalTimestamp = Annotated[
    str | None, BeforeValidator(_timestamp), BeforeValidator(_empty_is_none)
]
Days = Annotated[int, Field(ge=1, le=36_500)]
