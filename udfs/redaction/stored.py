"""What of a refused record may be stored with its reject: its words without personal data."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import msgspec

from udfs.events import TEXT_NOT_REDACTED
from udfs.record_json import CallRecord, record_json
from udfs.records import RejectNotice, Utterance

Redact = Callable[[str, str], str]
"""A text and its language's tag to the text without personal data."""

MAX_CHARACTERS: Final = 20_000
"""A longer text is not looked through, and so not stored."""


def first_use() -> Redact:
    """A redactor that is loaded when the first text comes: most jobs refuse none."""
    loaded: list[Redact] = []

    def redact(text: str, language: str) -> str:
        if not loaded:
            from udfs.redaction.redactor import Redactor  # noqa: PLC0415 - takes seconds

            loaded.append(Redactor().redact)
        return loaded[0](text, language)

    return redact


class StoredContent:
    """Makes what is stored of refused records."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def of(self, record: CallRecord | RejectNotice) -> bytes | None:
        """The record's bytes, its words redacted; None where that could not be done."""
        try:
            if isinstance(record, RejectNotice):
                is_read_already = record.is_audio or record.payload is None
                return record.payload if is_read_already else self._of_json(record.payload or b"")
            if isinstance(record, Utterance):
                text = self._redacted(record.text, record.language)
                return record_json(msgspec.structs.replace(record, text=text))
            return record_json(record)
        except Exception as error:  # whatever it is: never the raw text
            # The type alone: a message may quote the text.
            TEXT_NOT_REDACTED.log(error=type(error).__name__)
            return None

    def _of_json(self, payload: bytes) -> bytes:
        fields = json.loads(payload)
        if "text" not in fields:
            return payload
        language = fields.get("language")
        text = self._redacted(fields["text"], language if isinstance(language, str) else "")
        if text == fields["text"]:
            return payload
        changed = fields | {"text": text}
        return json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()

    def _redacted(self, text: object, language: str) -> str:
        if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
            msg = "no text, or too long a one"
            raise ValueError(msg)
        return self._redact(text, language)
