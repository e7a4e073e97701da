"""The labelled sentences: generated ones from templates, and held-out ones written by hand."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from udfs.evaluation.redaction.values import Values
from udfs.redaction.findings import KINDS, Found, Kind

Form: TypeAlias = Literal["written", "spoken"]
Source: TypeAlias = Literal["generated", "handwritten", "held_out"]

_FOLDER: Final = Path(__file__).parent
_PLACE: Final = re.compile(r"\{(\w+)\}")
_LABEL: Final = re.compile(r"\[(\w+)\|([^\]]*)\]")
_KIND_OF: Final[dict[str, Kind]] = {
    **{kind: kind for kind in KINDS},
    "birth_date_full": "birth_date",
    "first_name": "name",
    "last_name": "name",
}
_NEGATIVE: Final = "negative"
_NEGATIVES_PER_KIND: Final = 4
"""So many times as many sentences without personal data as with one kind of it."""
_PUNCTUATION: Final = re.compile(r"[.,!?;:]")
WRITTEN_ONLY: Final = frozenset({"de"})
"""Languages of which nothing that is read out is known yet."""


class Sentence(NamedTuple):
    """A sentence and the personal data in it."""

    text: str
    language: str
    form: Form
    source: Source
    labels: tuple[Found, ...]


def generated(seed: int, per_kind: int) -> Iterator[Sentence]:
    """Sentences from the templates.

    Args:
        seed: the same one makes the same sentences.
        per_kind: so many of each kind, form and language.
    """
    templates = tomllib.loads((_FOLDER / "templates.toml").read_text(encoding="utf-8"))
    for language, kinds in templates.items():
        for kind, texts in kinds.items():
            forms: tuple[Form, ...] = ("written", "spoken")
            for form in forms[:1] if language in WRITTEN_ONLY else forms:
                dice = random.Random(f"{seed}/{language}/{kind}/{form}")  # noqa: S311  # no secret
                count = per_kind * _NEGATIVES_PER_KIND if kind == _NEGATIVE else per_kind
                for number in range(count):
                    yield _filled(texts[number % len(texts)], language, form, Values(dice))


def handwritten(source: Literal["handwritten", "held_out"]) -> Iterator[Sentence]:
    """The sentences that were written by hand; of the held-out ones nothing was learnt."""
    for file in sorted(_FOLDER.glob(f"{source}.*.txt")):
        language = file.name.split(".")[1]
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                mark, _, marked = line.partition("\t")
                yield _labelled(marked, language, "spoken" if mark == "s" else "written", source)


def _filled(template: str, language: str, form: Form, values: Values) -> Sentence:
    text = ""
    labels: list[Found] = []
    at = 0
    for place in _PLACE.finditer(template):
        text += _said(template[at : place.start()], form)
        value = values.made(place[1], spoken=form == "spoken", language=language)
        if kind := _KIND_OF.get(place[1]):
            labels.append(Found(kind, len(text), len(text) + len(value)))
        text += value
        at = place.end()
    return Sentence(text + _said(template[at:], form), language, form, "generated", tuple(labels))


def _said(text: str, form: Form) -> str:
    """As a recogniser of speech without punctuation writes it."""
    return text if form == "written" else _PUNCTUATION.sub("", text).lower()


def _labelled(marked: str, language: str, form: Form, source: Source) -> Sentence:
    text = ""
    labels: list[Found] = []
    at = 0
    for label in _LABEL.finditer(marked):
        text += marked[at : label.start()]
        labels.append(Found(_KIND_OF[label[1]], len(text), len(text) + len(label[2])))
        text += label[2]
        at = label.end()
    return Sentence(text + marked[at:], language, form, source, tuple(labels))
