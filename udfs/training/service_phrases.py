"""What people say on service calls whatever they feel, written for this project.

Comments on the web know "thank you" as joy and "sorry" as remorse; on a call both are mostly
formulas. The neutral phrases teach that; the others keep it from being taught too well.
``phrases/`` has the lines, the grammar that combines them, and ``judged.csv``: formulas, sincere
thanks and complaints that are never drawn for training.
"""

from __future__ import annotations

import csv
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from udfs.training.examples import plain

PHRASES = Path(__file__).parent / "phrases"
SENTIMENTS = ("negative", "neutral", "positive")
NUM_EXAMPLES = 15_000
SEED = 0
SPOKEN_SHARE = 0.5
"""How often a phrase is as a speech recogniser writes, else with capitals and punctuation."""
COMMA_SHARE = 0.6
NEAR_COPY = 0.75
"""The likeness to a phrase held out from which a drawn one counts as a copy of it."""
_SLOT = re.compile(r"{(\w+)}")


def phrase_rows() -> Iterator[dict[str, str]]:
    """The drawn phrases (split ``train``), and those kept for judging (split ``phrases``)."""
    for text, label in service_examples(NUM_EXAMPLES, SEED):
        yield {"text": text, "label": label, "split": "train", "kind": ""}
    for row in development_rows():
        yield {**row, "split": "phrases-dev"}
    for row in judged_rows():
        yield {**row, "split": "phrases"}


def judged_rows() -> list[dict[str, str]]:
    """Text, label and kind: ``formula``, ``sincere thanks`` or ``complaint``."""
    return _read("judged.csv")


def development_rows() -> list[dict[str, str]]:
    """The same of other phrases, by which recipes are chosen."""
    return _read("development.csv")


def _read(name: str) -> list[dict[str, str]]:
    with (PHRASES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def service_examples(num_examples: int, seed: int) -> Iterator[tuple[str, str]]:
    """Phrases and labels in the grammar's shares; none is nearly one of those held out."""
    grammar = Grammar(random.Random(seed))  # noqa: S311 (not a secret)
    held_out = [words_of(row["text"]) for row in (*judged_rows(), *development_rows())]
    drawn = 0
    while drawn < num_examples:
        text, label = grammar.example()
        words = words_of(text)
        if max(likeness(words, others) for others in held_out) < NEAR_COPY:
            drawn += 1
            yield text, label


def words_of(text: str) -> frozenset[str]:
    return frozenset(plain(text).split())


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of words two texts have in common: 1 for the same words in any order."""
    return len(one & other) / max(1, len(one | other))


class Grammar:
    """Draws phrases: a shape, its slots filled, and theirs."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._grammar = tomllib.loads((PHRASES / "grammar.toml").read_text(encoding="utf-8"))
        self._lines = {
            label: (PHRASES / f"{label}.txt").read_text(encoding="utf-8").splitlines()
            for label in SENTIMENTS
        }
        slots = "|".join(self._grammar["parts"])
        self._parts = re.compile(rf"{{(?:{slots})}}|(?:(?!{{(?:{slots})}}).)+")

    def example(self) -> tuple[str, str]:
        """One phrase and its label."""
        shares = self._grammar["shares"]
        (label,) = self._draw.choices(list(shares), list(shares.values()))
        shape = self._draw.choice(self._grammar["shapes"][label])
        filled = [self._filled(part, label).strip() for part in self._parts.findall(shape)]
        parts = [part for part in filled if part]
        spoken = self._draw.random() < SPOKEN_SHARE
        return " ".join(parts) if spoken else self._written(parts), label

    def _filled(self, text: str, label: str) -> str:
        def fill(slot: re.Match[str]) -> str:
            name = slot[1]
            choices = self._lines[label] if name == "phrase" else self._grammar["slots"][name]
            return self._filled(self._draw.choice(choices), label)

        return _SLOT.sub(fill, text)

    def _written(self, parts: list[str]) -> str:
        text, capital = "", True
        for part, after in zip(parts, [*parts[1:], ""], strict=True):
            words = re.sub(r"\bi\b", "I", part)
            runs_on = after.split(" ")[0] in self._grammar["connecting_words"]
            comma = bool(after) and self._draw.random() < COMMA_SHARE
            asks = part.split()[0] in self._grammar["question_words"]
            end = " " if runs_on else ", " if comma else "? " if asks else ". "
            text += (words[:1].upper() + words[1:] if capital else words) + end
            capital = not (runs_on or comma)
        return text.strip()
