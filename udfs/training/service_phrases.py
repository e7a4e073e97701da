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
NUM_EXAMPLES = 5_000
SEED = 0
SPOKEN_SHARE = 0.5
"""How often a phrase is as a speech recogniser writes, else with capitals and punctuation."""
COMMA_SHARE = 0.6
_SLOT = re.compile(r"{(\w+)}")


def phrase_rows() -> Iterator[dict[str, str]]:
    """The drawn phrases (split ``train``), and those kept for judging (split ``phrases``)."""
    for text, label in service_examples(NUM_EXAMPLES, SEED):
        yield {"text": text, "label": label, "split": "train", "kind": ""}
    for row in judged_rows():
        yield {**row, "split": "phrases"}


def judged_rows() -> list[dict[str, str]]:
    """Text, label and kind: ``formula``, ``sincere thanks`` or ``complaint``."""
    with (PHRASES / "judged.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def service_examples(num_examples: int, seed: int) -> Iterator[tuple[str, str]]:
    """Phrases and labels in the grammar's shares; none is among the judged ones."""
    grammar = Grammar(random.Random(seed))  # noqa: S311 (not a secret)
    judged = {plain(row["text"]) for row in judged_rows()}
    drawn = 0
    while drawn < num_examples:
        text, label = grammar.example()
        if plain(text) not in judged:
            drawn += 1
            yield text, label


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
        for number, part in enumerate(parts, start=1):
            words = re.sub(r"\bi\b", "I", part)
            comma = number < len(parts) and self._draw.random() < COMMA_SHARE
            asks = part.split()[0] in self._grammar["question_words"]
            end = ", " if comma else "? " if asks else ". "
            text += (words[:1].upper() + words[1:] if capital else words) + end
            capital = not comma
        return text.strip()
